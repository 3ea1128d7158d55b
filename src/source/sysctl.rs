//! `/proc/sys/net`: settings of the reading thread's network namespace.

use std::{fs, io, path::Path};

use crate::{Error, Result, model::ListenLimits};

/// The sysctls that bound listen queues. A setting that this namespace does not show is `None`.
pub fn listen_limits(proc_root: &Path) -> Result<ListenLimits> {
    Ok(ListenLimits {
        somaxconn: number(proc_root, "net/core/somaxconn")?,
        tcp_max_syn_backlog: number(proc_root, "net/ipv4/tcp_max_syn_backlog")?,
        tcp_syncookies: number(proc_root, "net/ipv4/tcp_syncookies")?,
    })
}

/// One number; `None` when the file is absent (child namespaces lack host-wide settings, kernels
/// without SYN cookies lack tcp_syncookies) or holds no number.
fn number(proc_root: &Path, key: &str) -> Result<Option<u32>> {
    let path = proc_root.join("sys").join(key);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file(path)(error)),
    }
}

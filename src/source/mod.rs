//! Reads the kernel, one file per interface. All I/O of the library is here.

mod bytecode;
mod capture;
mod capture_file;
mod cgroup;
mod decision;
mod descriptors;
mod host;
mod inet;
mod interfaces;
mod limit_files;
mod namespace;
mod netlink;
mod netstat;
mod owners;
mod packet;
mod privilege;
mod process;
mod release;
mod sock_diag;
mod sockstat;
mod sysctl;
mod unix;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

pub use capture::Capture;
pub use capture_file::{CaptureFile, CaptureWriter};
pub use cgroup::CgroupNames;
pub use descriptors::{FdQuestion, Found, Relatives};
pub use host::{Host, cpu_time, since_boot};
pub use interfaces::{any_interface_is_up, interfaces};
pub use limit_files::LimitFiles;
pub use namespace::Namespace;
pub use owners::{OwnerSearch, Wanted, may_read_all};
pub use packet::{Cooked, Decoded, LinkType, Packet};
pub use privilege::drop_privileges;
pub use release::is_at_least;
pub use sock_diag::{SockDiag, States, Walk, reports_bound};

use crate::{
    Error, Result,
    model::{Counters, ListenLimits, PortLimits},
};

/// The handle to everything that is read from files: where /proc is.
///
/// `/proc/net` and `/proc/sys/net` speak of the network namespace of the thread that reads them.
#[derive(Debug, Clone)]
pub struct Kernel {
    proc_root: PathBuf,
    net: Option<PathBuf>,
}

impl Default for Kernel {
    fn default() -> Self {
        Self::new()
    }
}

impl Kernel {
    /// Reads /proc.
    pub fn new() -> Self {
        Self::with_proc_root("/proc")
    }

    /// Reads another procfs (a host's, mounted in a container) or a captured tree of files.
    pub fn with_proc_root(proc_root: impl Into<PathBuf>) -> Self {
        Kernel {
            proc_root: proc_root.into(),
            net: None,
        }
    }

    /// The same, but with counters of the network namespace that process `pid` is in. Any user may
    /// read those, without entering the namespace.
    pub fn through_process(&self, pid: u32) -> Self {
        let net = self.proc_root.join(pid.to_string()).join("net");
        Kernel {
            net: Some(net),
            ..self.clone()
        }
    }

    /// Where /proc is.
    pub fn proc_root(&self) -> &Path {
        &self.proc_root
    }

    /// Every number of netstat, snmp, snmp6, sockstat and sockstat6. A file that this kernel does
    /// not have (no IPv6) is left out.
    pub fn counters(&self) -> Result<Counters> {
        let net = self.net_dir();
        let mut text = Vec::with_capacity(LARGEST);
        let mut values = Vec::with_capacity(512);
        for (file, parse) in FILES {
            let path = net.join(file);
            match read(&path, &mut text) {
                Ok(()) => parse(&String::from_utf8_lossy(&text), &mut values),
                Err(error) if error.kind() == io::ErrorKind::NotFound && file != "netstat" => {}
                Err(error) => return Err(Error::file(path)(error)),
            }
        }
        Ok(Counters { values })
    }

    /// One value of /proc/net/netstat or snmp, `None` when this kernel does not print it. Cheaper
    /// than [`Kernel::counters`], for a loop.
    pub fn counter(&self, file: &str, table: &str, name: &str) -> Result<Option<i128>> {
        let path = self.net_dir().join(file);
        let mut text = Vec::with_capacity(LARGEST);
        match read(&path, &mut text) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(path)(error)),
        }
        Ok(netstat::value(&String::from_utf8_lossy(&text), table, name))
    }

    /// The sysctls that bound listen queues.
    pub fn listen_limits(&self) -> Result<ListenLimits> {
        sysctl::listen_limits(&self.proc_root)
    }

    /// The sysctls that bound ephemeral ports and what is kept of closed connections.
    pub fn port_limits(&self) -> Result<PortLimits> {
        sysctl::port_limits(&self.proc_root)
    }

    /// `net.ipv4.tcp_syncookies`; `None` where this namespace does not show it.
    pub fn tcp_syncookies(&self) -> Result<Option<u32>> {
        sysctl::tcp_syncookies(&self.proc_root)
    }

    /// Ids of the processes (thread groups) that may be seen.
    pub fn process_ids(&self) -> Vec<u32> {
        process::pids(&self.proc_root)
    }

    /// Whether there is a process of this name or id that may be seen.
    pub fn has_process(&self, name_or_pid: &str) -> bool {
        process::exists(&self.proc_root, name_or_pid)
    }

    /// `/proc/net` is a link to the namespace of the thread *group leader*; a thread that entered
    /// another namespace must read its own. Captured trees have neither link.
    fn net_dir(&self) -> PathBuf {
        let own = || self.proc_root.join("thread-self/net");
        match &self.net {
            Some(net) => net.clone(),
            None if own().is_dir() => own(),
            None => self.proc_root.join("net"),
        }
    }
}

/// Room for the largest of the files, so that it comes in one piece.
const LARGEST: usize = 16 * 1024;

/// Reads a file of /proc, which does not tell its size, into a buffer that is large enough.
fn read(path: &Path, text: &mut Vec<u8>) -> io::Result<()> {
    text.clear();
    File::open(path)?.read_to_end(text)?;
    Ok(())
}

type Parse = fn(&str, &mut Vec<(crate::model::CounterId, i128)>);

const FILES: [(&str, Parse); 5] = [
    ("netstat", netstat::parse),
    ("snmp", netstat::parse),
    ("snmp6", netstat::parse_list),
    ("sockstat", sockstat::parse),
    ("sockstat6", sockstat::parse6),
];

//! Reads the kernel, one file per interface. All I/O of the library is here.

mod abilities;
mod activity;
mod bind_trial;
mod boot_settings;
mod bpf;
mod bytecode;
mod capture;
mod capture_file;
mod cgroup;
mod conntrack;
mod conntrack_stats;
mod cores;
mod decision;
mod descriptors;
mod files;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod inet;
mod limit_files;
mod links;
mod mount;
mod namespace;
mod netlink;
mod netstat;
mod network;
mod other;
mod owners;
mod packet;
mod privilege;
mod process;
mod regular;
mod signals;
mod sock_diag;
mod socket_options;
mod standard_output;
mod stat;
mod sysctl;
mod unix;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::{
    fd::{BorrowedFd, OwnedFd},
    fs::{CWD, Mode, OFlags, PROC_SUPER_MAGIC},
    io::Errno,
    path::Arg,
};

pub use activity::Activity;
pub use bind_trial::{
    BindTrial, may_bind_privileged, selinux_enforces, try_address, udp_wildcards_miss,
};
pub use bpf::{BoundSocket, BpfUse, QueueReader};
pub use capture::Capture;
pub use capture_file::{CaptureFile, CaptureWriter};
pub use cgroup::CgroupNames;
pub use conntrack::Tracked;
pub use conntrack_stats::conntrack_totals;
pub use descriptors::{FdQuestion, Found, Relatives};
pub use host::{
    Host, addresses, all_interfaces_are_down, cpu_time, interfaces, page_bytes, since_boot,
};
pub use limit_files::LimitFiles;
pub use links::links;
pub use namespace::Namespace;
pub use other::{OtherRequest, SocketFile};
pub use owners::{OwnerSearch, Wanted, may_read_all, why_unreadable};
pub use packet::{Cooked, Decoded, LinkType, Packet};
pub use privilege::{confine, drop_privileges, return_to_real_user};
pub use regular::read_named_file;
pub use signals::{end_at_repeated_signal, is_ignored, was_asked_to_end};
pub use sock_diag::{SockDiag, SocketRequest, Walk, reports_bound};
pub use socket_options::{keepalive_options, port_options};
pub use standard_output::check_stdout;

use crate::{
    Error, Result,
    model::{CounterId, Counters},
};

/// Reads files of /proc.
///
/// `/proc/net` and `/proc/sys/net` describe the network namespace of the thread that reads them.
#[derive(Debug, Clone)]
pub struct Kernel {
    proc_root: PathBuf,
    /// Its files are the kernel's; otherwise it is a captured tree, in which anything may be.
    is_procfs: bool,
    net: Option<PathBuf>,
    bpf: BpfUse,
}

/// More than any file of /proc has: mountinfo of a host with 50,000 mounts.
const LARGEST: u64 = 16 * 1024 * 1024;

impl Default for Kernel {
    fn default() -> Self {
        Self::new()
    }
}

impl Kernel {
    /// Reads /proc.
    pub fn new() -> Self {
        Self::below("/proc".into())
    }

    /// Reads another procfs (a host's, mounted in a container) or a captured tree of files. Fails
    /// unless it is a directory.
    pub fn with_proc_root(proc_root: impl Into<PathBuf>) -> Result<Self> {
        let root = proc_root.into();
        match fs::metadata(&root) {
            Ok(found) if found.is_dir() => Ok(Self::below(root)),
            Ok(_) => Err(Error::file(root)(io::ErrorKind::NotADirectory.into())),
            Err(error) => Err(Error::file(root)(error)),
        }
    }

    fn below(proc_root: PathBuf) -> Self {
        let fs = rustix::fs::statfs(&proc_root);
        Kernel {
            is_procfs: fs.is_ok_and(|fs| fs.f_type == PROC_SUPER_MAGIC),
            proc_root,
            net: None,
            bpf: BpfUse::default(),
        }
    }

    /// Uses BPF in other places than where it saves time.
    pub fn with_bpf(self, bpf: BpfUse) -> Self {
        Kernel { bpf, ..self }
    }

    pub fn bpf(&self) -> BpfUse {
        self.bpf
    }

    /// The root of the first process: a procfs of another host or container, or a captured one,
    /// belongs to other files than ours.
    fn root(&self) -> PathBuf {
        match self.proc_root() {
            root if root == Path::new("/proc") => "/".into(),
            root => root.join("1/root"),
        }
    }

    /// Reads the counters of the network namespace that process `pid` is in. Any user may read
    /// them, without entering the namespace.
    pub fn through_process(&self, pid: u32) -> Self {
        Kernel {
            net: Some(self.process_dir(pid).join("net")),
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
        let mut values = Vec::with_capacity(512);
        for (file, parse) in FILES {
            let path = net.join(file);
            match self.read(&path) {
                Ok(text) => parse(&text, &mut values),
                Err(error) if error.kind() == io::ErrorKind::NotFound && file != "netstat" => {}
                Err(error) => return Err(Error::file(path)(error)),
            }
        }
        Ok(Counters { values })
    }

    /// The numbers of sockstat and sockstat6.
    pub fn socket_counts(&self) -> Result<Counters> {
        let mut values = Vec::new();
        for file in ["sockstat", "sockstat6"] {
            let text = self
                .read_if_present(&self.net_dir().join(file))?
                .unwrap_or_default();
            netstat::parse_sockstat(file, &text, &mut values);
        }
        Ok(Counters { values })
    }

    /// One value of /proc/net/netstat or snmp, `None` when this kernel does not print it. Cheaper
    /// than [`Kernel::counters`], for a loop.
    pub fn counter(&self, file: &str, table: &str, name: &str) -> Result<Option<i128>> {
        let text = self.read_if_present(&self.net_dir().join(file))?;
        Ok(text.and_then(|text| netstat::value(&text, table, name)))
    }

    /// Reads a file of /proc; bytes that are not UTF-8 are replaced.
    fn read(&self, path: &Path) -> io::Result<String> {
        read_text(CWD, path, self.is_procfs).map_err(regular::cause)
    }

    /// The text of a file; `None` when there is no such file.
    fn read_if_present(&self, path: &Path) -> Result<Option<String>> {
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    fn process_dir(&self, pid: u32) -> PathBuf {
        self.proc_root.join(pid.to_string())
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

/// Reads a file below a folder; bytes that are not UTF-8 are replaced.
fn read_text(
    folder: BorrowedFd<'_>,
    path: impl Arg,
    is_procfs: bool,
) -> std::result::Result<String, Errno> {
    let file = open_file(folder, path, is_procfs)?;
    let lossy =
        |error: std::string::FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into();
    let bytes = regular::read(file, LARGEST)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(lossy))
}

/// Opens a file below a folder. Only a captured tree can contain what is not a regular file.
fn open_file(
    folder: BorrowedFd<'_>,
    path: impl Arg,
    is_procfs: bool,
) -> std::result::Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    match is_procfs {
        true => rustix::fs::openat(folder, path, flags, Mode::empty()),
        false => regular::open(folder, path),
    }
}

type Parse = fn(&str, &mut Vec<(CounterId, i128)>);

const FILES: [(&str, Parse); 5] = [
    ("netstat", netstat::parse),
    ("snmp", netstat::parse),
    ("snmp6", netstat::parse_list),
    ("sockstat", |text, values| {
        netstat::parse_sockstat("sockstat", text, values)
    }),
    ("sockstat6", |text, values| {
        netstat::parse_sockstat("sockstat6", text, values)
    }),
];

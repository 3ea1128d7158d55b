//! Open descriptors, and what bounds their number.

use std::{collections::BTreeMap, net::IpAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// RLIMIT_NOFILE of a process (getrlimit(2)): one more than the highest descriptor that it may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FdLimits {
    /// What open(2), socket(2) and accept(2) go by: EMFILE beyond.
    pub soft: u64,
    /// How far the process may raise the soft limit by itself.
    pub hard: u64,
}

impl FdLimits {
    /// Printed as `unlimited` (`RLIM_INFINITY`). Kernels let nobody set it for descriptors, whose
    /// number `fs.nr_open` bounds anyway.
    pub const UNLIMITED: u64 = u64::MAX;
    /// What the kernel gives its first process (`INR_OPEN_CUR` and `INR_OPEN_MAX`,
    /// include/uapi/linux/fs.h).
    pub const OF_KERNEL: FdLimits = FdLimits {
        soft: 1024,
        hard: 4096,
    };
}

/// What bounds the descriptors of a whole host, each `None` where it could not be read
/// (Documentation/admin-guide/sysctl/fs.rst).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemFds {
    /// Open files of all processes: the first number of `fs.file-nr`.
    pub open: Option<u64>,
    /// `fs.file-max`: ENFILE beyond, but not for root (CAP_SYS_ADMIN).
    pub limit: Option<u64>,
    /// `fs.nr_open`: no process's limit may be set above it.
    pub nr_open: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessFds {
    /// Process id (thread group).
    pub pid: u32,
    /// Its name for itself (`/proc/PID/comm`); bytes that are not UTF-8 are replaced.
    pub name: String,
    /// When it began, in clock ticks since boot, which identifies it among processes that reuse the id.
    /// `None` when it was not asked for.
    pub began: Option<u64>,
    /// How many descriptors are open: the size of `/proc/PID/fd` (6.2), else counted; of a process
    /// whose first thread has ended, those of another thread. `None` where this kernel gives no size
    /// and the folder may not be listed.
    pub open: Option<u64>,
    /// Whether a number below the soft limit is free although as many are open: some have numbers
    /// above it, from before it was lowered. Looked at only then; `None` when it may not be.
    pub has_free: Option<bool>,
    /// Its command line, arguments separated by spaces; `None` when it could not be read, empty
    /// where the process has none.
    pub command_line: Option<String>,
    /// Its limits; `None` when they could not be read.
    pub limits: Option<FdLimits>,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Its cgroup; `None` when it could not be read.
    pub cgroup: Option<String>,
    /// What its descriptors are; `None` when it was not asked for, or may not be read.
    pub types: Option<FdTypes>,
}

/// How many of a process's descriptors are of which kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct FdTypes {
    /// Sockets by the kernel's name of their protocol, in lower case and without `v6`: `tcp`,
    /// `udp`, `unix`, `netlink`, `packet`… `unknown` where it did not say.
    pub sockets: BTreeMap<String, u64>,
    /// Regular files, memfds included.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Character and block devices: terminals, /dev/null, disks.
    pub devices: u64,
    /// Pipes and FIFOs; each end is one.
    pub pipes: u64,
    /// epoll instances.
    pub epoll: u64,
    /// eventfd(2).
    pub eventfd: u64,
    /// timerfd_create(2).
    pub timerfd: u64,
    /// signalfd(2).
    pub signalfd: u64,
    /// inotify instances.
    pub inotify: u64,
    /// io_uring instances.
    pub io_uring: u64,
    /// The rest, by the kernel's name: `pidfd`, `bpf-map`, `net` (a namespace)…
    pub others: BTreeMap<String, u64>,
    /// The peers of most TCP connections in this network namespace, at most three.
    pub peers: Vec<FdPeer>,
    /// The paths of most files, at most three; the directory where there are several in it.
    pub paths: Vec<FdPath>,
    /// Inodes of TCP sockets, by which `peers` are found.
    #[serde(skip)]
    pub inodes: Vec<u32>,
}

/// The other end of TCP connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct FdPeer {
    /// Its address.
    pub address: IpAddr,
    /// Its port; `null` for connections from several ports.
    pub port: Option<u16>,
    /// Number of connections.
    pub count: u64,
}

/// A file, or a directory with its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct FdPath {
    /// Absolute path; that of a directory ends in `/`.
    pub path: String,
    /// Number of descriptors.
    pub count: u64,
}

//! `/proc/PID/fd`: which processes hold a socket (fs/proc/fd.c).
//!
//! Looking at a descriptor costs microseconds and a host may have millions, so the search goes in
//! two rounds. The first looks at the low descriptors of every process, where listeners nearly
//! always are, and takes milliseconds. The second reads the rest, likely holders first, on all
//! cores, until everything is read or the time allowed is spent.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    mem::MaybeUninit,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, StatxFlags},
};

use super::{Kernel, process};
use crate::model::{Owner, Owners};

/// The sockets whose holders are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Their inodes.
    pub inodes: HashSet<u32>,
    /// Cgroups whose processes are likely to hold them; only the order of the search follows them.
    pub cgroups: HashSet<String>,
}

/// How far to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerSearch {
    /// Every descriptor of every process.
    All,
    /// As far as this time goes; the low descriptors of every process are read even past it.
    Within(Duration),
}

/// Descriptors below this are looked at in the first round.
const LOW: u32 = 64;
/// getdents fills the whole buffer, and makes an entry for each descriptor: a small one suffices
/// for the first round.
const LOW_BUFFER: usize = 2048;
const FULL_BUFFER: usize = 32 * 1024;
/// How many descriptors are looked at between two looks at the clock.
const CLOCK: u32 = 64;

impl Kernel {
    /// Finds the processes that hold the wanted sockets.
    pub fn owners(&self, wanted: &Wanted, search: OwnerSearch) -> Owners {
        let started = Instant::now();
        let scan = Scan {
            root: self.proc_root(),
            inodes: &wanted.inodes,
            device: socket_device(),
        };
        let mut found = Found::default();
        let mut rest = Vec::new();
        for pid in process::pids(self.proc_root()) {
            match scan.low(pid, &mut found) {
                Ok(true) | Err(Unread::Gone) => {}
                Ok(false) => rest.push(pid),
                Err(Unread::Refused) => found.unreadable += 1,
            }
        }
        self.likely_first(&mut rest, wanted, &found);
        let deadline = match search {
            OwnerSearch::All => None,
            OwnerSearch::Within(budget) => Some(started + budget),
        };
        let out_of_time = !scan.all(&rest, deadline, &mut found);
        self.name(found, out_of_time)
    }

    /// Holders already found first, then members of the sockets' cgroups, then processes with few
    /// descriptors, so that the time allowed covers as many processes as it can.
    fn likely_first(&self, pids: &mut [u32], wanted: &Wanted, found: &Found) {
        let holders: HashSet<u32> = found.holders.iter().map(|holder| holder.pid).collect();
        pids.sort_by_cached_key(|pid| {
            let member = || {
                process::cgroup(self.proc_root(), *pid)
                    .is_some_and(|group| wanted.cgroups.contains(&group))
            };
            let unlikely = !holders.contains(pid) && !member();
            (unlikely, descriptors(self.proc_root(), *pid))
        });
    }

    fn name(&self, mut found: Found, out_of_time: bool) -> Owners {
        found
            .holders
            .sort_unstable_by_key(|holder| (holder.inode, holder.pid, holder.fd));
        found.holders.dedup();
        let mut processes: HashMap<u32, (String, Option<String>)> = HashMap::new();
        let mut by_inode: HashMap<u32, Vec<Owner>> = HashMap::new();
        for Holder { inode, pid, fd } in found.holders {
            let (name, cgroup) = processes.entry(pid).or_insert_with(|| {
                let name = process::name(self.proc_root(), pid).unwrap_or_default();
                (name, process::cgroup(self.proc_root(), pid))
            });
            let owner = Owner {
                pid,
                name: name.clone(),
                fd,
                cgroup: cgroup.clone(),
            };
            by_inode.entry(inode).or_default().push(owner);
        }
        let hidden = process::hides_others(self.proc_root());
        let complete = !out_of_time && found.unreadable == 0 && !hidden;
        Owners {
            by_inode,
            complete,
            unreadable: found.unreadable,
            out_of_time,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Holder {
    inode: u32,
    pid: u32,
    fd: u32,
}

#[derive(Default)]
struct Found {
    holders: Vec<Holder>,
    unreadable: u64,
}

/// Why a process's descriptors were not read.
enum Unread {
    /// It ended.
    Gone,
    /// It belongs to somebody else.
    Refused,
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Unread::Refused,
            _ => Unread::Gone,
        }
    }
}

/// One search: what is looked for, and where.
struct Scan<'a> {
    root: &'a Path,
    inodes: &'a HashSet<u32>,
    device: Option<(u32, u32)>,
}

impl Scan<'_> {
    /// Looks at the low descriptors. `true` when the process has no others.
    fn low(&self, pid: u32, found: &mut Found) -> Result<bool, Unread> {
        let folder = self.open(pid).or_else(|unread| match unread {
            // Kernel threads have no descriptors, and nobody's leave to list them.
            Unread::Refused if has_none(self.root, pid) => Err(Unread::Gone),
            unread => Err(unread),
        })?;
        let mut whole = true;
        self.each(&folder, LOW_BUFFER, |fd| {
            whole = fd < LOW;
            if whole {
                found.holders.extend(self.look(&folder, pid, fd));
            }
            whole
        })?;
        Ok(whole)
    }

    /// Looks at all descriptors of these processes, on all cores. `false` when time ran out.
    fn all(&self, pids: &[u32], deadline: Option<Instant>, found: &mut Found) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut holders = Vec::new();
            while let Some(pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !self.whole(*pid, deadline, &mut holders) {
                    return (holders, false);
                }
            }
            (holders, true)
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..cores.min(pids.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let mut results = vec![work()];
            results.extend(
                others
                    .into_iter()
                    .map(|thread| thread.join().expect("no panic")),
            );
            results.into_iter().fold(true, |in_time, (holders, done)| {
                found.holders.extend(holders);
                in_time && done
            })
        })
    }

    /// Looks at all descriptors of one process. `false` when time ran out; a process that vanished
    /// has been read.
    fn whole(&self, pid: u32, deadline: Option<Instant>, holders: &mut Vec<Holder>) -> bool {
        let Ok(folder) = self.open(pid) else {
            return true;
        };
        let (mut seen, mut in_time) = (0u32, true);
        let read = self.each(&folder, FULL_BUFFER, |fd| {
            if fd >= LOW {
                holders.extend(self.look(&folder, pid, fd));
            }
            seen = seen.wrapping_add(1);
            if seen.is_multiple_of(CLOCK) {
                in_time = deadline.is_none_or(|deadline| Instant::now() < deadline);
            }
            in_time
        });
        read.is_err() || in_time
    }

    fn open(&self, pid: u32) -> Result<OwnedFd, Unread> {
        let path = self.root.join(pid.to_string()).join("fd");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map_err(|errno| Unread::from(io::Error::from(errno)))
    }

    /// Calls `go_on` with each descriptor's number, in ascending order, until it says no.
    fn each(
        &self,
        folder: &OwnedFd,
        buffer: usize,
        mut go_on: impl FnMut(u32) -> bool,
    ) -> Result<(), Unread> {
        let mut buffer = vec![MaybeUninit::uninit(); buffer];
        let mut entries = RawDir::new(folder, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(|errno| Unread::from(io::Error::from(errno)))?;
            let number = entry
                .file_name()
                .to_str()
                .ok()
                .and_then(|name| name.parse().ok());
            if number.is_some_and(|fd| !go_on(fd)) {
                break;
            }
        }
        Ok(())
    }

    /// The descriptor, if it is one of the wanted sockets.
    fn look(&self, folder: &OwnedFd, pid: u32, fd: u32) -> Option<Holder> {
        let wanted = StatxFlags::INO | StatxFlags::TYPE;
        let name = fd.to_string();
        let stat = rustix::fs::statx(folder, name, AtFlags::STATX_DONT_SYNC, wanted).ok()?;
        let device = (stat.stx_dev_major, stat.stx_dev_minor);
        let is_socket = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Socket
            && self.device.is_none_or(|sockets| sockets == device);
        // sock_diag sends 32 bits of the inode.
        let inode = stat.stx_ino as u32;
        (is_socket && self.inodes.contains(&inode)).then_some(Holder { inode, pid, fd })
    }
}

/// The device of the file system that all sockets live in, so that a socket *file* on a disk, held
/// by O_PATH, is not taken for one with the same inode.
fn socket_device() -> Option<(u32, u32)> {
    let (socket, _other) = std::os::unix::net::UnixStream::pair().ok()?;
    let stat = rustix::fs::statx(socket, c"", AtFlags::EMPTY_PATH, StatxFlags::INO).ok()?;
    Some((stat.stx_dev_major, stat.stx_dev_minor))
}

/// How many descriptors a process has, as far as the folder's size tells (6.2 and later, any user).
fn descriptors(root: &Path, pid: u32) -> u64 {
    fs::metadata(root.join(pid.to_string()).join("fd")).map_or(0, |folder| folder.len())
}

/// The process has no descriptor at all, on kernels that tell the size.
fn has_none(root: &Path, pid: u32) -> bool {
    let kernel_tells = descriptors(root, std::process::id()) > 0;
    kernel_tells && descriptors(root, pid) == 0
}

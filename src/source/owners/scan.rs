//! One search through `/proc/PID/fd`, in two rounds.

use std::{
    collections::HashSet,
    ffi::CStr,
    fs, io,
    mem::MaybeUninit,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, StatxFlags},
    io::Errno,
};

/// Descriptors below this are looked at in the first round.
const LOW: u32 = 64;
/// getdents fills the whole buffer, and makes an entry for each descriptor: a small one suffices
/// for the first round.
const LOW_BUFFER: usize = 2048;
const FULL_BUFFER: usize = 32 * 1024;
/// How many descriptors are looked at between two looks at the clock.
const CLOCK: u32 = 64;

/// A descriptor that is one of the wanted sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    pub inode: u32,
    pub pid: u32,
    pub fd: u32,
}

/// Why a process's descriptors were not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It ended.
    Gone,
    /// We may not.
    Refused,
    /// The time allowed is spent.
    Late,
}

impl From<Errno> for Unread {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS | Errno::PERM => Unread::Refused,
            _ => Unread::Gone,
        }
    }
}

/// What is looked for, and where.
pub struct Scan<'a> {
    root: &'a Path,
    inodes: &'a HashSet<u32>,
    sockets: Option<(u32, u32)>,
}

impl<'a> Scan<'a> {
    pub fn new(root: &'a Path, inodes: &'a HashSet<u32>) -> Self {
        Scan {
            root,
            inodes,
            sockets: socket_device(),
        }
    }

    /// First round: the low descriptors of one process. `true` when it has no others.
    pub fn low(&self, pid: u32, holders: &mut Vec<Holder>) -> Result<bool, Unread> {
        let mut whole = true;
        let read = self.each(pid, LOW_BUFFER, |folder, name, fd| {
            whole = fd < LOW;
            if whole {
                holders.extend(
                    self.look(folder, name)?
                        .map(|inode| Holder { inode, pid, fd }),
                );
            }
            Ok(whole)
        });
        match read {
            // Kernel threads have no descriptors, and nobody's leave to list them.
            Err(Unread::Refused) if has_none(self.root, pid) => Err(Unread::Gone),
            read => read.map(|()| whole),
        }
    }

    /// Second round: all descriptors of these processes, on all cores. `false` when time ran out.
    pub fn all(&self, pids: &[u32], deadline: Option<Instant>, holders: &mut Vec<Holder>) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut found = Vec::new();
            while let Some(pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.whole(*pid, deadline, &mut found) == Err(Unread::Late) {
                    return (found, false);
                }
            }
            (found, true)
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..cores.min(pids.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let mut results = vec![work()];
            for other in others {
                results.push(other.join().expect("the search does not panic"));
            }
            results.into_iter().fold(true, |in_time, (found, done)| {
                holders.extend(found);
                in_time && done
            })
        })
    }

    fn whole(
        &self,
        pid: u32,
        deadline: Option<Instant>,
        holders: &mut Vec<Holder>,
    ) -> Result<(), Unread> {
        let mut seen = 0u32;
        self.each(pid, FULL_BUFFER, |folder, name, fd| {
            if fd >= LOW {
                holders.extend(
                    self.look(folder, name)?
                        .map(|inode| Holder { inode, pid, fd }),
                );
            }
            seen = seen.wrapping_add(1);
            let late = seen.is_multiple_of(CLOCK)
                && deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if late { Err(Unread::Late) } else { Ok(true) }
        })
    }

    /// Calls `go_on` with each descriptor, in ascending order, until it says no.
    fn each(
        &self,
        pid: u32,
        buffer: usize,
        mut go_on: impl FnMut(&OwnedFd, &CStr, u32) -> Result<bool, Unread>,
    ) -> Result<(), Unread> {
        let path = self.root.join(pid.to_string()).join("fd");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        let mut buffer = vec![MaybeUninit::uninit(); buffer];
        let mut entries = RawDir::new(&folder, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().ok().and_then(|digits| digits.parse().ok());
            if let Some(fd) = number
                && !go_on(&folder, name, fd)?
            {
                break;
            }
        }
        Ok(())
    }

    /// The inode of a descriptor that is one of the wanted sockets. A descriptor closed meanwhile
    /// is none; one that we may not look at speaks for its whole process, as /proc may list what it
    /// does not let us follow.
    fn look(&self, folder: &OwnedFd, name: &CStr) -> Result<Option<u32>, Unread> {
        let wanted = StatxFlags::INO | StatxFlags::TYPE;
        let stat = match rustix::fs::statx(folder, name, AtFlags::STATX_DONT_SYNC, wanted) {
            Ok(stat) => stat,
            Err(errno) if Unread::from(errno) == Unread::Refused => return Err(Unread::Refused),
            Err(_) => return Ok(None),
        };
        let device = (stat.stx_dev_major, stat.stx_dev_minor);
        let is_socket = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Socket
            && self.sockets.is_none_or(|sockets| sockets == device);
        // sock_diag sends 32 bits of the inode.
        let inode = stat.stx_ino as u32;
        Ok((is_socket && self.inodes.contains(&inode)).then_some(inode))
    }
}

/// How many descriptors a process has, as far as the folder's size tells (6.2 and later, any user).
pub fn descriptors(root: &Path, pid: u32) -> u64 {
    let folder = root.join(pid.to_string()).join("fd");
    fs::metadata(folder).map_or(0, |folder| folder.len())
}

/// The process has no descriptor at all, on kernels that tell.
fn has_none(root: &Path, pid: u32) -> bool {
    let kernel_tells = descriptors(root, std::process::id()) > 0;
    kernel_tells && descriptors(root, pid) == 0
}

/// The device of the file system that all sockets live in, so that a socket *file* on a disk, held
/// by O_PATH, is not taken for one with the same inode.
fn socket_device() -> Option<(u32, u32)> {
    let pair: io::Result<_> = std::os::unix::net::UnixStream::pair();
    let stat = rustix::fs::statx(pair.ok()?.0, c"", AtFlags::EMPTY_PATH, StatxFlags::INO).ok()?;
    Some((stat.stx_dev_major, stat.stx_dev_minor))
}

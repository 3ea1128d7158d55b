//! One search through `/proc/PID/fd`, in two rounds.

use std::{
    collections::HashSet,
    ffi::CStr,
    fs, io,
    mem::MaybeUninit,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{Builder, available_parallelism, scope},
    time::Instant,
};

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, StatxFlags},
    io::Errno,
};

/// Descriptors below this are read in the first round.
const LOW: u32 = 64;
/// getdents64(2) fills the whole buffer, at a cost for each entry: the first round needs few.
const LOW_BUFFER: usize = 2048;
const FULL_BUFFER: usize = 32 * 1024;
const CLOCK: u32 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    pub inode: u32,
    pub pid: u32,
    pub fd: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    Gone,
    Refused,
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

    /// First round: the low descriptors of one process. `true` when it has no higher ones.
    pub fn low(&self, pid: u32, holders: &mut Vec<Holder>) -> Result<bool, Unread> {
        let mut whole = true;
        let read = self.each(pid, LOW_BUFFER, |folder, name, fd| {
            whole = fd < LOW;
            if whole {
                holders.extend(
                    self.wanted(folder, name)?
                        .map(|inode| Holder { inode, pid, fd }),
                );
            }
            Ok(whole)
        });
        match read {
            // Kernel threads have no descriptors, and only root may list that.
            Err(Unread::Refused) if has_none(self.root, pid) => Err(Unread::Gone),
            read => read.map(|()| whole),
        }
    }

    /// Second round: all descriptors of these processes, on all cores. `false` when time ran out.
    pub fn all(&self, pids: &[u32], deadline: Option<Instant>, holders: &mut Vec<Holder>) -> bool {
        let cores = available_parallelism().map_or(1, usize::from);
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
        scope(|scope| {
            // Where no thread can be started, this one does the work of all.
            let others: Vec<_> = (1..cores.min(pids.len()))
                .map_while(|_| Builder::new().spawn_scoped(scope, work).ok())
                .collect();
            let own = work();
            let others = others.into_iter();
            let results = others.map(|other| other.join().expect("the search does not panic"));
            results.chain([own]).fold(true, |in_time, (found, done)| {
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
                    self.wanted(folder, name)?
                        .map(|inode| Holder { inode, pid, fd }),
                );
            }
            seen = seen.wrapping_add(1);
            let late = seen.is_multiple_of(CLOCK)
                && deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if late { Err(Unread::Late) } else { Ok(true) }
        })
    }

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
    /// is skipped; one that may not be read means that the whole process may not, as /proc lists
    /// links that it does not let us follow.
    fn wanted(&self, folder: &OwnedFd, name: &CStr) -> Result<Option<u32>, Unread> {
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

/// The folder's size is the number of descriptors since Linux 6.2, for any user; before it is 0.
pub fn descriptors(root: &Path, pid: u32) -> u64 {
    let folder = root.join(pid.to_string()).join("fd");
    fs::metadata(folder).map_or(0, |folder| folder.len())
}

fn has_none(root: &Path, pid: u32) -> bool {
    let has_sizes = descriptors(root, std::process::id()) > 0;
    has_sizes && descriptors(root, pid) == 0
}

/// The device of the kernel's file system of sockets, so that a socket *file* on a disk, opened
/// with O_PATH, is not taken for a socket with the same inode.
fn socket_device() -> Option<(u32, u32)> {
    let pair: io::Result<_> = std::os::unix::net::UnixStream::pair();
    let stat = rustix::fs::statx(pair.ok()?.0, c"", AtFlags::EMPTY_PATH, StatxFlags::INO).ok()?;
    Some((stat.stx_dev_major, stat.stx_dev_minor))
}

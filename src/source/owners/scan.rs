//! One search through `/proc/PID/fd`, in two rounds.

use std::{collections::HashSet, ffi::CStr, fs, io, mem::MaybeUninit, path::Path, time::Instant};

use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, RawDir, StatxFlags},
    io::Errno,
};

use crate::{
    Error,
    source::{
        Kernel,
        cores::{Pieces, on_all},
        process::Unread,
    },
};

/// Descriptors below this are read in the first round.
const LOW: u32 = 64;
/// getdents64(2) fills the whole buffer, at a cost for each entry: the first round needs few.
const LOW_BUFFER: usize = 2048;
const FULL_BUFFER: usize = 32 * 1024;
const CLOCK: u32 = 64;

/// A process and the wanted sockets that it has open.
pub struct Holder {
    pub pid: u32,
    pub name: String,
    pub cgroup: Option<String>,
    /// Inodes and descriptors.
    pub held: Vec<(u32, u32)>,
}

#[derive(Default)]
pub struct Found {
    pub holders: Vec<Holder>,
    /// Processes whose descriptors may not be read.
    pub unreadable: u64,
    pub out_of_time: bool,
    pub failed: Option<Errno>,
}

impl Found {
    pub fn add(&mut self, other: Found) {
        self.holders.extend(other.holders);
        self.unreadable += other.unreadable;
        self.out_of_time |= other.out_of_time;
        self.failed = self.failed.or(other.failed);
    }

    /// Takes the place of what the first round found by what was found everywhere, which is all there
    /// is unless time ran out.
    pub fn replace(&mut self, everywhere: Found) {
        match everywhere.out_of_time {
            true => self.add(everywhere),
            false => *self = everywhere,
        }
    }

    pub fn has_each(&self, inodes: &HashSet<u32>) -> bool {
        let held = self.holders.iter().flat_map(|holder| &holder.held);
        let held: HashSet<u32> = held.map(|(inode, _)| *inode).collect();
        inodes.is_subset(&held)
    }

    pub fn note(&mut self, read: Result<Option<Holder>, Unread>) {
        match read {
            Ok(holder) => self.holders.extend(holder),
            Err(Unread::Gone) => {}
            Err(Unread::Refused) => self.unreadable += 1,
            Err(Unread::Failed(errno)) => self.failed = self.failed.or(Some(errno)),
        }
    }
}

/// What to do with a descriptor.
enum Choice {
    Read,
    Skip,
    /// Leave out this one and all others.
    Stop,
}

pub struct Scan<'a> {
    kernel: &'a Kernel,
    inodes: &'a HashSet<u32>,
    sockets: (u32, u32),
}

impl<'a> Scan<'a> {
    pub fn new(kernel: &'a Kernel, inodes: &'a HashSet<u32>) -> crate::Result<Self> {
        let sockets = socket_device();
        Ok(Scan {
            kernel,
            inodes,
            sockets: sockets.map_err(Error::file("a socket"))?,
        })
    }

    /// First round: the low descriptors of one process. `true` when it has higher ones.
    pub fn low(&self, pid: u32, found: &mut Found) -> bool {
        let mut has_more = false;
        let read = self.held(pid, LOW_BUFFER, |fd| {
            has_more = fd >= LOW;
            if has_more { Choice::Stop } else { Choice::Read }
        });
        match read {
            // Kernel threads have no descriptors, and only root may list that.
            Err(Unread::Refused) if has_none(self.kernel.proc_root(), pid) => {}
            read => found.note(read),
        }
        has_more
    }

    /// Second round: all descriptors of these processes, on all cores.
    pub fn all(&self, pids: &[u32], deadline: Option<Instant>) -> Found {
        let work = |pids: &Pieces<u32>| {
            let mut found = Found::default();
            while !found.out_of_time
                && let Some([pid]) = pids.take()
            {
                self.high(*pid, deadline, &mut found);
            }
            found
        };
        let mut all = Found::default();
        on_all(pids, 1, work)
            .into_iter()
            .for_each(|found| all.add(found));
        all
    }

    fn high(&self, pid: u32, deadline: Option<Instant>, found: &mut Found) {
        let (mut seen, mut late) = (0u32, false);
        let read = self.held(pid, FULL_BUFFER, |fd| {
            seen = seen.wrapping_add(1);
            late = seen.is_multiple_of(CLOCK)
                && deadline.is_some_and(|deadline| Instant::now() >= deadline);
            match fd {
                _ if late => Choice::Stop,
                LOW.. => Choice::Read,
                _ => Choice::Skip,
            }
        });
        found.note(read);
        found.out_of_time |= late;
    }

    /// The wanted sockets among the chosen descriptors of a process, and its name, which is read
    /// while its folder is open: its id may belong to another process soon.
    fn held(
        &self,
        pid: u32,
        buffer: usize,
        mut choose: impl FnMut(u32) -> Choice,
    ) -> Result<Option<Holder>, Unread> {
        let process = self.kernel.process(pid)?;
        let folder = process.descriptors()?;
        let mut held = Vec::new();
        let mut buffer = vec![MaybeUninit::uninit(); buffer];
        let mut entries = RawDir::new(&folder, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().ok().and_then(|digits| digits.parse().ok());
            let Some(fd) = number else { continue };
            match choose(fd) {
                Choice::Read => held.extend(self.wanted(&folder, name)?.map(|inode| (inode, fd))),
                Choice::Skip => {}
                Choice::Stop => break,
            }
        }
        held.retain(|(_, fd)| !process.is_path_only(*fd));
        Ok((!held.is_empty()).then(|| Holder {
            pid,
            name: process.name().unwrap_or_default(),
            cgroup: process.cgroup(),
            held,
        }))
    }

    /// The inode of a descriptor that is one of the wanted sockets. A descriptor closed meanwhile
    /// is skipped; one that may not be read means that the whole process may not, as /proc lists
    /// links that it does not let us follow.
    fn wanted(&self, folder: &OwnedFd, name: &CStr) -> Result<Option<u32>, Unread> {
        let wanted = StatxFlags::INO | StatxFlags::TYPE;
        let stat = rustix::fs::statx(folder, name, AtFlags::STATX_DONT_SYNC, wanted);
        let stat = match stat.map_err(Unread::from) {
            Ok(stat) => stat,
            Err(Unread::Gone) => return Ok(None),
            Err(unread) => return Err(unread),
        };
        let device = (stat.stx_dev_major, stat.stx_dev_minor);
        let is_socket = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Socket
            && self.sockets == device;
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
fn socket_device() -> io::Result<(u32, u32)> {
    let (socket, _) = std::os::unix::net::UnixStream::pair()?;
    let stat = rustix::fs::statx(socket, c"", AtFlags::EMPTY_PATH, StatxFlags::INO)?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::{
        fd::AsRawFd,
        unix::{fs::symlink, net::UnixListener},
    };

    #[test]
    fn a_process_that_gets_the_id_of_another_does_not_lend_its_name() {
        let root = std::env::temp_dir().join(format!("sockdiag-reused-{}", std::process::id()));
        let name = |folder: &str, name: &str| {
            fs::create_dir_all(root.join(folder).join("fd")).unwrap();
            fs::write(root.join(folder).join("comm"), name).unwrap();
            fs::write(root.join(folder).join("cgroup"), format!("0::/{name}\n")).unwrap();
        };
        name("100", "first");
        let listener = UnixListener::bind(root.join("socket")).unwrap();
        let held = format!("/proc/self/fd/{}", listener.as_raw_fd());
        symlink(&held, root.join("100/fd/3")).unwrap();
        let inode = rustix::fs::stat(&held).unwrap().st_ino as u32;
        let (kernel, inodes) = (Kernel::with_proc_root(&root).unwrap(), [inode].into());
        let scan = Scan::new(&kernel, &inodes).unwrap();

        let found = scan.held(100, LOW_BUFFER, |_| {
            fs::rename(root.join("100"), root.join("ended")).unwrap();
            name("100", "second");
            Choice::Read
        });
        fs::remove_dir_all(&root).unwrap();
        let holder = found.unwrap().expect("it holds the socket");
        assert_eq!(
            (holder.name.as_str(), &holder.held[..]),
            ("first", &[(inode, 3)][..])
        );
        assert_eq!(holder.cgroup.as_deref(), Some("/first"));
    }
}

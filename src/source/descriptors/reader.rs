//! One process after the other, with as few system calls and allocations as there may be: a host has
//! thousands.

use std::{borrow::Cow, fmt::Write, path::Path};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, StatxFlags},
    io::Errno,
};

use super::{
    FdQuestion, count, limits,
    stat::{self, Stat},
    types,
};
use crate::{
    model::{FdLimits, FdTypes, Login, ProcessFds, Relative},
    source::process::cgroup_in,
};

/// Room for the largest of the files, which come in one piece.
const LARGEST: usize = 16 * 1024;
/// The folder of a process's descriptors: those of its first thread.
const OWN: &str = "fd";

/// Why a process is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// It ended, has no descriptors by its nature, or is in another network namespace.
    Gone,
    /// Nothing of it may be read.
    Refused,
    /// Its network namespace may not be seen.
    Unseen,
}

impl From<Errno> for Skipped {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS | Errno::PERM => Skipped::Refused,
            _ => Skipped::Gone,
        }
    }
}

/// Reads files below one /proc.
pub struct Reader {
    pub(super) root: OwnedFd,
    /// Not a captured tree, in which files may be missing.
    procfs: bool,
    sizes: bool,
    pub(super) path: String,
    buffer: Vec<u8>,
}

impl Reader {
    pub fn new(proc_root: &Path) -> std::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, proc_root, flags, Mode::empty())?;
        Ok(Reader {
            procfs: count::is_procfs(root.as_fd()),
            sizes: count::has_sizes(root.as_fd()),
            root,
            path: String::with_capacity(32),
            buffer: vec![0; LARGEST],
        })
    }

    /// The descriptors of one process.
    pub fn process(&mut self, pid: u32, question: &FdQuestion) -> Result<ProcessFds, Skipped> {
        if let Some(netns) = question.netns
            && self.netns(pid)? != netns
        {
            return Err(Skipped::Gone);
        }
        let mut folder = Cow::Borrowed(OWN);
        let mut open = self.open(pid, OWN)?;
        let mut began = None;
        if question.began || open.unwrap_or(0) == 0 {
            let stat = self.stat(pid, "stat")?;
            if stat.is_some_and(|stat| stat.kernel_thread || stat.is_dead()) {
                return Err(Skipped::Gone);
            }
            if stat.is_some_and(|stat| stat.ended) {
                (folder, open) = self.open_in_living_thread(pid)?;
            }
            began = stat.map(|stat| stat.began);
        }
        let name = self.name(pid)?;
        let limits = self.limits(pid)?;
        let soft = limits.map(|limits| limits.soft);
        let full = soft.filter(|soft| open.is_some_and(|open| open >= *soft));
        Ok(ProcessFds {
            pid,
            name,
            began: began.filter(|_| question.began),
            open,
            has_free: full.and_then(|soft| self.has_free(pid, &folder, soft)),
            limits,
            uid: self.uid(pid),
            cgroup: self.cgroup(pid)?,
            types: None,
        })
    }

    /// A process as an ancestor of others; `None` when it is not to be seen.
    pub fn relative(&mut self, pid: u32) -> Option<Relative> {
        let stat = self.stat(pid, "stat").ok()??;
        Some(Relative {
            pid,
            name: self.name(pid).ok()?,
            parent: stat.parent,
            limits: self.limits(pid).ok()?,
            uid: self.uid(pid),
            cgroup: self.cgroup(pid).ok()?,
            login: self.login(pid),
            ..Relative::default()
        })
    }

    /// What the descriptors of a process are. Those of one that is ending vanish while they are
    /// looked at.
    pub fn types(&mut self, pid: u32) -> Result<FdTypes, Skipped> {
        let types = self.types_in(pid, OWN);
        match self.stat(pid, "stat")? {
            Some(stat) if stat.is_dead() => Err(Skipped::Gone),
            Some(stat) if stat.ended => {
                let (_, types) = self.in_living_thread(pid, OWN, Reader::types_in)?;
                Ok(types)
            }
            _ => Ok(types?),
        }
    }

    /// The folder, and how many descriptors are in it. A captured tree need not have it.
    fn open_in_living_thread(
        &mut self,
        pid: u32,
    ) -> Result<(Cow<'static, str>, Option<u64>), Skipped> {
        match self.in_living_thread(pid, OWN, Reader::open) {
            Ok((folder, open)) => Ok((folder.into(), open)),
            Err(Skipped::Gone) if !self.procfs => Ok((OWN.into(), None)),
            Err(skipped) => Err(skipped),
        }
    }

    fn types_in(&mut self, pid: u32, folder: &str) -> Result<FdTypes, Errno> {
        self.at(pid, folder);
        types::of(self.root.as_fd(), &self.path)
    }

    fn limits(&mut self, pid: u32) -> Result<Option<FdLimits>, Errno> {
        // The kernel prints nothing of a process that it is about to remove.
        let parse = |text: &str| (!text.is_empty()).then(|| limits::parse(text));
        match self.text(pid, "limits", parse)? {
            Some(None) if self.procfs => Err(Errno::SRCH),
            read => Ok(read.flatten().flatten()),
        }
    }

    /// Kernels may be built without it.
    fn cgroup(&mut self, pid: u32) -> Result<Option<String>, Errno> {
        let parse = |text: &str| cgroup_in(text).map(str::to_owned);
        match self.text(pid, "cgroup", parse) {
            Err(Errno::NOENT) => Ok(None),
            read => Ok(read?.flatten()),
        }
    }

    fn login(&mut self, pid: u32) -> Login {
        /// `AUDIT_SID_UNSET`, include/uapi/linux/audit.h.
        const NO_SESSION: u32 = u32::MAX;
        let number = self.text(pid, "sessionid", |text| text.trim().parse().ok());
        match number.ok().flatten().flatten() {
            None => Login::Unknown,
            Some(NO_SESSION) => Login::None,
            Some(number) => Login::Session(number),
        }
    }

    fn open(&mut self, pid: u32, folder: &str) -> Result<Option<u64>, Errno> {
        self.at(pid, folder);
        match self.sizes {
            true => count::size(self.root.as_fd(), &self.path).map(Some),
            false => count::count(self.root.as_fd(), &self.path),
        }
    }

    fn has_free(&mut self, pid: u32, folder: &str, soft: u64) -> Option<bool> {
        self.at(pid, folder);
        let below = count::below(self.root.as_fd(), &self.path, soft).ok()?;
        Some(below < soft)
    }

    fn netns(&mut self, pid: u32) -> Result<u64, Skipped> {
        const FILE: &str = "ns/net";
        let found = match self.inode(pid, FILE) {
            // So it is when the first thread has ended.
            Err(Errno::NOENT) => self.in_living_thread(pid, FILE, Reader::inode),
            found => found
                .map(|inode| (String::new(), inode))
                .map_err(Skipped::from),
        };
        match found {
            Ok((_, inode)) => Ok(inode),
            Err(Skipped::Refused) => Err(Skipped::Unseen),
            Err(skipped) => Err(skipped),
        }
    }

    fn inode(&mut self, pid: u32, file: &str) -> Result<u64, Errno> {
        self.at(pid, file);
        let stat = rustix::fs::statat(&self.root, self.path.as_str(), AtFlags::empty())?;
        Ok(stat.st_ino)
    }

    /// The folder belongs to the process's effective user, however dumpable it is.
    fn uid(&mut self, pid: u32) -> Option<u32> {
        self.at(pid, "");
        let flags = AtFlags::STATX_DONT_SYNC;
        let stat = rustix::fs::statx(&self.root, self.path.as_str(), flags, StatxFlags::UID);
        stat.ok().map(|stat| stat.stx_uid)
    }

    /// A process without a readable name is one of which nothing can be read.
    fn name(&mut self, pid: u32) -> Result<String, Skipped> {
        let read = self.read(pid, "comm")?;
        let bytes = &self.buffer[..read];
        let name = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    /// `None` when it may not be read.
    pub(super) fn stat(&mut self, pid: u32, file: &str) -> Result<Option<Stat>, Errno> {
        Ok(self.text(pid, file, stat::parse)?.flatten())
    }

    /// `None` when it may not be read, or is not there in a captured tree; in a procfs that means
    /// that the process is gone.
    fn text<T>(
        &mut self,
        pid: u32,
        file: &str,
        parse: impl FnOnce(&str) -> T,
    ) -> Result<Option<T>, Errno> {
        match self.read(pid, file) {
            Ok(read) => Ok(Some(parse(&String::from_utf8_lossy(&self.buffer[..read])))),
            Err(Errno::ACCESS | Errno::PERM) => Ok(None),
            Err(Errno::NOENT) if !self.procfs => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    fn read(&mut self, pid: u32, file: &str) -> Result<usize, Errno> {
        self.at(pid, file);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.root, self.path.as_str(), flags, Mode::empty())?;
        rustix::io::read(&file, self.buffer.as_mut_slice())
    }

    pub(super) fn at(&mut self, pid: u32, file: &str) {
        self.path.clear();
        write!(self.path, "{pid}/{file}").expect("a string takes all that is written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_between_two_files_is_gone() {
        let mut reader = Reader::new(Path::new("/proc")).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let pid = child.id();
        assert!(reader.limits(pid).is_err());
        assert!(reader.stat(pid, "stat").is_err());
        assert!(reader.limits(std::process::id()).unwrap().is_some());
    }

    #[test]
    fn a_file_that_a_captured_tree_lacks_is_unknown() {
        let mut reader = Reader::new(Path::new("/")).unwrap();
        assert_eq!(reader.limits(1), Ok(None));
        assert_eq!(reader.stat(1, "stat"), Ok(None));
    }
}

//! Reads one process at a time, with few system calls and allocations: a host has thousands.
//!
//! `/proc/PID/fd` and `ns` show the first thread, which has neither once it has ended, though other
//! threads (`/proc/PID/task`) live on.

use std::path::Path;

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, CWD, Mode, OFlags, StatxFlags},
    io::Errno,
};

use super::{FdQuestion, count, each_number, limits, types};
use crate::{
    model::{FdLimits, FdTypes, Login, ProcessFds, Relative},
    source::{
        open_file,
        process::{Unread, cgroup_in, command_line_in},
        stat::{self, Stat},
    },
};

/// Room for the largest of the files, so that each is read in one piece.
const LARGEST: usize = 16 * 1024;
const OWN: &str = "fd";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// It ended, is a kernel thread, or is in another network namespace.
    Gone,
    Refused,
    /// Its network namespace is not visible.
    Unseen,
    Failed(Errno),
}

impl From<Errno> for Skipped {
    fn from(errno: Errno) -> Self {
        match Unread::from(errno) {
            Unread::Gone => Skipped::Gone,
            Unread::Refused => Skipped::Refused,
            Unread::Failed(errno) => Skipped::Failed(errno),
        }
    }
}

pub struct Reader {
    root: OwnedFd,
    /// Not a captured tree, in which files may be missing.
    procfs: bool,
    sizes: bool,
    /// The process that is read, by its folder: it stays that of this process when its id is given
    /// to another one.
    process: Option<(u32, OwnedFd)>,
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
            process: None,
            buffer: vec![0; LARGEST],
        })
    }

    pub fn process(&mut self, pid: u32, question: &FdQuestion) -> Result<ProcessFds, Skipped> {
        if let Some(netns) = question.netns
            && self.netns(pid)? != netns
        {
            return Err(Skipped::Gone);
        }
        let (mut folder, mut open) = (OWN.to_owned(), self.open(pid, OWN)?);
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
            command_line: self.command_line(pid)?,
            limits,
            uid: self.uid(pid),
            cgroup: self.cgroup(pid)?,
            types: None,
        })
    }

    pub fn relative(&mut self, pid: u32) -> Result<Relative, Skipped> {
        let stat = self.stat(pid, "stat")?.ok_or(Skipped::Refused)?;
        Ok(Relative {
            pid,
            name: self.name(pid)?,
            parent: stat.parent,
            limits: self.limits(pid)?,
            uid: self.uid(pid),
            cgroup: self.cgroup(pid)?,
            login: self.login(pid),
            ..Relative::default()
        })
    }

    /// The descriptors of an ending process vanish while they are read, so its state is checked
    /// after.
    pub fn types(&mut self, pid: u32) -> Result<FdTypes, Skipped> {
        let types = self.types_in(pid, OWN);
        match self.stat(pid, "stat")? {
            Some(stat) if stat.is_dead() => Err(Skipped::Gone),
            Some(stat) if stat.ended => Ok(self.in_living_thread(pid, OWN, Reader::types_in)?.1),
            _ => Ok(types?),
        }
    }

    /// The folder and its number of descriptors, which a captured tree may lack.
    fn open_in_living_thread(&mut self, pid: u32) -> Result<(String, Option<u64>), Skipped> {
        match self.in_living_thread(pid, OWN, Reader::open) {
            Err(Skipped::Gone) if !self.procfs => Ok((OWN.to_owned(), None)),
            found => found,
        }
    }

    fn types_in(&mut self, pid: u32, folder: &str) -> Result<FdTypes, Errno> {
        let mut types = types::of(self.folder(pid)?, folder)?;
        // Inodes of a captured tree are another kernel's.
        types.inodes.retain(|_| self.procfs);
        Ok(types)
    }

    fn limits(&mut self, pid: u32) -> Result<Option<FdLimits>, Errno> {
        // The file is empty when the kernel is about to remove the process.
        let parse = |text: &str| (!text.is_empty()).then(|| limits::parse(text));
        match self.text(pid, "limits", parse)? {
            Some(None) if self.procfs => Err(Errno::SRCH),
            read => Ok(read.flatten().flatten()),
        }
    }

    /// `None` on kernels built without cgroups.
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

    /// Reads a file of another thread than the first, and returns it with its path. The process is
    /// gone when no thread lives.
    fn in_living_thread<T>(
        &mut self,
        pid: u32,
        file: &str,
        read: impl Fn(&mut Self, u32, &str) -> Result<T, Errno>,
    ) -> Result<(String, T), Skipped> {
        for thread in self.threads(pid)? {
            let file = format!("task/{thread}/{file}");
            let found = read(self, pid, &file);
            // A thread that lives afterwards had its descriptors all the time.
            let stat = self.stat(pid, &format!("task/{thread}/stat"));
            match stat.map_err(Skipped::from) {
                Ok(Some(stat)) if !stat.ended => return Ok((file, found?)),
                Err(failed @ Skipped::Failed(_)) => return Err(failed),
                _ => {}
            }
        }
        Err(Skipped::Gone)
    }

    fn threads(&mut self, pid: u32) -> Result<Vec<u32>, Errno> {
        each_number(self.folder(pid)?, "task")
    }

    fn open(&mut self, pid: u32, folder: &str) -> Result<Option<u64>, Errno> {
        match self.sizes {
            true => count::size(self.folder(pid)?, folder).map(Some),
            false => count::count(self.folder(pid)?, folder),
        }
    }

    fn has_free(&mut self, pid: u32, folder: &str, soft: u64) -> Option<bool> {
        let below = count::below(self.folder(pid).ok()?, folder, soft).ok()?;
        Some(below < soft)
    }

    fn netns(&mut self, pid: u32) -> Result<u64, Skipped> {
        const FILE: &str = "ns/net";
        let found = match self.inode(pid, FILE) {
            // The first thread has ended.
            Err(Errno::NOENT) => self
                .in_living_thread(pid, FILE, Reader::inode)
                .map(|found| found.1),
            found => found.map_err(Skipped::from),
        };
        found.map_err(|skipped| match skipped {
            Skipped::Refused => Skipped::Unseen,
            other => other,
        })
    }

    fn inode(&mut self, pid: u32, file: &str) -> Result<u64, Errno> {
        let stat = rustix::fs::statat(self.folder(pid)?, file, AtFlags::empty())?;
        Ok(stat.st_ino)
    }

    /// `/proc/PID/` belongs to the effective user, even when the process is not dumpable.
    fn uid(&mut self, pid: u32) -> Option<u32> {
        let flags = AtFlags::STATX_DONT_SYNC | AtFlags::EMPTY_PATH;
        let folder = self.folder(pid).ok()?;
        let stat = rustix::fs::statx(folder, "", flags, StatxFlags::UID);
        stat.ok().map(|stat| stat.stx_uid)
    }

    /// Where the name may not be read, nothing else may.
    fn name(&mut self, pid: u32) -> Result<String, Skipped> {
        let read = self.read(pid, "comm")?;
        let bytes = &self.buffer[..read];
        let name = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    fn command_line(&mut self, pid: u32) -> Result<Option<String>, Errno> {
        self.text(pid, "cmdline", command_line_in)
    }

    /// `None` when it may not be read.
    fn stat(&mut self, pid: u32, file: &str) -> Result<Option<Stat>, Errno> {
        Ok(self.text(pid, file, stat::parse)?.flatten())
    }

    /// `None` when the file may not be read, or is missing in a captured tree; in a procfs a
    /// missing file means that the process is gone.
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
        let is_procfs = self.procfs;
        let file = open_file(self.folder(pid)?, file, is_procfs)?;
        rustix::io::read(&file, self.buffer.as_mut_slice())
    }

    fn folder(&mut self, pid: u32) -> Result<BorrowedFd<'_>, Errno> {
        let process = match self.process.take() {
            Some((known, folder)) if known == pid => (pid, folder),
            _ => (pid, open_folder(&self.root, &pid.to_string())?),
        };
        Ok(self.process.insert(process).1.as_fd())
    }
}

fn open_folder(root: &OwnedFd, folder: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(root, folder, flags, Mode::empty())
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
    fn a_process_that_gets_the_id_of_another_does_not_lend_its_name() {
        let root = std::env::temp_dir().join(format!("sockdiag-lent-{}", std::process::id()));
        let process = |name: &str| {
            std::fs::create_dir_all(root.join("100")).unwrap();
            std::fs::write(root.join("100/comm"), name).unwrap();
        };
        process("first");
        let mut reader = Reader::new(&root).unwrap();
        assert_eq!(reader.limits(100), Ok(None));
        std::fs::rename(root.join("100"), root.join("ended")).unwrap();
        process("second");
        let names = [reader.name(100), Reader::new(&root).unwrap().name(100)];
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(names, [Ok("first".to_owned()), Ok("second".to_owned())]);
    }

    #[test]
    fn a_file_that_a_captured_tree_lacks_is_unknown() {
        let mut reader = Reader::new(Path::new("/")).unwrap();
        assert_eq!(reader.limits(1), Ok(None));
        assert_eq!(reader.stat(1, "stat"), Ok(None));
    }
}

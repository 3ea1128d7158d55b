//! `/proc/PID`: which processes there are, their names and cgroups, and whether all can be seen.

use std::{
    collections::BTreeSet,
    fs::{self, DirEntry},
    io,
};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{CWD, Mode, OFlags},
    io::Errno,
};

use super::{Kernel, mount, read_text, regular, stat};
use crate::{Error, model::unit_of};

/// Why a process could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    Gone,
    Refused,
    /// It may be there, but could not be looked at.
    Failed(Errno),
}

impl From<Errno> for Unread {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::SRCH => Unread::Gone,
            Errno::ACCESS | Errno::PERM => Unread::Refused,
            errno => Unread::Failed(errno),
        }
    }
}

/// Longer command lines are cut, as a process may have one of megabytes.
const COMMAND_BYTES: usize = 16 * 1024;

/// The folder of a process in /proc, which stays that of this process when its id is given to
/// another one.
pub struct ProcessDir {
    folder: OwnedFd,
    is_procfs: bool,
}

impl ProcessDir {
    /// At most 15 bytes, which the process chooses.
    pub fn name(&self) -> Result<String, Errno> {
        let text = self.read("comm")?;
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    /// The cgroup in the unified hierarchy, or systemd's own on hosts that mount cgroup v1.
    pub fn cgroup(&self) -> Option<String> {
        cgroup_in(&self.read("cgroup").ok()?).map(str::to_owned)
    }

    /// At most [`COMMAND_BYTES`] of it, which the process may have written over.
    fn command_line(&self) -> Option<String> {
        let mut text = command_line_in(&self.read("cmdline").ok()?);
        let mut ends = (0..=text.len().min(COMMAND_BYTES)).rev();
        let end = ends.find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        Some(text)
    }

    /// In clock ticks since boot.
    pub fn began(&self) -> Option<u64> {
        Some(stat::parse(&self.read("stat").ok()?)?.began)
    }

    /// The folder of its descriptors.
    pub fn descriptors(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.folder, "fd", flags, Mode::empty())
    }

    /// A descriptor opened with O_PATH refers to a socket without keeping it open (`flags`, in
    /// octal, of `/proc/PID/fdinfo/FD`).
    pub fn is_path_only(&self, fd: u32) -> bool {
        const O_PATH: u32 = 0o10_000_000;
        let text = self.read(&format!("fdinfo/{fd}")).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok());
        flags.is_some_and(|flags| flags & O_PATH != 0)
    }

    pub(super) fn read(&self, file: &str) -> Result<String, Errno> {
        read_text(self.folder.as_fd(), file, self.is_procfs)
    }

    /// A folder or link in it.
    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

/// Arguments end in a 0; some processes write over them.
pub fn command_line_in(text: &str) -> String {
    text.trim_end_matches('\0').replace('\0', " ")
}

/// The text has lines `ID:CONTROLLERS:PATH` (man 7 cgroups).
pub fn cgroup_in(text: &str) -> Option<&str> {
    let (mut unified, mut systemd) = (None, None);
    for line in text.lines() {
        let (id, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        if id == "0" {
            unified = Some(path);
        } else if controllers.split(',').any(|name| name == "name=systemd") {
            systemd = Some(path);
        }
    }
    unified.filter(|path| *path != "/").or(systemd).or(unified)
}

/// Members of the group `gid=` (default: root's) see all, except with `hidepid=ptraceable`
/// (fs/proc/base.c, `has_pid_permissions`).
fn hides_from(proc: &mount::Mount, groups: &[u32]) -> bool {
    match proc.option("hidepid") {
        None | Some("0" | "off") => false,
        Some("4" | "ptraceable") => true,
        Some(_) => !proc
            .option("gid")
            .map_or(Ok(0), str::parse)
            .is_ok_and(|gid| groups.contains(&gid)),
    }
}

impl Kernel {
    /// Ids of the visible processes (thread groups). One that ends meanwhile is not found later.
    pub fn process_ids(&self) -> crate::Result<Vec<u32>> {
        let number = |entry: io::Result<DirEntry>| match entry {
            Ok(entry) => Ok(entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())),
            Err(error) => Err(error),
        };
        let entries = fs::read_dir(&self.proc_root);
        let numbers = entries.and_then(|entries| entries.map(number).collect());
        let numbers: Vec<Option<u32>> = numbers.map_err(Error::file(&self.proc_root))?;
        Ok(numbers.into_iter().flatten().collect())
    }

    /// The command line of a process; `None` where it may not be read, or the process has another
    /// name: its id may have been given to another one.
    pub fn command_line(&self, pid: u32, name: &str) -> Option<String> {
        let process = self.process(pid).ok()?;
        let is_same = process.name().is_ok_and(|now| now == name);
        process.command_line().filter(|_| is_same)
    }

    /// The error of a process that could not be looked at.
    pub(super) fn failed(&self, pid: u32, errno: Errno) -> Error {
        Error::File(self.process_dir(pid), regular::cause(errno))
    }

    pub(super) fn process(&self, pid: u32) -> Result<ProcessDir, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::openat(CWD, self.process_dir(pid), flags, Mode::empty())?;
        Ok(ProcessDir {
            folder,
            is_procfs: self.is_procfs,
        })
    }

    /// /proc is mounted with `hidepid` and hides the processes of other users.
    pub(super) fn hides_others(&self) -> crate::Result<bool> {
        /// `PROC_USER_INIT_INO`, include/linux/proc_ns.h. Root of another user namespace is not
        /// root here, and its group ids differ.
        const INITIAL: &str = "user:[4026531837]";
        let user_namespace = fs::read_link(self.proc_root.join("self/ns/user"));
        let is_initial = user_namespace.is_ok_and(|link| link.as_os_str() == INITIAL);
        if is_initial && rustix::process::geteuid().is_root() {
            return Ok(false);
        }
        let mut groups = Vec::new();
        if is_initial {
            groups = rustix::process::getgroups().unwrap_or_default();
            groups.push(rustix::process::getegid());
        }
        let groups: Vec<u32> = groups.into_iter().map(|group| group.as_raw()).collect();
        let mounts = self.mounts()?;
        let proc = mount::last_at(&mounts, &self.proc_root);
        Ok(proc.is_some_and(|proc| hides_from(&proc, &groups)))
    }

    /// The mounts that this process sees; none in a captured tree without them.
    pub(super) fn mounts(&self) -> crate::Result<String> {
        let mounts = self.read_if_present(&self.proc_root.join("self/mountinfo"))?;
        Ok(mounts.unwrap_or_default())
    }

    /// Ids and names of the visible processes; one whose name may not be read has an empty one.
    pub fn processes(&self) -> crate::Result<Vec<(u32, String)>> {
        let mut found = Vec::new();
        for pid in self.process_ids()? {
            let name = self.process(pid).and_then(|process| process.name());
            match name.map_err(Unread::from) {
                Ok(name) => found.push((pid, name)),
                Err(Unread::Gone) => {}
                Err(Unread::Refused) => found.push((pid, String::new())),
                Err(Unread::Failed(errno)) => return Err(self.failed(pid, errno)),
            }
        }
        Ok(found)
    }

    /// The systemd units, containers and pods of the visible processes.
    pub fn units(&self) -> crate::Result<BTreeSet<String>> {
        let unit = |pid| unit_of(&self.process(pid).ok()?.cgroup()?);
        Ok(self.process_ids()?.into_iter().filter_map(unit).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidepid_hides_nothing_from_its_group() {
        for (options, groups, hides) in [
            ("", &[][..], false),
            (",hidepid=off", &[], false),
            (",hidepid=invisible", &[1000], true),
            (",hidepid=invisible", &[1000, 0], false),
            (",hidepid=2,gid=27", &[0, 1000], true),
            (",hidepid=2,gid=27", &[1000, 27], false),
            (",hidepid=1,gid=many", &[0], true),
            (",hidepid=ptraceable,gid=27", &[27], true),
            (",hidepid=4", &[0], true),
        ] {
            let line = format!("22 1 0:20 / /proc rw - proc proc rw{options}");
            let proc = mount::parse(&line).next().unwrap();
            assert_eq!(hides_from(&proc, groups), hides, "{options:?} {groups:?}");
        }
    }

    #[test]
    fn the_cgroup_is_the_unified_one_or_systemds() {
        for (text, cgroup) in [
            (
                "0::/system.slice/api.service\n",
                Some("/system.slice/api.service"),
            ),
            (
                "4:memory:/x\n1:name=systemd:/system.slice/a.service\n0::/\n",
                Some("/system.slice/a.service"),
            ),
            ("0::/a:b\n", Some("/a:b")),
            ("0::/\n", Some("/")),
            ("4:memory:/x\n", None),
            ("cut", None),
            ("", None),
        ] {
            assert_eq!(cgroup_in(text), cgroup, "{text}");
        }
    }
}

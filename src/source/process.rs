//! `/proc/PID`: which processes there are, their names and cgroups, and whether all can be seen.

use std::{collections::BTreeSet, fs, io, path::Path};

use super::{Kernel, mount, stat};
use crate::model::unit_of;

/// Processes that end meanwhile are not found later.
pub fn pids(proc_root: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(proc_root) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
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
fn hides_from(proc: &mount::Mount<'_>, groups: &[u32]) -> bool {
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
    /// At most 15 bytes, which the process chooses.
    pub(super) fn process_name(&self, pid: u32) -> Option<String> {
        let text = self.read(&self.process_dir(pid).join("comm")).ok()?;
        Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }

    /// The cgroup in the unified hierarchy, or systemd's own on hosts that mount cgroup v1.
    pub(super) fn process_cgroup(&self, pid: u32) -> Option<String> {
        let text = self.read(&self.process_dir(pid).join("cgroup")).ok()?;
        cgroup_in(&text).map(str::to_owned)
    }

    /// In clock ticks since boot.
    pub(super) fn process_began(&self, pid: u32) -> Option<u64> {
        let text = self.read(&self.process_dir(pid).join("stat")).ok()?;
        Some(stat::parse(&text)?.began)
    }

    /// A descriptor opened with O_PATH refers to a socket without keeping it open (`flags`, in
    /// octal, of `/proc/PID/fdinfo/FD`).
    pub(super) fn is_path_only(&self, pid: u32, fd: u32) -> bool {
        const O_PATH: u32 = 0o10_000_000;
        let path = self.process_dir(pid).join(format!("fdinfo/{fd}"));
        let text = self.read(&path).unwrap_or_default();
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok());
        flags.is_some_and(|flags| flags & O_PATH != 0)
    }

    /// /proc is mounted with `hidepid` and hides the processes of other users.
    pub(super) fn hides_others(&self) -> bool {
        /// `PROC_USER_INIT_INO`, include/linux/proc_ns.h. Root of another user namespace is not
        /// root here, and its group ids differ.
        const INITIAL: &str = "user:[4026531837]";
        let user_namespace = fs::read_link(self.proc_root.join("self/ns/user"));
        let is_initial = user_namespace.is_ok_and(|link| link.as_os_str() == INITIAL);
        if is_initial && rustix::process::geteuid().is_root() {
            return false;
        }
        let mut groups = Vec::new();
        if is_initial {
            groups = rustix::process::getgroups().unwrap_or_default();
            groups.push(rustix::process::getegid());
        }
        let groups: Vec<u32> = groups.into_iter().map(|group| group.as_raw()).collect();
        let mounts = self.mounts().unwrap_or_default();
        let proc = mount::last_at(&mounts, &self.proc_root);
        proc.is_some_and(|proc| hides_from(&proc, &groups))
    }

    /// The mounts that this process sees.
    pub(super) fn mounts(&self) -> io::Result<String> {
        self.read(&self.proc_root.join("self/mountinfo"))
    }

    /// Ids and names of the visible processes.
    pub fn processes(&self) -> Vec<(u32, String)> {
        let named = |pid| Some((pid, self.process_name(pid)?));
        pids(&self.proc_root)
            .into_iter()
            .filter_map(named)
            .collect()
    }

    /// The systemd units, containers and pods of the visible processes.
    pub fn units(&self) -> BTreeSet<String> {
        let unit = |pid| unit_of(&self.process_cgroup(pid)?);
        pids(&self.proc_root).into_iter().filter_map(unit).collect()
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

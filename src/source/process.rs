//! `/proc/PID`: which processes there are, their names and cgroups, and whether all can be seen.

use std::{collections::HashMap, fs, path::Path};

use procfs::process::Process;

use super::Kernel;
use crate::model::is_process;

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

/// At most 15 bytes, which the process chooses.
pub fn name(proc_root: &Path, pid: u32) -> Option<String> {
    let bytes = fs::read(proc_root.join(pid.to_string()).join("comm")).ok()?;
    let name = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The cgroup in the unified hierarchy, or systemd's own on hosts that mount cgroup v1.
pub fn cgroup(proc_root: &Path, pid: u32) -> Option<String> {
    let text = fs::read(proc_root.join(pid.to_string()).join("cgroup")).ok()?;
    cgroup_in(&String::from_utf8_lossy(&text)).map(str::to_owned)
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

/// In clock ticks since boot.
pub fn began(proc_root: &Path, pid: u32) -> Option<u64> {
    let process = Process::new_with_root(proc_root.join(pid.to_string())).ok()?;
    Some(process.stat().ok()?.starttime)
}

/// A descriptor opened with O_PATH refers to a socket without keeping it open (`flags`, in octal,
/// of `/proc/PID/fdinfo/FD`).
pub fn is_path_only(proc_root: &Path, pid: u32, fd: u32) -> bool {
    const O_PATH: u32 = 0o10_000_000;
    let path = proc_root.join(format!("{pid}/fdinfo/{fd}"));
    let text = fs::read_to_string(path).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok());
    flags.is_some_and(|flags| flags & O_PATH != 0)
}

/// /proc is mounted with `hidepid` and hides the processes of other users.
pub fn hides_others(proc_root: &Path) -> bool {
    /// `PROC_USER_INIT_INO`, include/linux/proc_ns.h. Root of another user namespace is not
    /// root here, and its group ids differ.
    const INITIAL: &str = "user:[4026531837]";
    let user_namespace = fs::read_link(proc_root.join("self/ns/user"));
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
    mount_options(proc_root).is_some_and(|options| hides_from(&options, &groups))
}

/// Options of the last file system mounted there, which covers earlier ones.
fn mount_options(proc_root: &Path) -> Option<Options> {
    let own = Process::new_with_root(proc_root.join("self")).ok()?;
    let mounts = own.mountinfo().ok()?.into_iter();
    let mut there = mounts.filter(|mount| mount.mount_point == proc_root);
    there.next_back().map(|mount| mount.super_options)
}

type Options = HashMap<String, Option<String>>;

/// Members of the group `gid=` (default: root's) see all, except with `hidepid=ptraceable`
/// (fs/proc/base.c, `has_pid_permissions`).
fn hides_from(options: &Options, groups: &[u32]) -> bool {
    let option = |name| options.get(name).and_then(Option::as_deref);
    match option("hidepid") {
        None | Some("0" | "off") => false,
        Some("4" | "ptraceable") => true,
        Some(_) => !option("gid")
            .map_or(Ok(0), str::parse)
            .is_ok_and(|gid| groups.contains(&gid)),
    }
}

impl Kernel {
    /// Whether a process of this name or id is visible.
    pub fn has_process(&self, name_or_pid: &str) -> bool {
        let root = self.proc_root();
        let name = |pid| name(root, pid).unwrap_or_default();
        pids(root)
            .into_iter()
            .any(|pid| is_process(pid, &name(pid), name_or_pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidepid_hides_nothing_from_its_group() {
        for (options, groups, hides) in [
            (&[][..], &[][..], false),
            (&[("hidepid", "off")], &[], false),
            (&[("hidepid", "invisible")], &[1000], true),
            (&[("hidepid", "invisible")], &[1000, 0], false),
            (&[("hidepid", "2"), ("gid", "27")], &[0, 1000], true),
            (&[("hidepid", "2"), ("gid", "27")], &[1000, 27], false),
            (&[("hidepid", "1"), ("gid", "many")], &[0], true),
            (&[("hidepid", "ptraceable"), ("gid", "27")], &[27], true),
            (&[("hidepid", "4")], &[0], true),
        ] {
            let pair = |(key, value): &(&str, &str)| (key.to_string(), Some(value.to_string()));
            let hidden = hides_from(&options.iter().map(pair).collect(), groups);
            assert_eq!(hidden, hides, "{options:?} {groups:?}");
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

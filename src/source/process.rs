//! `/proc/PID`: which processes there are, their names and cgroups, and whether all can be seen.

use std::{fs, path::Path};

use procfs::process::Process;

use crate::model::is_process;

/// Ids of the processes (thread groups) that /proc shows. Those that end meanwhile are simply not
/// found later.
pub fn pids(proc_root: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(proc_root) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The name a process gives itself, at most 15 bytes; any bytes but a zero may stand in it.
pub fn name(proc_root: &Path, pid: u32) -> Option<String> {
    let bytes = fs::read(proc_root.join(pid.to_string()).join("comm")).ok()?;
    let name = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The process's cgroup: that of the unified hierarchy, or systemd's own on hosts that mount the
/// old ones.
pub fn cgroup(proc_root: &Path, pid: u32) -> Option<String> {
    let text = fs::read(proc_root.join(pid.to_string()).join("cgroup")).ok()?;
    cgroup_in(&String::from_utf8_lossy(&text)).map(str::to_owned)
}

/// The same in a text of lines `ID:CONTROLLERS:PATH` (man 7 cgroups).
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

/// When a process began, in clock ticks since boot.
pub fn began(proc_root: &Path, pid: u32) -> Option<u64> {
    let process = Process::new_with_root(proc_root.join(pid.to_string())).ok()?;
    Some(process.stat().ok()?.starttime)
}

/// A descriptor opened with O_PATH names a socket and does not keep it open (`flags`, in octal, of
/// `/proc/PID/fdinfo/FD`).
pub fn is_path_only(proc_root: &Path, pid: u32, fd: u32) -> bool {
    const O_PATH: u32 = 0o10_000_000;
    let path = proc_root.join(format!("{pid}/fdinfo/{fd}"));
    let text = fs::read_to_string(path).unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok());
    flags.is_some_and(|flags| flags & O_PATH != 0)
}

/// /proc is mounted with `hidepid` and hides the processes of other users from this one.
pub fn hides_others(proc_root: &Path) -> bool {
    /// `PROC_USER_INIT_INO`, include/linux/proc_ns.h. Root elsewhere is no root here.
    const INITIAL: &str = "user:[4026531837]";
    let user_namespace = fs::read_link(proc_root.join("self/ns/user"));
    let sees_all = rustix::process::geteuid().is_root()
        && user_namespace.is_ok_and(|link| link.as_os_str() == INITIAL);
    !sees_all && mounted_with_hidepid(proc_root)
}

fn mounted_with_hidepid(proc_root: &Path) -> bool {
    let mounts = Process::new_with_root(proc_root.join("self")).and_then(|own| own.mountinfo());
    mounts.into_iter().flatten().any(|mount| {
        let hides = mount
            .super_options
            .get("hidepid")
            .and_then(Option::as_deref);
        mount.mount_point == proc_root && !matches!(hides, None | Some("0" | "off"))
    })
}

/// Whether a process of this name or id is there.
pub fn exists(proc_root: &Path, wanted: &str) -> bool {
    let mut pids = pids(proc_root).into_iter();
    pids.any(|pid| is_process(pid, &name(proc_root, pid).unwrap_or_default(), wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

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

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
    let process = Process::new_with_root(proc_root.join(pid.to_string())).ok()?;
    let groups = process.cgroups().ok()?.0;
    let unified = groups
        .iter()
        .find(|group| group.hierarchy == 0 && group.pathname != "/");
    let systemd = || {
        groups
            .iter()
            .find(|group| group.controllers.iter().any(|c| c == "name=systemd"))
    };
    let any = || groups.iter().find(|group| group.hierarchy == 0);
    unified
        .or_else(systemd)
        .or_else(any)
        .map(|group| group.pathname.clone())
}

/// /proc is mounted with `hidepid` and hides the processes of other users from this one.
pub fn hides_others(proc_root: &Path) -> bool {
    !rustix::process::geteuid().is_root() && mounted_with_hidepid(proc_root)
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

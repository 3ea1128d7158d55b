//! The cgroups of a process (`/proc/PID/cgroup`) in the hierarchies that are mounted: freezer, CPU
//! quotas, memory limits and pressure (Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst).

#[cfg(test)]
mod tests;

use std::{
    path::{Component, Path, PathBuf},
    time::Duration,
};

use super::{mount::Mount, pressure};
use crate::{
    model::{CpuQuota, Freezer, MemoryLimit, Pressure, ProcessActivity, Stalled},
    source::Kernel,
};

pub struct Cgroups<'a> {
    kernel: &'a Kernel,
    mounts: &'a [Mount],
}

/// A cgroup in one hierarchy.
#[derive(Debug, Clone)]
struct Group<'a> {
    kernel: &'a Kernel,
    folder: PathBuf,
    /// The topmost that is visible.
    top: &'a Path,
    unified: bool,
}

impl<'a> Cgroups<'a> {
    pub fn new(kernel: &'a Kernel, mounts: &'a [Mount]) -> Self {
        Cgroups { kernel, mounts }
    }

    /// What the cgroups in this text do to their members; the other fields are empty.
    pub fn of(&self, text: &str) -> ProcessActivity {
        // A captured tree has no cgroups: the paths would be looked up on this host.
        let text = if self.kernel.is_procfs { text } else { "" };
        let unified = self.group(text, None);
        let of = |controller| {
            self.group(text, Some(controller))
                .or_else(|| unified.clone())
        };
        let freezers = [self.group(text, Some("freezer")), unified.clone()];
        let freezers = freezers.into_iter().flatten();
        ProcessActivity {
            freezer: freezers
                .filter_map(|group| group.freezer())
                .max_by_key(|one| one.frozen),
            cpu_quotas: of("cpu").map(|group| group.each(Group::cpu_quota)),
            memory_limits: of("memory").map(|group| group.each(Group::memory_limit)),
            pressure: unified.map(|group| group.pressure()).unwrap_or_default(),
            ..ProcessActivity::default()
        }
    }

    /// The cgroup under this controller of v1, or in the unified hierarchy.
    fn group(&self, text: &'a str, controller: Option<&str>) -> Option<Group<'a>> {
        let path = path(text, controller)?;
        let mut mounts = self.mounts.iter();
        let mount = mounts.find(|mount| match controller {
            Some(controller) => mount.file_system == "cgroup" && mount.has(controller),
            None => mount.file_system == "cgroup2",
        })?;
        let folder = mount.point.join(below(path, &mount.root)?);
        folder.is_dir().then(|| Group {
            kernel: self.kernel,
            folder,
            top: &mount.point,
            unified: controller.is_none(),
        })
    }
}

/// The text has lines `ID:CONTROLLERS:PATH` (man 7 cgroups).
fn path<'a>(text: &'a str, controller: Option<&str>) -> Option<&'a Path> {
    text.lines().find_map(|line| {
        let (id, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = match controller {
            Some(controller) => controllers.split(',').any(|name| name == controller),
            None => id == "0" && controllers.is_empty(),
        };
        is_it.then(|| Path::new(path))
    })
}

/// The path below what is mounted. A cgroup outside of this cgroup namespace begins with `/..`.
fn below<'a>(path: &'a Path, root: &Path) -> Option<&'a Path> {
    let below = path.strip_prefix(root).ok()?;
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    below.components().all(is_plain).then_some(below)
}

impl Group<'_> {
    /// What this cgroup and those above it have, the nearest first.
    fn each<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Vec<T> {
        let folders = self.folder.ancestors();
        let visible = folders.take_while(|folder| folder.starts_with(self.top));
        let groups = visible.map(|folder| Group {
            folder: folder.to_owned(),
            ..self.clone()
        });
        groups.filter_map(|group| read(&group)).collect()
    }

    fn text(&self, file: &str) -> Option<String> {
        let text = self.kernel.read_if_present(&self.folder.join(file));
        text.ok()?.map(|text| text.trim_end().to_owned())
    }

    fn number(&self, file: &str) -> Option<u64> {
        self.text(file)?.parse().ok()
    }

    fn path_of(&self, file: &str) -> String {
        self.folder.join(file).to_string_lossy().into_owned()
    }

    /// The root has no freezer.
    fn freezer(&self) -> Option<Freezer> {
        let (state, own, switch, thawed_by) = match self.unified {
            true => ("cgroup.events", "cgroup.freeze", "cgroup.freeze", "0"),
            false => (
                "freezer.state",
                "freezer.self_freezing",
                "freezer.state",
                "THAWED",
            ),
        };
        let text = self.text(state)?;
        let frozen = match self.unified {
            true => value(&text, "frozen")? == 1,
            false => text == "FROZEN",
        };
        let set = |group: &Self| (group.number(own)? == 1).then(|| group.path_of(switch));
        let set_by = if frozen { self.each(set).pop() } else { None };
        Some(Freezer {
            frozen,
            set_by,
            thawed_by: thawed_by.to_owned(),
        })
    }

    /// `None` where there is none at this level.
    fn cpu_quota(&self) -> Option<CpuQuota> {
        let (file, quota, period) = match self.unified {
            true => {
                let text = self.text("cpu.max")?;
                let (quota, period) = text.split_once(' ')?;
                ("cpu.max", quota.parse().ok()?, period.parse().ok()?)
            }
            false => {
                let file = "cpu.cfs_quota_us";
                (file, self.number(file)?, self.number("cpu.cfs_period_us")?)
            }
        };
        let stat = self.text("cpu.stat")?;
        let throttled = match self.unified {
            true => Duration::from_micros(value(&stat, "throttled_usec")?),
            false => Duration::from_nanos(value(&stat, "throttled_time")?),
        };
        Some(CpuQuota {
            file: self.path_of(file),
            quota: Duration::from_micros(quota),
            period: Duration::from_micros(period),
            periods: value(&stat, "nr_periods")?,
            throttled_periods: value(&stat, "nr_throttled")?,
            throttled,
        })
    }

    /// `None` where there is none at this level.
    fn memory_limit(&self) -> Option<MemoryLimit> {
        match self.unified {
            true => {
                let limits = ["memory.high", "memory.max"];
                let limits = limits.map(|file| Some((self.number(file)?, file)));
                let (limit_bytes, file) = limits.into_iter().flatten().min()?;
                let events = self.text("memory.events")?;
                Some(MemoryLimit {
                    file: self.path_of(file),
                    limit_bytes,
                    high: value(&events, "high"),
                    max: value(&events, "max"),
                    oom_kill: value(&events, "oom_kill"),
                })
            }
            false => {
                /// Unlimited: `PAGE_COUNTER_MAX` pages, whose size differs.
                const UNLIMITED: u64 = i64::MAX as u64 - (1 << 20);
                let file = "memory.limit_in_bytes";
                let limit_bytes = self.number(file).filter(|limit| *limit < UNLIMITED)?;
                let control = self.text("memory.oom_control");
                Some(MemoryLimit {
                    file: self.path_of(file),
                    limit_bytes,
                    high: None,
                    max: self.number("memory.failcnt"),
                    oom_kill: control.and_then(|text| value(&text, "oom_kill")),
                })
            }
        }
    }

    /// That of the root is that of the host.
    fn pressure(&self) -> Pressure {
        let read = |file: &str| -> Option<Stalled> {
            let below_root = self.folder != self.top;
            pressure::parse(&self.text(file).filter(|_| below_root)?)
        };
        Pressure {
            cpu: read("cpu.pressure"),
            memory: read("memory.pressure"),
            io: read("io.pressure"),
        }
    }
}

/// A number of a file with lines `NAME NUMBER`.
fn value(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

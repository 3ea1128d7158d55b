//! Cgroups that freeze or throttle the owners of a listener, in the unified hierarchy and in those of
//! v1. They are the real root's.

use std::fs;
use std::path::{Path, PathBuf};

use super::listener_owners::Owner;
use super::netns::netns_inode;
use super::skipped::report_skipped;
use super::wait::wait_until;

/// The file that lists the processes of a cgroup, and moves one there.
const PROCS: &str = "cgroup.procs";

/// A cgroup of this test, which is removed with it.
struct Cgroup(PathBuf);

impl Cgroup {
    /// In the hierarchy that is mounted there; `None`, loudly, where it is not or may not be used.
    fn below(hierarchy: &str, file: &str) -> Option<Cgroup> {
        let netns = netns_inode("/proc/self/ns/net");
        Cgroup::named(&format!("sockdiag-test-{netns}"), hierarchy, file)
    }

    fn named(name: &str, hierarchy: &str, file: &str) -> Option<Cgroup> {
        let folder = Path::new(hierarchy).join(name);
        let made = match Path::new(hierarchy).join(PROCS).exists() {
            true => fs::create_dir(&folder),
            false => Err(std::io::ErrorKind::NotFound.into()),
        };
        if let Err(error) = made {
            report_skipped(&format!("a cgroup in {hierarchy}: {error}"));
            return None;
        }
        let cgroup = Cgroup(folder);
        if !cgroup.0.join(file).exists() {
            report_skipped(&format!("a cgroup in {hierarchy}: it has no {file}"));
            return None;
        }
        Some(cgroup)
    }

    fn write(&self, file: &str, text: impl ToString) {
        write(&self.0.join(file), text);
    }

    fn add(&self, owner: &Owner) {
        self.write(PROCS, owner.pid());
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that was killed leaves its cgroup a moment later.
        let folder = &self.0;
        wait_until("the cgroup is empty", || fs::remove_dir(folder).is_ok());
    }
}

fn write(path: &Path, text: impl ToString) {
    fs::write(path, text.to_string()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
}

/// Where the unified hierarchy is, alone or beside those of v1.
fn unified() -> &'static str {
    match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        true => "/sys/fs/cgroup",
        false => "/sys/fs/cgroup/unified",
    }
}

/// A cgroup with the name of a systemd unit. This process may be added to it.
pub struct Unit {
    cgroup: Cgroup,
    name: String,
    /// The cgroup that this process came from.
    home: PathBuf,
}

impl Unit {
    pub fn new() -> Option<Unit> {
        let netns = netns_inode("/proc/self/ns/net");
        let name = format!("sockdiag-test-{netns}.service");
        let cgroup = Cgroup::named(&name, unified(), PROCS)?;
        let own = fs::read_to_string("/proc/self/cgroup").expect("/proc/self/cgroup");
        let home = own.lines().find_map(|line| line.strip_prefix("0::/"));
        let home = Path::new(unified()).join(home.expect("the hierarchy is mounted"));
        Some(Unit { cgroup, name, home })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn add(&self, pid: u32) {
        self.cgroup.write(PROCS, pid);
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let own = std::process::id().to_string();
        let members = fs::read_to_string(self.cgroup.0.join(PROCS)).expect("it is there");
        if members.lines().any(|pid| pid == own) {
            write(&self.home.join(PROCS), own);
        }
    }
}

/// A cgroup that can be frozen.
pub struct Freezer {
    cgroup: Cgroup,
    file: &'static str,
    words: [&'static str; 2],
}

/// Its processes do not run, and cannot be killed everywhere, until this is dropped.
pub struct Frozen<'a>(&'a Freezer);

impl Freezer {
    /// One in each hierarchy that can freeze.
    pub fn all() -> impl Iterator<Item = Freezer> {
        let v1 = "/sys/fs/cgroup/freezer";
        let all = [
            (unified(), "cgroup.freeze", ["1", "0"]),
            (v1, "freezer.state", ["FROZEN", "THAWED"]),
        ];
        all.into_iter().filter_map(|(hierarchy, file, words)| {
            let cgroup = Cgroup::below(hierarchy, file)?;
            Some(Freezer {
                cgroup,
                file,
                words,
            })
        })
    }

    pub fn freeze(&self, owner: &Owner) -> Frozen<'_> {
        self.cgroup.add(owner);
        self.cgroup.write(self.file, self.words[0]);
        Frozen(self)
    }
}

impl Frozen<'_> {
    /// What a report should say to do.
    pub fn remedy(&self) -> String {
        let file = self.0.cgroup.0.join(self.0.file);
        format!("echo {} > {}", self.0.words[1], file.display())
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.cgroup.write(self.0.file, self.0.words[1]);
    }
}

/// A cgroup that gets a tenth of a core.
pub struct CpuQuota {
    cgroup: Cgroup,
    file: &'static str,
    more: &'static str,
}

impl CpuQuota {
    /// One in each hierarchy that has quotas.
    pub fn all() -> impl Iterator<Item = CpuQuota> {
        let v1 = "/sys/fs/cgroup/cpu";
        let all = [
            (unified(), "cpu.max", "10000 100000", "'20000 100000'"),
            (v1, "cpu.cfs_quota_us", "10000", "20000"),
        ];
        all.into_iter()
            .filter_map(|(hierarchy, file, quota, more)| {
                let cgroup = Cgroup::below(hierarchy, file)?;
                cgroup.write(file, quota);
                Some(CpuQuota { cgroup, file, more })
            })
    }

    pub fn add(&self, owner: &Owner) {
        self.cgroup.add(owner);
    }

    /// How the remedy that a report should have begins.
    pub fn remedy(&self) -> String {
        let file = self.cgroup.0.join(self.file);
        format!("echo {} > {}", self.more, file.display())
    }
}

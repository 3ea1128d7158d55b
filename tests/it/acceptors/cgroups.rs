//! Owners in cgroups that are frozen or throttled. Cgroups are the real root's.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::listener_owners::{InheritedListener, Owner, wait_for_cause};
use crate::support::netns::in_netns_of_root;
use crate::support::skipped::report_skipped;
use crate::support::wait::wait_until;

/// A cgroup of this test, which is removed with it.
struct Cgroup(PathBuf);

impl Cgroup {
    /// In the hierarchy that is mounted there; `None`, loudly, where it is not or may not be used.
    fn below(hierarchy: &str, file: &str) -> Option<Cgroup> {
        let folder = Path::new(hierarchy).join(format!("sockdiag-test-{}", std::process::id()));
        let made = match Path::new(hierarchy).join("cgroup.procs").exists() {
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
        let path = self.0.join(file);
        fs::write(&path, text.to_string()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    }

    fn add(&self, owner: &Owner) {
        self.write("cgroup.procs", owner.pid());
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that was killed leaves its cgroup a moment later.
        let folder = &self.0;
        wait_until("the cgroup is empty", || fs::remove_dir(folder).is_ok());
    }
}

/// Where the unified hierarchy is, alone or beside those of v1.
fn unified() -> &'static str {
    match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        true => "/sys/fs/cgroup",
        false => "/sys/fs/cgroup/unified",
    }
}

#[test]
fn a_frozen_cgroup_stops_its_owner() {
    in_netns_of_root(|| {
        for (hierarchy, file, freeze, thaw) in [
            (unified(), "cgroup.freeze", "1", "0"),
            (
                "/sys/fs/cgroup/freezer",
                "freezer.state",
                "FROZEN",
                "THAWED",
            ),
        ] {
            let Some(cgroup) = Cgroup::below(hierarchy, file) else {
                continue;
            };
            let listener = InheritedListener::new();
            let owner = listener.owner(&["cat"]);
            drop(listener);
            cgroup.add(&owner);
            cgroup.write(file, freeze);
            let place = cgroup.0.join(file);
            let cause = wait_for_cause("owner_stopped", |_| true);
            assert_eq!(cause.remedy, [format!("echo {thaw} > {}", place.display())]);
            cgroup.write(file, thaw);
            wait_for_cause("owner_blocked", |_| true);
            drop(owner);
        }
    });
}

#[test]
fn a_quota_that_is_used_up_throttles_its_owner() {
    in_netns_of_root(|| {
        for (hierarchy, file, quota, more) in [
            (unified(), "cpu.max", "10000 100000", "'20000 100000'"),
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "10000", "20000"),
        ] {
            let Some(cgroup) = Cgroup::below(hierarchy, file) else {
                continue;
            };
            cgroup.write(file, quota);
            let listener = InheritedListener::new();
            let owner = listener.owner(&["nice", "-n", "-20", "sh", "-c", "while :; do :; done"]);
            drop(listener);
            cgroup.add(&owner);
            let cause = wait_for_cause("owner_throttled", |_| true);
            assert!(
                cause.text.contains("its CPU quota of 10 % of a core"),
                "{}",
                cause.text
            );
            let raise = format!("echo {more} > {}", cgroup.0.join(file).display());
            assert!(cause.remedy[0].starts_with(&raise), "{:?}", cause.remedy);
            drop(owner);
        }
    });
}

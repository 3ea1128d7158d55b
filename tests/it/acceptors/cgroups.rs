//! Owners in cgroups that are frozen or throttled. Cgroups are the real root's.

use crate::support::cgroup::{CpuQuota, Freezer};
use crate::support::listener_owners::{InheritedListener, wait_for_cause};
use crate::support::netns::in_netns_of_root;

#[test]
fn a_frozen_cgroup_stops_its_owner() {
    in_netns_of_root(|| {
        for freezer in Freezer::all() {
            let listener = InheritedListener::new();
            let owner = listener.owner(&["cat"]);
            drop(listener);
            let frozen = freezer.freeze(&owner);
            let cause = wait_for_cause("owner_stopped", |_| true);
            assert_eq!(cause.remedy, [frozen.remedy()]);
            drop(frozen);
            wait_for_cause("owner_blocked", |_| true);
        }
    });
}

#[test]
fn a_quota_that_is_used_up_throttles_its_owner() {
    in_netns_of_root(|| {
        for quota in CpuQuota::all() {
            let listener = InheritedListener::new();
            let owner = listener.computing_owner(&[]);
            drop(listener);
            quota.add(&owner);
            let cause = wait_for_cause("owner_throttled", |_| true);
            assert!(
                cause.text.contains("its CPU quota of 10 % of a core"),
                "{}",
                cause.text
            );
            let remedy = &cause.remedy[0];
            assert!(remedy.starts_with(&quota.remedy()), "{remedy}");
        }
    });
}

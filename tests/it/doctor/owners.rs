//! `sockdiag doctor`: clients wait for accept(), and what keeps the owner of the listener from it is
//! the cause of the one block.

use rustix::process::{Pid, Signal, kill_process};
use socket2::Socket;

use crate::support::cgroup::{CpuQuota, Freezer};
use crate::support::clients::begin;
use crate::support::diagnosis::{doctor, only, only_stall, remedy, unhurried_doctor};
use crate::support::helper_process::{ListenerSetup, spawn_listener, spawn_out_of_descriptors};
use crate::support::listener_owners::InheritedListener;
use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up};
use crate::support::program::number;
use crate::support::sockets::{fill_accept_queue, listen};

#[test]
fn a_process_without_descriptors_is_the_cause_of_the_drops_of_its_queue() {
    in_sealed_netns(|| {
        let server = spawn_out_of_descriptors(64);
        // One client waits already, and the queue takes six.
        let _clients: Vec<Socket> = (0..10).map(|_| begin("127.0.0.1:8080")).collect();
        // SYNs are retransmitted after one second.
        let report = doctor(&["--for=1500ms"]);
        let found = only(&report, "accept_queue_overflow");
        assert_eq!(found["severity"], "critical");
        assert_eq!(found["cause_id"], "owner_out_of_descriptors");
        assert_eq!(found["inferred"], false);
        assert_eq!(found["pids"], serde_json::json!([server.pid()]));
        let raise = format!("prlimit --pid {}", server.pid());
        assert!(remedy(found).contains(&raise), "{found:#}");
    });
}

#[test]
fn a_listener_that_nobody_serves_is_found_though_its_queue_has_room() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 16);
        let _clients = fill_accept_queue(&server, 2);
        let report = unhurried_doctor(&["--for=1200ms"]);
        let found = only(&report, "acceptor_stalled");
        assert_eq!(found["subject"], "127.0.0.1:8080");
    });
}

/// It holds the listener and reads from a pipe, and then is stopped.
#[test]
fn the_cause_of_a_queue_that_nobody_serves_is_what_its_owner_does() {
    in_sealed_netns(|| {
        let server = spawn_listener(
            &ListenerSetup {
                address: "127.0.0.1:8080",
                backlog: 16,
                clients: 2,
                syns: 0,
            },
            &[],
        );
        let report = unhurried_doctor(&["--for=1200ms"]);
        let found = only(&report, "acceptor_stalled");
        assert_eq!(found["cause_id"], "owner_blocked", "{found:#}");
        let pid = Pid::from_raw(server.pid() as i32).expect("a process");
        kill_process(pid, Signal::STOP).expect("it is ours");
        let report = unhurried_doctor(&["--for=1200ms"]);
        let found = only(&report, "acceptor_stalled");
        assert_eq!(found["cause_id"], "owner_stopped", "{found:#}");
        assert_eq!(found["inferred"], false);
        assert_eq!(remedy(found), format!("kill -CONT {}", server.pid()));
    });
}

#[test]
fn an_owner_in_a_frozen_cgroup_is_told_to_be_thawed() {
    in_sealed_netns_of_root(|| {
        for freezer in Freezer::all() {
            let listener = InheritedListener::new();
            let owner = listener.owner(&["cat"]);
            let frozen = freezer.freeze(&owner);
            let found = only_stall(listener, "owner_stopped");
            assert_eq!(found["inferred"], false, "{found:#}");
            assert_eq!(found["pids"], serde_json::json!([owner.pid()]));
            assert_eq!(remedy(&found), frozen.remedy());
        }
    });
}

#[test]
fn an_owner_in_a_throttled_cgroup_needs_a_larger_quota() {
    in_sealed_netns_of_root(|| {
        for quota in CpuQuota::all() {
            let listener = InheritedListener::new();
            let owner = listener.computing_owner(&[]);
            quota.add(&owner);
            let found = only_stall(listener, "owner_throttled");
            assert_eq!(found["inferred"], false, "{found:#}");
            assert!(remedy(&found).starts_with(&quota.remedy()), "{found:#}");
        }
    });
}

/// Its only thread computes.
#[test]
fn an_owner_that_is_busy_on_one_core_needs_more_threads() {
    in_sealed_netns_of_root(|| {
        let listener = InheritedListener::new();
        let owner = listener.busy_owner();
        let found = only_stall(listener, "owner_busy");
        assert_eq!(found["inferred"], false, "{found:#}");
        assert_eq!(found["pids"], serde_json::json!([owner.pid()]));
        assert!(remedy(&found).contains("SO_REUSEPORT"), "{found:#}");
    });
}

#[test]
fn an_owner_that_gets_no_cpu_needs_another_weight() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let (owner, _others) = listener.starved_owner();
        let found = only_stall(listener, "owner_starved");
        assert_eq!(found["inferred"], false, "{found:#}");
        let renice = format!("renice -n -5 -p {}", owner.pid());
        assert!(remedy(&found).starts_with(&renice), "{found:#}");
        let evidence = found["evidence"].as_array().expect("an array").iter();
        let mut waited = evidence.filter(|one| one["name"] == "waited_for_cpu_ratio");
        let waited = number(&waited.next().expect("it is a starved one")["value"]);
        assert!((0.5..=1.0).contains(&waited), "{found:#}");
    });
}

#[test]
fn an_owner_that_waits_for_a_lock_is_blocked_in_futex() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let Some(owner) = listener.locked_owner() else {
            return;
        };
        let found = only_stall(listener, "owner_blocked");
        assert_eq!(found["inferred"], false, "{found:#}");
        let cause = found["cause"].as_str().expect("text");
        assert!(
            cause.ends_with("1 thread in futex() (a lock or a condition)"),
            "{cause}"
        );
        let backtrace = format!("gdb -p {}", owner.pid());
        assert!(remedy(&found).contains(&backtrace), "{found:#}");
    });
}

#[test]
fn an_owner_in_uninterruptible_sleep_is_blocked_in_vfork() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let Some(_owner) = listener.uninterruptible_owner() else {
            return;
        };
        let found = only_stall(listener, "owner_blocked");
        let cause = found["cause"].as_str().expect("text");
        let place = "1 thread in uninterruptible sleep (D) in vfork()";
        assert!(cause.contains(place), "{cause}");
    });
}

//! Owners that want to run.

use rustix::thread::{CpuSet, sched_getaffinity};

use crate::support::listener_owners::{InheritedListener, wait_for_cause};
use crate::support::netns::{in_netns_of_root, in_sealed_netns};

const LOOP: &str = "while :; do :; done";

#[test]
fn an_owner_that_uses_all_of_a_core_is_busy() {
    in_netns_of_root(|| {
        let listener = InheritedListener::new();
        // Ahead of whatever else runs on this machine, but for the part that the kernel keeps for it.
        let _owner = listener.owner(&["chrt", "-f", "1", "sh", "-c", LOOP]);
        drop(listener);
        let cause = wait_for_cause("owner_busy", |_| true);
        assert!(
            cause
                .text
                .contains("is busy: the thread that could accept used"),
            "{}",
            cause.text
        );
    });
}

#[test]
fn an_owner_that_others_keep_off_the_cpu_is_starved() {
    in_sealed_netns(|| {
        let allowed = sched_getaffinity(None).expect("the kernel knows it");
        let cpu = (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu));
        let cpu = cpu.expect("this test runs somewhere").to_string();
        let listener = InheritedListener::new();
        let without_it = format!("exec {}>&-; {LOOP}", listener.fd());
        let _others =
            [0, 1].map(|_| listener.owner(&["taskset", "-c", &cpu, "sh", "-c", &without_it]));
        let _owner = listener.owner(&["taskset", "-c", &cpu, "nice", "-n", "19", "sh", "-c", LOOP]);
        drop(listener);
        let cause = wait_for_cause("owner_starved", |_| true);
        assert!(
            cause.text.contains("is runnable but gets no CPU"),
            "{}",
            cause.text
        );
    });
}

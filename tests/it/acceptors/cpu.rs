//! Owners that want to run.

use crate::support::listener_owners::{InheritedListener, wait_for_cause};
use crate::support::netns::{in_netns_of_root, in_sealed_netns};

#[test]
fn an_owner_that_uses_all_of_a_core_is_busy() {
    in_netns_of_root(|| {
        let listener = InheritedListener::new();
        let _owner = listener.busy_owner();
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
        let listener = InheritedListener::new();
        let _starved = listener.starved_owner();
        drop(listener);
        let cause = wait_for_cause("owner_starved", |_| true);
        assert!(
            cause.text.contains("is runnable but gets no CPU"),
            "{}",
            cause.text
        );
    });
}

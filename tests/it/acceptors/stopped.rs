//! Owners that are stopped.

use rustix::process::Signal;

use crate::support::listener_owners::{InheritedListener, wait_for_cause};
use crate::support::netns::in_sealed_netns;

#[test]
fn an_owner_stopped_by_a_signal_is_stopped_until_it_continues() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let owner = listener.owner(&["cat"]);
        drop(listener);
        owner.signal(Signal::STOP);
        let cause = wait_for_cause("owner_stopped", |cause| !cause.inferred);
        let pid = owner.pid();
        assert_eq!(cause.remedy, [format!("kill -CONT {pid}")]);
        assert!(
            cause.text.starts_with(&format!("cat ({pid}) ")),
            "{}",
            cause.text
        );

        owner.signal(Signal::CONT);
        wait_for_cause("owner_blocked", |cause| !cause.inferred);
    });
}

#[test]
fn a_tracer_that_stops_an_owner_is_named() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        // strace holds the listener, too.
        let command = [
            "strace",
            "-o",
            "/dev/null",
            "-e",
            "inject=read:delay_enter=60000000",
            "cat",
        ];
        let Some(tracer) = listener.try_owner(&command) else {
            return;
        };
        drop(listener);
        let cause = wait_for_cause("owner_stopped", |_| true);
        let pid = tracer.pid();
        assert!(
            cause
                .text
                .contains(&format!("stopped by process {pid}, which traces it"))
        );
        assert!(
            cause
                .text
                .contains(&format!("strace ({pid}) held the listener, too"))
        );
        assert!(cause.inferred);
    });
}

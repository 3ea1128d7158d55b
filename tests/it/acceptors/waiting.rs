//! Owners that wait for connections are no cause, and speak for the others.

use std::os::fd::RawFd;

use rustix::process::Signal;

use sockdiag::model::CallKind;

use crate::support::listener_owners::{InheritedListener, cause, wait_for_call, wait_for_cause};
use crate::support::netns::in_sealed_netns;

fn script(fd: RawFd, wait: &str) -> String {
    format!(
        "import select, socket, time\n\
         listener = socket.socket(fileno={fd})\n\
         inner, outer, poll = select.epoll(), select.epoll(), select.poll()\n\
         inner.register(listener)\n\
         outer.register(inner)\n\
         poll.register(listener)\n\
         {wait}\n"
    )
}

#[test]
fn the_listeners_that_a_call_waits_for_are_known() {
    in_sealed_netns(|| {
        for (wait, kind, known) in [
            ("listener.accept()", CallKind::Accept, true),
            ("inner.poll()", CallKind::Epoll, true),
            ("outer.poll()", CallKind::Epoll, true),
            ("poll.poll()", CallKind::Poll, false),
            ("select.select([listener], [], [])", CallKind::Select, false),
        ] {
            let listener = InheritedListener::new();
            let script = script(listener.fd(), wait);
            let Some(owner) = listener.try_owner(&["python3", "-c", &script]) else {
                return;
            };
            drop(listener);
            let (call, inode) = wait_for_call(&owner, kind);
            assert_eq!(call.waits_for, known.then(|| vec![inode]), "{wait}");
            assert_eq!(cause(), None, "{wait}");
        }
    });
}

#[test]
fn of_several_owners_one_that_accepts_is_enough() {
    in_sealed_netns(|| {
        let listener = InheritedListener::new();
        let stopped = [listener.owner(&["cat"]), listener.owner(&["cat"])];
        let script = script(listener.fd(), "listener.accept()");
        let Some(healthy) = listener.try_owner(&["python3", "-c", &script]) else {
            return;
        };
        drop(listener);
        stopped.iter().for_each(|owner| owner.signal(Signal::STOP));
        wait_for_call(&healthy, CallKind::Accept);
        assert_eq!(cause(), None);

        drop(healthy);
        let cause = wait_for_cause("owner_stopped", |_| true);
        assert_eq!(
            cause.remedy,
            stopped
                .each_ref()
                .map(|owner| format!("kill -CONT {}", owner.pid()))
        );
        // The other one may be a bystander, or the one that should accept.
        stopped[0].signal(Signal::CONT);
        wait_for_cause("owner_stopped", |cause| cause.inferred);
    });
}

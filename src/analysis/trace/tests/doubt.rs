//! What only the server's kernel can tell.

use super::*;
use crate::model::{Endpoint, Family, Listener, Queue, State};

/// Established by the wire, at a listener with such a queue; what the kernel makes of it.
fn judged(length: u32, state: Option<State>) -> Handshake {
    let mut script = Script::new();
    let local = Endpoint {
        family: Family::V4,
        address: script.server.address,
        port: script.server.port,
        interface: 0,
    };
    let listener = Listener {
        queue: Queue::Accept { length, limit: 2 },
        ..Listener::idle(local, 1)
    };
    script.tracker.look_at(Queues::of(&[listener], START_NS));
    script.on(2, Some(Direction::Incoming));
    script.opened(0.0).pass(2000.0);
    for handshake in script.tracker.doubtful() {
        handshake.judge(state);
    }
    script.one()
}

#[test]
fn a_connection_that_the_kernel_does_not_know_was_dropped() {
    let found = judged(3, None);
    assert_eq!(found.outcome, Outcome::AckDropped);
    assert!(found.reason.unwrap().contains("kept nothing"));
    assert!(found.has_failed());
}

#[test]
fn one_that_it_knows_is_confirmed() {
    let found = judged(3, Some(State::Established));
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, true)
    );
}

#[test]
fn a_request_is_neither() {
    let found = judged(3, Some(State::SynRecv));
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, false)
    );
}

#[test]
fn where_the_queue_had_room_there_is_no_doubt() {
    let found = judged(2, None);
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, false)
    );
}

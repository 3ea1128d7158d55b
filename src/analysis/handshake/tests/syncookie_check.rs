//! What only the server's kernel can confirm.

use super::*;
use crate::model::State;

/// Established by the wire, at a listener here; what the kernel makes of it.
fn judged(state: Option<State>, has_overflowed: bool) -> Handshake {
    let mut script = Script::new();
    script.listeners(0.0, &[listener(0, 0)]);
    script.on(2, Some(Direction::Incoming));
    script.opened(0.0).pass(2000.0);
    for evidence in script.tracker.questions() {
        evidence.answer(KernelAnswer {
            state,
            has_overflowed,
        });
    }
    script.one()
}

#[test]
fn a_connection_that_the_kernel_does_not_know_was_dropped() {
    let found = judged(None, true);
    assert_eq!(found.outcome, Outcome::AckDropped);
    assert!(found.reason.unwrap().text.contains("kept nothing"));
    assert!(found.has_failed());
}

#[test]
fn one_that_it_knows_is_confirmed() {
    let found = judged(Some(State::Established), true);
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, true)
    );
}

#[test]
fn a_request_is_neither() {
    let found = judged(Some(State::SynRecv), true);
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, false)
    );
}

#[test]
fn one_that_it_does_not_know_may_be_elsewhere_where_no_queue_overflowed() {
    let found = judged(None, false);
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, false)
    );
}

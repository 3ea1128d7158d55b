//! What the listener shows, and what the kernel counted for it, in the reasons.

use super::{super::outcome::Basis, *};
use crate::model::Local;

/// A SYN without a reply, between dumps of these listeners.
fn silent(before: &[Listener], after: &[Listener]) -> Handshake {
    let mut script = Script::new();
    script.on(2, Some(Direction::Incoming));
    script
        .listeners(-1.0, before)
        .at(0.0)
        .listeners(10.0, after);
    script.client("S", C, 0).one_by(4000.0)
}

/// A handshake whose ACK was dropped, between dumps of these listeners.
fn dropped(before: &[Listener], later: &[Listener]) -> Handshake {
    let mut script = Script::new();
    script
        .on(2, Some(Direction::Incoming))
        .listeners(-1.0, before);
    script.opened(0.0).listeners(1010.0, later);
    script.at(1001.0).server("SA", S, C + 1);
    script.one_by(4000.0)
}

fn reason(found: &Handshake) -> &'static str {
    found.reason.expect("a reason").text
}

#[test]
fn a_listener_that_dropped_nothing_is_innocent() {
    for length in [0, 9] {
        let there = [listener(length, 5)];
        for found in [silent(&there, &there), dropped(&there, &there)] {
            assert!(
                reason(&found).ends_with("the listener dropped nothing"),
                "{found:?}"
            );
            assert_eq!(found.reason.unwrap().basis, Basis::NotTheListener);
            assert_eq!(found.listener_queue.unwrap().dropped, Some(0));
            // It drops the ACKs of clients that have sent nothing.
            assert!(!reason(&found).contains("TCP_DEFER_ACCEPT"), "{found:?}");
        }
    }
}

#[test]
fn one_that_dropped_something_is_not() {
    let before = [listener(9, 5)];
    let found = silent(&before, &[listener(9, 6)]);
    assert_eq!(reason(&found), "the accept queue was full");
    let found = dropped(&[listener(0, u32::MAX)], &[listener(0, 1)]);
    assert!(reason(&found).starts_with("the accept queue was full before"));
    assert_eq!(
        found.listener_queue.unwrap().dropped,
        Some(2),
        "the counter wraps"
    );
}

/// Another socket has not dropped what the one before had.
#[test]
fn a_listener_that_was_opened_meanwhile_shows_nothing_of_the_one_before() {
    let again = Listener {
        cookie: 2,
        ..listener(0, 5)
    };
    let found = silent(&[listener(0, 5)], std::slice::from_ref(&again));
    assert_eq!(found.listener_queue.unwrap().dropped, None);
    assert!(reason(&found).ends_with("the accept queue had room"));
    let [both, left] = [vec![listener(0, 7), again.clone()], vec![again]];
    let found = silent(&both, &left);
    assert_eq!(found.listener_queue.unwrap().dropped, None, "7 less");
    let of = |cookie| Listener {
        cookie,
        ..listener(0, 5)
    };
    let found = silent(&[of(1), of(4)], &[of(2), of(3)]);
    assert_eq!(found.listener_queue.unwrap().dropped, None);
    assert_eq!(
        silent(&both, &both).listener_queue.unwrap().dropped,
        Some(0)
    );
}

#[test]
fn a_queue_that_was_full_at_another_time_is_only_likely() {
    for taken in [1500.0, -1500.0] {
        let mut script = Script::new();
        script.on(2, Some(Direction::Incoming));
        script.listeners(taken, &[listener(9, 5)]).at(0.0);
        let found = script.client("S", C, 0).one_by(4000.0);
        let expected = "likely the accept queue, which was full at another time";
        assert_eq!(reason(&found), expected);
        assert_eq!(found.reason.unwrap().basis, Basis::Inference);
    }
}

#[test]
fn without_a_dump_from_before_nobody_is_innocent() {
    let mut script = Script::new();
    script.on(2, Some(Direction::Incoming));
    script.listeners(10.0, &[listener(0, 5)]).at(0.0);
    let found = script.client("S", C, 0).one_by(4000.0);
    assert_eq!(found.listener_queue.unwrap().dropped, None);
    assert!(reason(&found).ends_with("the accept queue had room"));
}

/// A busy host may read a packet so late that both dumps it remembers are newer.
#[test]
fn without_a_dump_from_before_a_firewall_may_have_dropped_the_ack() {
    let found = dropped(&[], &[listener(0, 5)]);
    let queue = found.listener_queue.unwrap();
    assert_eq!((queue.dropped, queue.full_members), (None, 0));
    assert_eq!(found.reason.unwrap().basis, Basis::Inference);
    assert!(reason(&found).contains("a firewall"), "{found:?}");
}

#[test]
fn a_dump_from_before_the_packet_does_not_show_its_drop() {
    let mut script = Script::new();
    script.on(2, Some(Direction::Incoming));
    script.listeners(-1.0, &[listener(0, 5)]).at(0.0);
    let found = script.client("S", C, 0).one_by(4000.0);
    assert_eq!(found.listener_queue.unwrap().dropped, None);
}

#[test]
fn one_full_member_of_a_group_is_only_a_candidate() {
    let group = |lengths: &[u32]| -> Vec<Listener> {
        lengths.iter().map(|length| listener(*length, 3)).collect()
    };
    let some = [group(&[9, 0, 1]), group(&[0, 1, 9])];
    for members in some {
        let mut more = members.clone();
        more[0].drops = Some(4);
        for found in [silent(&members, &more), dropped(&members, &more)] {
            assert!(reason(&found).contains("SO_REUSEPORT"), "{found:?}");
            assert_eq!(found.reason.unwrap().basis, Basis::Inference);
            let queue = found.listener_queue.unwrap();
            assert_eq!((queue.length, queue.members, queue.full_members), (9, 3, 1));
        }
    }
    let full = group(&[9, 10]);
    let mut more = full.clone();
    more[1].drops = Some(4);
    assert_eq!(reason(&silent(&full, &more)), "the accept queue was full");
}

/// The listener bound to the bridge, interface 5.
fn bound() -> Listener {
    let mut bound = listener(0, 0);
    if let Local::Inet(at) = &mut bound.local {
        at.interface = 5;
    }
    bound
}

#[test]
fn a_listener_bound_to_an_interface_is_found_when_the_packet_gets_there() {
    let mut script = Script::new();
    script.listeners(-1.0, &[bound()]).at(0.0);
    script.on(2, Some(Direction::Passing)).client("S", C, 0);
    script.listeners(5.0, &[bound()]);
    script.on(5, Some(Direction::Incoming)).client("S", C, 0);
    let found = script.one_by(4000.0);
    assert!(found.listener_queue.is_some(), "{found:?}");
}

#[test]
fn one_bound_to_an_interface_that_was_not_seen_excludes_nothing() {
    for direction in [Direction::Incoming, Direction::Internal] {
        let mut script = Script::new();
        script
            .listeners(-1.0, &[bound()])
            .on(2, Some(direction))
            .at(0.0);
        let found = script.client("S", C, 0).server("RA", 0, C + 1).one();
        assert_eq!(
            reason(&found),
            "nobody listens there, or a firewall rejects it"
        );
        assert_eq!(found.reason.unwrap().basis, Basis::Inference);
    }
}

/// A port of a bridge or of a VRF, which has a listener of its own at that address.
#[test]
fn one_bound_to_an_interface_that_was_not_seen_may_have_what_another_would_serve() {
    let both = [listener(0, 0), bound()];
    let of = |seen_there: bool| {
        let mut script = Script::new();
        script.listeners(-1.0, &both).at(0.0);
        script.on(2, Some(Direction::Incoming)).client("S", C, 0);
        script.listeners(5.0, &both);
        if seen_there {
            script.on(5, Some(Direction::Incoming)).client("S", C, 0);
        }
        script.one_by(4000.0)
    };
    assert_eq!(of(false).listener_queue, None);
    assert!(of(true).listener_queue.is_some());
}

#[test]
fn an_old_connection_that_was_challenged_is_the_whole_cause_of_a_delay() {
    let mut script = Script::new();
    script
        .on(2, Some(Direction::Incoming))
        .listeners(-1.0, &[listener(9, 0)]);
    script.at(0.0).client("S", C, 0).server("A", 5555, 777_777);
    script.client("R", 777_777, 0);
    script.at(1000.0).client("S", C, 0).server("SA", S, C + 1);
    script
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 1);
    let found = script.one();
    assert_eq!(
        reason(&found),
        "late: the server still had an old connection of these ports"
    );
    assert_eq!(found.reason.unwrap().basis, Basis::Evidence);
}

#[test]
fn a_reset_may_acknowledge_the_fin_of_a_syn() {
    let mut script = Script::new();
    script.at(0.0).client("SF", C, 0);
    let found = script.server("RA", 0, C + 2).one();
    assert_eq!(found.outcome, Outcome::Refused);
}

//! Each outcome, from the segments that make it.

use super::*;

#[test]
fn three_segments_establish_when_nothing_contradicts() {
    let mut script = Script::new();
    script.opened(0.0);
    let found = script.one_by(1502.0);
    assert_eq!(found.outcome, Outcome::Established);
    assert!(!found.confirmed);
    assert_eq!(found.packet, 3);
    assert_eq!(found.remarks, []);
    assert_eq!(
        (
            found.syn_to_syn_ack_ms,
            found.syn_ack_to_ack_ms,
            found.total_ms
        ),
        (Some(1.0), Some(1.0), Some(2.0))
    );
    assert_eq!(found.started, "2023-11-14T22:13:20.000000Z");
}

#[test]
fn it_is_not_called_established_before_the_syn_ack_could_have_come_again() {
    let mut script = Script::new();
    script.opened(0.0).pass(1400.0);
    assert_eq!(script.handshakes(), []);
}

#[test]
fn what_follows_confirms_it_at_once() {
    for follow in [
        |script: &mut Script| {
            script.server("A", after(S), C + 1);
        },
        |script: &mut Script| {
            script.client("A", C + 1, after(S) + 100);
        },
        |script: &mut Script| {
            script.server("FA", after(S), C + 1);
        },
        |script: &mut Script| {
            script.data(false, "A", after(S), C + 1, 10);
        },
    ] {
        let mut script = Script::new();
        follow(script.opened(0.0).at(3.0));
        let found = script.one();
        assert_eq!(found.outcome, Outcome::Established);
        assert!(found.confirmed);
        assert_eq!(found.total_ms, Some(2.0));
    }
}

#[test]
fn only_a_syn_that_was_sent_again_before_its_answer_makes_it_late() {
    for (again, answered, is_late) in [(500.0, 1.0, false), (1000.0, 1001.0, true)] {
        let mut script = Script::new();
        script.at(0.0).client("S", C, 0);
        if is_late {
            script.at(again).client("S", C, 0);
        }
        script.at(answered).server("SA", S, C + 1);
        if !is_late {
            script.at(again).client("S", C, 0);
        }
        script.client("A", C + 1, after(S));
        script.server("A", after(S), C + 1);
        let found = script.one();
        assert_eq!(
            (found.syn_retransmits, found.reason.is_some()),
            (1, is_late)
        );
    }
}

#[test]
fn what_tells_an_outcome_is_known_when_it_passes() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    assert!(script.told);
    script.opened(0.0).data(false, "A", after(S), C + 1, 10);
    assert!(script.told, "data of the server confirms");
    assert_eq!(script.one().packet, script.sent);
    script.data(true, "A", C + 1, after(S) + 10, 10);
    assert!(!script.told, "all was said");
}

#[test]
fn an_acknowledgement_that_came_with_unseen_data_is_told_by_what_follows() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .at(1.0)
        .server("SA", S, C + 1);
    script.at(50.0).server("A", after(S), C + 101);
    let found = script.one_by(1502.0);
    assert_eq!(found.outcome, Outcome::Established);
    assert!(found.confirmed);
    assert_eq!(
        found.total_ms, None,
        "when it was acknowledged is not known"
    );
}

#[test]
fn an_acknowledgement_behind_unseen_data_does_not_tell_how_long_it_took() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.at(1.0).server("SA", S, C + 1);
    script.at(900.0).client("A", C + 101, after(S) + 500);
    let found = script.one();
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, true)
    );
    assert_eq!((found.syn_ack_to_ack_ms, found.total_ms), (None, None));
}

#[test]
fn an_acknowledgement_behind_unseen_data_was_dropped_too_when_the_syn_ack_comes_again() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.at(1.0).server("SA", S, C + 1);
    script.at(2.0).client("A", C + 101, after(S));
    script.at(1001.0).server("SA", S, C + 1);
    assert_eq!(script.one_by(4000.0).outcome, Outcome::AckDropped);
}

#[test]
fn numbers_of_another_connection_decide_nothing() {
    let far = 1_000_000_000;
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.at(1.0).server("SA", S, C + 1);
    script
        .client("A", C + far, S.wrapping_add(far))
        .client("R", C + far, 0)
        .server("R", S.wrapping_add(far), 0)
        .server("A", S.wrapping_add(far), C + far);
    let found = script.one_by(3600.0);
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::SynAckUnanswered, false)
    );
}

#[test]
fn a_reset_that_acknowledges_the_syn_refuses_it() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .at(0.5)
        .server("RA", 0, C + 1);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Refused);
    let reset = found.reset.unwrap();
    assert_eq!(
        (reset.by, reset.with_ack, reset.after_ack),
        (Side::Server, true, false)
    );
    assert_eq!(found.total_ms, None);
}

#[test]
fn a_reset_that_acknowledges_another_syn_does_not() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .server("RA", 0, C + 2)
        .server("R", 0, 0);
    assert_eq!(script.handshakes(), []);
}

#[test]
fn a_syn_without_an_answer_has_no_reply() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    let found = script.one_by(3600.0);
    assert_eq!(
        (found.outcome, found.syn_retransmits),
        (Outcome::NoReply, 0)
    );
}

#[test]
fn a_client_that_goes_on_trying_is_waited_for() {
    let mut script = Script::new();
    for (at, wait) in [
        (0.0, 1000.0),
        (1000.0, 2000.0),
        (3000.0, 4000.0),
        (7000.0, 8000.0),
    ] {
        script.at(at).client("S", C, 0).pass(at + wait - 1.0);
        assert_eq!(script.handshakes(), []);
    }
    let found = script.one_by(7000.0 + 2.0 * 4000.0 + 1001.0);
    assert_eq!(
        (found.outcome, found.syn_retransmits),
        (Outcome::NoReply, 3)
    );
    assert_eq!(found.syn_after_ms, [1000.0, 3000.0, 7000.0]);
    assert_eq!(found.packet, 4);
}

#[test]
fn a_syn_ack_that_nobody_acknowledges_is_unanswered() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).server("SA", S, C + 1);
    script.at(1000.0).server("SA", S, C + 1);
    let found = script.one_by(4600.0);
    assert_eq!(found.outcome, Outcome::SynAckUnanswered);
    assert_eq!(found.syn_ack_retransmits, 1);
    assert_eq!(found.syn_ack_after_ms, [1000.0]);
    assert_eq!(found.remarks, []);
}

#[test]
fn a_syn_ack_that_was_not_repeated_is_remarked() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).server("SA", S, C + 1);
    let found = script.one_by(3600.0);
    assert_eq!(found.outcome, Outcome::SynAckUnanswered);
    assert_eq!(found.remarks, [Remark::SynAckNotRepeated]);
}

#[test]
fn a_syn_ack_that_a_new_syn_did_not_leave_time_to_repeat_is_not_remarked() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).server("SA", S, C + 1);
    script.at(10.0).client("S", C + 7000, 0);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Incomplete);
    assert_eq!(found.remarks, []);
}

#[test]
fn a_syn_ack_after_the_ack_says_that_the_ack_was_dropped() {
    let mut script = Script::new();
    script.opened(0.0).at(1001.0).server("SA", S, C + 1);
    script.client("A", C + 1, after(S));
    let found = script.one_by(1001.0 + 2.0 * 1000.0 + 501.0);
    assert_eq!(found.outcome, Outcome::AckDropped);
    assert_eq!((found.confirmed, found.syn_ack_retransmits), (false, 1));
}

#[test]
fn an_ack_that_was_dropped_may_take_in_the_end() {
    let mut script = Script::new();
    script.opened(0.0).at(1001.0).server("SA", S, C + 1);
    script
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 51);
    let found = script.one();
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::AckDropped, true)
    );
}

#[test]
fn a_syn_that_was_sent_again_explains_a_second_syn_ack() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .at(1000.0)
        .client("S", C, 0);
    script
        .at(1400.0)
        .server("SA", S, C + 1)
        .client("A", C + 1, after(S));
    script.at(2400.0).server("SA", S, C + 1);
    let found = script.one_by(2400.0 + 2000.0 + 501.0);
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!((found.syn_retransmits, found.syn_ack_retransmits), (1, 1));
}

#[test]
fn a_syn_ack_that_was_on_its_way_before_the_ack_came_contradicts_nothing() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.at(1000.0).client("S", C, 0);
    script.at(1200.0).server("SA", S, C + 1);
    script.client("A", C + 1, after(S));
    for at in [2200.0, 2201.0] {
        script.like.ip_id = Some(at as u16);
        script.at(at).server("SA", S, C + 1);
        script.client("A", C + 1, after(S));
    }
    let found = script.one_by(10_000.0);
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!((found.syn_retransmits, found.syn_ack_retransmits), (1, 2));
}

#[test]
fn on_the_server_a_syn_before_the_first_syn_ack_explains_nothing() {
    let mut script = Script::new();
    script
        .on(2, Some(Direction::Incoming))
        .at(0.0)
        .client("S", C, 0);
    script.at(1000.0).client("S", C, 0);
    script
        .on(2, Some(Direction::Outgoing))
        .at(1001.0)
        .server("SA", S, C + 1);
    script
        .on(2, Some(Direction::Incoming))
        .client("A", C + 1, after(S));
    script
        .on(2, Some(Direction::Outgoing))
        .at(2001.0)
        .server("SA", S, C + 1);
    let found = script.one_by(5000.0);
    assert_eq!(found.outcome, Outcome::AckDropped);
    assert_eq!(found.captured_on, Some(CapturedOn::Server));
}

#[test]
fn a_bare_reset_after_the_ack_is_the_servers() {
    let mut script = Script::new();
    script.opened(0.0).server("R", after(S), 0);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::ResetByServer);
    let reset = found.reset.unwrap();
    assert_eq!((reset.with_ack, reset.after_ack), (false, true));
}

#[test]
fn a_reset_after_data_is_the_end_of_an_established_connection() {
    let mut script = Script::new();
    script.opened(0.0).server("RA", after(S) + 500, C + 90);
    let events = script.events();
    let [Event::Handshake(found), Event::Close(close)] = &events[..] else {
        panic!("{events:#?}");
    };
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, true)
    );
    assert_eq!((close.closed_by, close.how), (Side::Server, How::Reset));
}

#[test]
fn a_scanner_resets_its_own_handshake() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .server("SA", S, C + 1)
        .client("R", C + 1, 0);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::ResetByClient);
    assert!(!found.reset.unwrap().after_ack);
}

#[test]
fn a_client_that_resets_after_sending_data_was_established() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).server("SA", S, C + 1);
    script.client("RA", C + 300, after(S));
    assert_eq!(script.one().outcome, Outcome::Established);
}

#[test]
fn syns_that_cross_and_are_both_acknowledged_open_together() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).at(0.1).server("S", S, 0);
    script
        .at(1.0)
        .client("SA", C, after(S))
        .at(1.1)
        .server("SA", S, C + 1);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::SimultaneousOpen);
    assert_eq!(found.syn_retransmits, 0);
    assert_eq!(found.total_ms, found.syn_to_syn_ack_ms, "both are open");
}

#[test]
fn a_socket_may_connect_to_itself() {
    let mut script = Script::new();
    script.server = script.client;
    script
        .at(0.0)
        .client("S", C, 0)
        .at(0.1)
        .client("SA", C, C + 1);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::SelfConnect);
    assert_eq!(found.client, found.server);
}

#[test]
fn fast_open_tells_how_much_of_the_data_was_taken() {
    let mut script = Script::new();
    script.like.options.fast_open_cookie = Some(8);
    script.at(0.0).data(true, "S", C, 0, 50);
    script.like.options.fast_open_cookie = None;
    script
        .at(1.0)
        .server("SA", S, C + 51)
        .data(false, "A", after(S), C + 51, 9);
    script.at(2.0).client("A", C + 51, after(S) + 9);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!(found.fast_open_bytes, Some(50));
    assert_eq!(
        found.options.client.unwrap().fast_open,
        Some(FastOpen::Cookie)
    );
    assert_eq!(found.total_ms, Some(2.0));
}

#[test]
fn options_are_those_of_the_syns() {
    let mut script = Script::new();
    script.like.options.window_scale = Some(7);
    script.at(0.0).client("SEW", C, 0);
    script.like.options.window_scale = Some(9);
    script.server("SAE", S, C + 1).client("A", C + 1, after(S));
    script.server("A", after(S), C + 1);
    let options = script.one().options;
    let (client, server) = (options.client.unwrap(), options.server.unwrap());
    assert_eq!((client.window_scale, client.ecn), (Some(7), true));
    assert_eq!((server.window_scale, server.ecn), (Some(9), true));
}

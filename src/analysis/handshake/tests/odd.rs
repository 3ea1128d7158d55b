//! What captures do to handshakes: beginnings and ends in the middle, copies, clocks, losses.

use super::*;

const SECOND_MS: f64 = 1000.0;

#[test]
fn a_capture_may_begin_with_the_syn_ack() {
    let mut script = Script::new();
    script
        .at(0.0)
        .server("SA", S, C + 1)
        .at(1.0)
        .client("A", C + 1, after(S));
    let found = script.one_by(2.0 * SECOND_MS);
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!(found.remarks, [Remark::BegunBefore]);
    assert_eq!(found.client, script.client);
    assert_eq!((found.syn_to_syn_ack_ms, found.total_ms), (None, None));
    assert_eq!(found.syn_ack_to_ack_ms, Some(1.0));
}

#[test]
fn a_syn_that_is_read_after_its_answer_is_still_its_syn() {
    let mut script = Script::new();
    script
        .at(1.0)
        .server("SA", S, C + 1)
        .at(0.5)
        .client("S", C, 0);
    script
        .at(2.0)
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 1);
    let found = script.one();
    assert_eq!(found.remarks, []);
    assert_eq!(found.total_ms, Some(1.5));
}

#[test]
fn acknowledgements_and_resets_of_nothing_make_no_handshake() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("SR", C, 0)
        .client("A", C, S)
        .server("FA", S, C)
        .client("RA", C, S);
    script.tracker.finish();
    assert_eq!(script.handshakes(), []);
}

#[test]
fn what_the_end_cuts_off_is_incomplete_unless_it_had_waited() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).pass(900.0);
    script.tracker.finish();
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Incomplete);
    assert_eq!(found.remarks, [Remark::EndedEarly]);
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).pass(1100.0);
    script.tracker.finish();
    let found = script.one();
    assert_eq!(found.outcome, Outcome::NoReply);
    assert_eq!(found.remarks, [Remark::EndedEarly]);
}

#[test]
fn an_acknowledged_handshake_at_the_end_is_established_and_not_confirmed() {
    let mut script = Script::new();
    script.opened(0.0);
    script.tracker.finish();
    let found = script.one();
    assert_eq!(
        (found.outcome, found.confirmed),
        (Outcome::Established, false)
    );
    assert_eq!(found.remarks, [Remark::EndedEarly]);
}

#[test]
fn the_same_syn_twice_is_one_handshake() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).at(0.1).client("S", C, 0);
    script.at(1.0).server("SA", S, C + 1).server("SA", S, C + 1);
    script
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 1);
    let found = script.one();
    assert_eq!((found.syn_retransmits, found.syn_ack_retransmits), (0, 0));
    assert_eq!(found.outcome, Outcome::Established);
    script.at(2.0).client("S", C, 0).server("SA", S, C + 1);
    script.tracker.finish();
    assert_eq!(
        script.handshakes(),
        [],
        "it has ended and does not begin again"
    );
}

#[test]
fn a_packet_on_its_way_through_devices_is_seen_once() {
    let mut script = Script::new();
    for (interface, direction) in [(2, Direction::Incoming), (3, Direction::Outgoing)] {
        script
            .on(interface, Some(direction))
            .at(f64::from(interface) / 100.0);
        script.client("S", C, 0);
    }
    for (interface, direction) in [(3, Direction::Incoming), (2, Direction::Outgoing)] {
        script
            .on(interface, Some(direction))
            .at(5.0 - f64::from(interface) / 100.0);
        script.server("SA", S, C + 1);
    }
    script
        .at(6.0)
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 1);
    let found = script.one();
    assert_eq!((found.syn_retransmits, found.syn_ack_retransmits), (0, 0));
    assert_eq!(found.captured_on, Some(CapturedOn::Between));
}

#[test]
fn one_that_took_another_device_later_was_sent_again() {
    let mut script = Script::new();
    script.on(2, None).at(0.0).client("S", C, 0);
    script.on(3, None).at(1000.0).client("S", C, 0);
    let found = script.one_by(5000.0);
    assert_eq!(found.syn_retransmits, 1);
}

#[test]
fn another_initial_number_is_another_handshake() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .at(1100.0)
        .client("S", C + 77_777, 0);
    let first = script.one();
    assert_eq!(
        (first.outcome, first.sequence.client_isn),
        (Outcome::NoReply, Some(C))
    );
    let second = script.one_by(5000.0);
    assert_eq!(second.sequence.client_isn, Some(C + 77_777));
}

#[test]
fn one_that_another_replaces_at_once_may_still_have_been_answered() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.at(20.0).client("S", C + 77_777, 0);
    let first = script.one();
    assert_eq!(first.outcome, Outcome::Incomplete);
    assert!(!first.has_failed());
}

#[test]
fn a_port_that_is_used_again_tells_since_when_it_was_free() {
    let mut script = Script::new();
    script.opened(0.0).at(10.0).client("FA", C + 1, after(S));
    script
        .server("FA", after(S), C + 2)
        .client("A", C + 2, after(S) + 1);
    assert_eq!(script.one().reused_after_ms, None);
    let (client, server) = (C + 1_000_000, S.wrapping_add(1_000_000));
    script
        .at(510.0)
        .client("S", client, 0)
        .server("SA", server, client + 1);
    script
        .client("A", client + 1, after(server))
        .server("A", after(server), client + 1);
    assert_eq!(script.one().reused_after_ms, Some(500.0));
}

#[test]
fn what_a_port_of_a_bridge_takes_in_for_the_bridge_is_for_this_host() {
    let mut script = Script::new();
    script.at(0.0).on(2, Some(Direction::Passing));
    script.client("S", C, 0);
    script.on(3, Some(Direction::Incoming)).client("S", C, 0);
    script.on(3, Some(Direction::Outgoing));
    script.server("SA", S, C + 1);
    script.on(2, Some(Direction::Outgoing));
    script.server("SA", S, C + 1);
    script.on(2, Some(Direction::Passing));
    script.client("R", C + 1, 0);
    assert_eq!(script.one().captured_on, Some(CapturedOn::Server));
}

#[test]
fn what_a_bridge_passes_from_port_to_port_is_between() {
    let mut script = Script::new();
    script.at(0.0).on(2, Some(Direction::Passing));
    script.client("S", C, 0);
    script.on(3, Some(Direction::Outgoing)).client("S", C, 0);
    script.server("RA", 0, C + 1);
    assert_eq!(script.one().captured_on, Some(CapturedOn::Between));
}

#[test]
fn an_attempt_that_came_to_nothing_is_no_connection_that_ended() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    assert_eq!(script.one_by(4000.0).outcome, Outcome::NoReply);
    let (second, third) = (C + 1_000_000, C + 2_000_000);
    script.at(5000.0).client("S", second, 0);
    script.at(5200.0).client("S", third, 0);
    script.server("RA", 0, third + 1);
    let found = script.handshakes();
    let reused: Vec<_> = found.iter().map(|found| found.reused_after_ms).collect();
    assert_eq!(reused, [None, None]);
}

#[test]
fn a_server_that_still_has_an_old_connection_challenges() {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .server("A", 5555, 777_777)
        .client("R", 777_777, 0);
    assert_eq!(
        script.handshakes(),
        [],
        "the reset is for the old connection"
    );
    script.at(1000.0).client("S", C, 0).server("SA", S, C + 1);
    script
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 1);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!(found.remarks, [Remark::ChallengeAck]);
    assert_eq!(found.syn_retransmits, 1);
}

#[test]
fn a_syn_ack_for_another_syn_is_not_its_answer() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).server("SA", S, C + 5);
    let found = script.one_by(4000.0);
    assert_eq!(found.outcome, Outcome::NoReply);
}

#[test]
fn another_number_of_the_server_is_remarked() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).server("SA", S, C + 1);
    script
        .at(1000.0)
        .client("S", C, 0)
        .server("SA", S - 9999, C + 1);
    script
        .client("A", C + 1, S - 9998)
        .server("A", S - 9998, C + 1);
    let found = script.one();
    assert_eq!(found.remarks, [Remark::ServerSequenceChanged]);
    assert_eq!(found.sequence.server_isn, Some(S - 9999));
}

#[test]
fn a_clock_that_was_set_leaves_no_times() {
    let mut script = Script::new();
    script
        .at(10_000.0)
        .client("S", C, 0)
        .at(2_000.0)
        .server("SA", S, C + 1);
    script
        .at(2_001.0)
        .client("A", C + 1, after(S))
        .server("A", after(S), C + 1);
    let found = script.one();
    assert_eq!(found.outcome, Outcome::Established);
    assert_eq!(found.total_ms, None);
    assert_eq!(found.remarks, [Remark::ClockStepped]);
}

#[test]
fn lost_packets_make_a_verdict_doubtful_unless_it_is_confirmed() {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.tracker.has_lost(3);
    let found = script.one_by(4000.0);
    assert_eq!(found.remarks, [Remark::LossPossible]);
    script.client.port += 1;
    script.opened(5000.0);
    script.tracker.has_lost(9);
    script.at(5010.0).server("A", after(S), C + 1);
    assert_eq!(script.one().remarks, []);
}

#[test]
fn a_syn_ack_after_the_verdict_is_counted() {
    let mut script = Script::new();
    script.opened(0.0);
    script.one_by(2000.0);
    script.at(3001.0).server("SA", S, C + 1);
    assert_eq!(script.tracker.shortcomings().contradicted, 1);
}

#[test]
fn which_side_it_was_captured_on_is_told_by_the_way_of_the_syn() {
    for (direction, side) in [
        (Some(Direction::Incoming), Some(CapturedOn::Server)),
        (Some(Direction::Outgoing), Some(CapturedOn::Client)),
        (Some(Direction::Passing), Some(CapturedOn::Between)),
        (Some(Direction::Internal), Some(CapturedOn::Both)),
        (None, None),
    ] {
        let mut script = Script::new();
        script
            .on(2, direction)
            .at(0.0)
            .client("S", C, 0)
            .server("RA", 0, C + 1);
        assert_eq!(script.one().captured_on, side);
    }
}

#[test]
fn times_at_the_end_of_their_range_make_nothing_fail() {
    let mut script = Script::new();
    for time_ns in [0, u64::MAX, 5, u64::MAX / 2, u64::MAX] {
        script.like.time_ns = time_ns;
        script.client("S", C, 0).server("SA", S, C + 1);
        script.client("A", C + 1, after(S));
    }
    script.tracker.finish();
    assert!(!script.handshakes().is_empty());
}

#[test]
fn a_capture_file_does_not_tell_that_nobody_listened() {
    let reason = |script: &mut Script| {
        script.on(2, Some(Direction::Incoming)).at(0.0);
        script.client("S", C, 0).pass(4000.0);
        script.one().reason.unwrap().text
    };
    assert!(reason(&mut Script::new()).contains("a full accept queue"));
    let mut live = Script::new();
    live.tracker.set_listeners(Listeners::new(&[], START_NS));
    assert!(reason(&mut live).contains("nobody listens there"));
}

#[test]
fn on_the_server_the_answer_is_the_hosts_and_the_rest_the_networks() {
    for (syn, answer, halves) in [
        (
            Direction::Incoming,
            Direction::Outgoing,
            (Some(1.0), Some(20.0)),
        ),
        (
            Direction::Outgoing,
            Direction::Incoming,
            (Some(20.0), Some(1.0)),
        ),
        (Direction::Internal, Direction::Internal, (None, None)),
    ] {
        let mut script = Script::new();
        script.on(2, Some(syn)).at(0.0).client("S", C, 0);
        script.on(2, Some(answer)).at(1.0).server("SA", S, C + 1);
        script
            .on(2, Some(syn))
            .at(21.0)
            .client("A", C + 1, after(S));
        script.on(2, Some(answer)).server("A", after(S), C + 1);
        let found = script.one();
        assert_eq!((found.host_ms, found.network_ms), halves);
    }
}

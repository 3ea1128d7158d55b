//! What the reasons of a trace lead to.

use super::*;
use crate::analysis::{Finding, Severity};

/// The findings on some handshakes and increases of counters.
fn findings(handshakes: &[Handshake], counters: &[(&str, u64)]) -> Vec<Finding> {
    let mut collector = Collector::default();
    handshakes.iter().for_each(|one| collector.add(one));
    let counters = counters
        .iter()
        .map(|(name, rise)| ((*name).to_owned(), *rise));
    let summary = collector.summary(Summary {
        counters: Some(counters.collect()),
        ..Summary::default()
    });
    super::super::findings::findings(&summary)
}

fn ids(findings: &[Finding]) -> Vec<(&'static str, Severity)> {
    let id = |finding: &Finding| (finding.id, finding.severity);
    findings.iter().map(id).collect()
}

/// A SYN to this host that gets no reply, where the listener's accept queue is so long.
fn unanswered(length: u32) -> Handshake {
    let mut script = Script::new();
    script.listeners(100.0, &[listener(length, 0)]);
    script.on(2, Some(Direction::Incoming)).at(0.0);
    script.client("S", C, 0).one_by(4000.0)
}

fn unanswered_elsewhere() -> Handshake {
    Script::new().at(0.0).client("S", C, 0).one_by(4000.0)
}

fn refused() -> Handshake {
    let mut script = Script::new();
    script
        .at(0.0)
        .client("S", C, 0)
        .server("RA", 0, C + 1)
        .one()
}

fn established() -> Handshake {
    Script::new().opened(0.0).one_by(2000.0)
}

#[test]
fn established_handshakes_lead_to_nothing() {
    assert_eq!(findings(&[established()], &[("TCPReqQFullDrop", 1)]), []);
}

#[test]
fn a_client_that_hangs_up_right_after_connecting_is_no_problem() {
    let mut script = Script::new();
    let found = script.opened(0.0).client("RA", C + 1, after(S)).one();
    assert_eq!(found.outcome, Outcome::ResetByClient);
    assert_eq!(findings(&[found], &[]), []);
}

#[test]
fn refusals_are_a_warning_from_one_in_twenty_on() {
    let mut all = vec![established(); 19];
    all.push(refused());
    let found = findings(&all, &[]);
    assert_eq!(ids(&found), [("handshakes_refused", Severity::Warning)]);
    assert_eq!(found[0].subject, "10.0.0.2:80");
    assert_eq!(
        found[0].message,
        "refused 1 of 20 handshakes (nobody listens there, or a firewall rejects it)"
    );
    assert!(found[0].inferred, "a firewall may have rejected it");
    all.push(established());
    let found = findings(&all, &[]);
    assert_eq!(ids(&found), [("handshakes_refused", Severity::Info)]);
}

/// SYN, SYN-ACK, ACK, and the SYN-ACK again.
fn ack_dropped() -> Handshake {
    let mut script = Script::new();
    script.opened(0.0).at(1001.0).server("SA", S, C + 1);
    script.client("A", C + 1, after(S)).one_by(5000.0)
}

fn reset_by_server() -> Handshake {
    let mut script = Script::new();
    script.opened(0.0).server("R", after(S), 0).one()
}

fn unreachable() -> Handshake {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0).at(0.1);
    script.error(true, C, 3, 13).one_by(1700.0)
}

fn late() -> Handshake {
    let mut script = Script::new();
    script.at(0.0).client("S", C, 0);
    script.at(1000.0).client("S", C, 0);
    script.at(1001.0).server("SA", S, C + 1);
    script.client("A", C + 1, after(S));
    script.server("A", after(S), C + 1).one()
}

#[test]
fn every_failure_is_a_warning_from_one_in_twenty_on() {
    for (failed, id) in [
        (refused(), "handshakes_refused"),
        (unanswered_elsewhere(), "handshakes_unanswered"),
        (unreachable(), "handshakes_unreachable"),
        (ack_dropped(), "handshakes_ack_dropped"),
        (reset_by_server(), "handshakes_reset"),
        (late(), "handshakes_slow"),
    ] {
        for (others, severity) in [(19, Severity::Warning), (20, Severity::Info)] {
            let mut all = vec![established(); others];
            all.push(failed.clone());
            assert_eq!(
                ids(&findings(&all, &[])),
                [(id, severity)],
                "1 of {others} and 1"
            );
        }
    }
}

#[test]
fn a_refusal_where_nobody_listens_is_certain() {
    let mut script = Script::new();
    script.tracker.set_listeners(Listeners::new(&[], START_NS));
    script.on(2, Some(Direction::Incoming)).at(0.0);
    let found = script.client("S", C, 0).server("RA", 0, C + 1).one();
    let found = findings(&[found], &[]);
    assert_eq!(found[0].cause.as_deref(), Some("nobody listened there"));
    assert!(!found[0].inferred);
    assert_eq!(found[0].next, ["sockdiag queues :80"]);
}

#[test]
fn a_full_accept_queue_is_critical_and_certain() {
    let found = findings(&[unanswered(9), refused()], &[("TCPReqQFullDrop", 1)]);
    let wanted = [
        ("accept_queue_overflow", Severity::Critical),
        ("handshakes_refused", Severity::Warning),
    ];
    assert_eq!(ids(&found), wanted);
    assert!(!found[0].inferred);
}

#[test]
fn a_syn_queue_was_full_only_where_the_accept_queue_had_room_and_syns_were_dropped() {
    let found = findings(&[unanswered(8)], &[("TCPReqQFullDrop", 1)]);
    assert_eq!(ids(&found), [("syn_queue_full", Severity::Critical)]);
    assert!(found[0].inferred);
    for (handshake, drops) in [(unanswered(8), 0), (unanswered_elsewhere(), 1)] {
        let found = findings(&[handshake], &[("TCPReqQFullDrop", drops)]);
        assert_eq!(ids(&found), [("handshakes_unanswered", Severity::Warning)]);
    }
}

#[test]
fn a_retransmitted_syn_makes_a_handshake_slow() {
    let found = findings(&[late()], &[]);
    assert_eq!(ids(&found), [("handshakes_slow", Severity::Warning)]);
    assert_eq!(
        found[0].cause.as_deref(),
        Some("an earlier SYN, or its answer, was lost")
    );
    assert_eq!(found[0].next, ["sockdiag trace --slow 1s :80"]);
}

//! Retransmissions and resets.

use super::*;

fn traffic(change: impl FnOnce(&mut Traffic)) -> Vec<Rule> {
    let mut traffic = Traffic::default();
    change(&mut traffic);
    of_namespace(NamespaceReport {
        traffic,
        ..NamespaceReport::default()
    })
}

#[test]
fn retransmissions_are_high_from_a_share_and_a_number_on() {
    let again = |sent: u64, again: u64| {
        traffic(|traffic| {
            traffic.sent = Some(sent);
            traffic.retransmitted = Some(again);
            traffic.retransmitted_ratio = Some(again as f64 / (sent + again) as f64);
        })
    };
    assert_eq!(again(380, 20), [("retransmissions_high", Warning)]);
    assert_eq!(again(381, 20), []);
    assert_eq!(again(1, 19), [], "a few of few");
    assert_eq!(again(0, 0), []);
}

fn counted(counters: &[(&str, &str, i128)]) -> Snapshot {
    let mut namespace = NetnsSnapshot::default();
    let value = |(table, name, value): &(&str, &str, i128)| (CounterId::new(*table, *name), *value);
    namespace.counters.values = counters.iter().map(value).collect();
    Snapshot {
        namespaces: vec![namespace],
        ..Snapshot::default()
    }
}

/// SYNs that nobody answers are retransmitted, too, and say nothing of the path of others.
#[test]
fn syns_that_meet_no_answer_are_no_retransmissions() {
    let counters = |out, again, syns| {
        counted(&[
            ("Tcp", "OutSegs", out),
            ("Tcp", "RetransSegs", again),
            ("TcpExt", "TCPSynRetrans", syns),
        ])
    };
    let elapsed = Duration::from_secs(SECONDS);
    let between = |now| report(&now, Some((&counters(1000, 500, 400), elapsed)));
    let unanswered = between(counters(1100, 600, 500));
    assert_eq!(unanswered.namespaces[0].traffic.retransmitted, Some(0));
    assert_eq!(rules(&unanswered.findings), []);
    let lost = between(counters(1100, 600, 400));
    assert_eq!(rules(&lost.findings), [("retransmissions_high", Warning)]);
    let reset = between(counters(5, 5, 5));
    assert_eq!(
        reset.namespaces[0].traffic.retransmitted, None,
        "counters fell"
    );
}

#[test]
fn resets_are_many_by_rate_and_by_share_of_handshakes() {
    let resets = |resets: u64, handshakes: u64| {
        traffic(|traffic| {
            traffic.resets_sent = Some(resets);
            traffic.resets_sent_per_second = Some(resets as f64 / SECONDS as f64);
            traffic.handshakes = Some(handshakes);
        })
    };
    assert_eq!(resets(40, 0), [], "20 a second");
    assert_eq!(resets(41, 0), [("resets_sent", Warning)]);
    assert_eq!(resets(41, 820), [], "one in twenty");
    assert_eq!(resets(41, 819), [("resets_sent", Warning)]);
}

#[test]
fn resets_by_processes_are_told_from_closed_ports() {
    let cause = |by_processes| {
        let traffic = Traffic {
            resets_sent: Some(100),
            resets_sent_per_second: Some(50.0),
            resets_by_processes: Some(by_processes),
            handshakes: Some(100),
            ..Traffic::default()
        };
        let namespace = NamespaceReport {
            traffic,
            ..NamespaceReport::default()
        };
        let found = concluded(HostReport::default(), namespace);
        assert!(found[0].inferred);
        found[0].cause.clone().unwrap()
    };
    assert!(cause(50).contains("unread data"));
    assert!(cause(49).contains("nothing listens"));
}

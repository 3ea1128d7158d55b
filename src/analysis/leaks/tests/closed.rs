//! Connections that one end has closed, by two readings.

use super::{Facts, ids, many, only, queued, report, socket, tally, timed, unheld};
use crate::{
    analysis::{
        Severity,
        leaks::{LeakKind, Orphans},
    },
    model::{
        SocketRow, SocketState,
        State::{CloseWait, FinWait2, LastAck},
        TimerKind::Retransmit,
    },
};

pub fn closed(age_s: u32, unread: u32) -> SocketRow {
    let facts = Facts {
        ack_ms: age_s * 1000,
        ..Facts::default()
    };
    queued(unread + 1, 0, socket(CloseWait, facts))
}

#[test]
fn close_wait_is_told_apart_by_unread_data_and_concluded_from_together() {
    let mut now = many(5, &closed(10, 0));
    now.extend(many(6, &closed(12, 300)));
    let report = report(&now[..1], &now);
    let [unread, read] = &report.leaks[..] else {
        panic!("{report:#?}");
    };
    assert_eq!((unread.count, unread.unread_bytes), (6, 1800));
    assert_eq!((read.count, read.unread_bytes), (5, 0), "a FIN is no data");
    assert_eq!(unread.oldest_seconds, Some(12.0));
    assert_eq!(unread.growth_per_minute, Some(180.0));
    assert_eq!(read.growth_per_minute, Some(120.0));
    assert_eq!(read.service.to_string(), "0.0.0.0:80");
    assert_eq!(ids(&report), ["close_wait_leak"]);
    assert!(report.findings[0].message.starts_with("11 connections"));
}

#[test]
fn close_wait_that_is_young_or_does_not_grow_is_no_finding() {
    let grown = |age_s| report(&[], &many(10, &closed(age_s, 0)));
    assert_eq!(ids(&grown(10)), ["close_wait_leak"]);
    assert!(ids(&grown(9)).is_empty());
    let stays = |count, age_s| {
        let all = many(count, &closed(age_s, 0));
        report(&all, &all)
    };
    assert_eq!(ids(&stays(100, 60)), ["close_wait_leak"]);
    assert!(ids(&stays(100, 59)).is_empty());
    assert!(ids(&stays(99, 60)).is_empty());
    let all = many(101, &closed(60, 0));
    assert!(ids(&report(&all, &all[1..])).is_empty(), "it is worked off");
}

#[test]
fn a_burst_that_will_be_closed_is_no_leak_beside_an_old_connection() {
    let mut now = many(10, &closed(0, 0));
    now[0] = closed(30, 0);
    assert!(ids(&report(&[], &now)).is_empty(), "one is an exception");
    now[1] = SocketRow {
        cookie: 2,
        ..closed(20, 0)
    };
    now[2] = SocketRow {
        cookie: 3,
        ..closed(10, 0)
    };
    assert_eq!(ids(&report(&[], &now)), ["close_wait_leak"]);
    let burst = many(200, &closed(0, 0));
    assert!(ids(&report(&burst, &[])).is_empty(), "they are closed");
    assert!(report(&burst, &[]).leaks.is_empty());
}

#[test]
fn connections_whose_data_is_still_read_are_no_leak() {
    let at = |unread: u32| {
        let facts = Facts {
            ack_ms: 90_000,
            received: 5000,
            ..Facts::default()
        };
        many(120, &queued(unread + 1, 0, socket(CloseWait, facts)))
    };
    let drains = report(&at(300), &at(200));
    assert_eq!((only(&drains).count, only(&drains).draining), (120, 120));
    assert!(ids(&drains).is_empty(), "{drains:#?}");
    assert!(only(&drains).meaning.contains("still reads"));
    let stuck = report(&at(200), &at(200));
    assert_eq!(only(&stuck).draining, 0);
    assert_eq!(ids(&stuck), ["close_wait_leak"]);
    let read = report(&at(200), &at(0));
    assert_eq!(only(&read).change.map(|change| change.delta), Some(120));
    assert!(ids(&read).is_empty(), "none is new: {read:#?}");
}

#[test]
fn whether_the_end_of_the_stream_was_read_tells_the_cause() {
    let cause = |end_unread: usize| {
        let mut all = many(120, &queued(0, 0, closed(90, 0)));
        for socket in &mut all[..end_unread] {
            socket.receive_queue = 1;
        }
        let report = report(&all, &all);
        assert_eq!(only(&report).end_unread, end_unread as u64);
        assert_eq!(ids(&report), ["close_wait_leak"]);
        assert!(report.findings[0].inferred);
        report.findings[0].cause.clone().expect("a likely cause")
    };
    assert!(cause(0).contains("has read all that came"), "{}", cause(0));
    assert!(cause(120).contains("does not read"), "{}", cause(120));
    assert!(cause(5).contains("never calls close()"), "{}", cause(5));
}

#[test]
fn a_peer_that_does_not_acknowledge_is_told_from_one_that_does_not_close() {
    let of = |state| report(&[], &[socket(state, Facts::default())]);
    let (closes_not, silent) = (of(FinWait2), of(LastAck));
    assert!(only(&closes_not).meaning.contains("does not close"));
    assert!(only(&silent).meaning.contains("does not acknowledge"));
    assert_eq!(only(&silent).kind, LeakKind::FinWait, "a process holds it");
    let states = [(SocketState::Connection(LastAck), 1)];
    assert_eq!(only(&silent).states, states.into());
    let said = |sockets: &[SocketRow]| report(&[], sockets).findings[0].message.clone();
    let old = |state| {
        let facts = Facts {
            ack_ms: 10_000,
            backoff: 6,
            timeout_ms: 12_800,
            ..Facts::default()
        };
        let socket = timed(Retransmit, 2_800, 6, socket(state, facts));
        many(10, &socket)
    };
    let (not_closed, not_acked) = (old(FinWait2), old(LastAck));
    let message = said(&not_closed);
    assert!(message.contains("not closed by the peer"), "{message}");
    let message = said(&not_acked);
    assert!(
        message.contains("not acknowledged by the peer"),
        "{message}"
    );
    let message = said(&[not_closed, not_acked].concat());
    assert!(
        message.contains("not closed or not acknowledged"),
        "{message}"
    );
}

#[test]
fn fin_wait_is_a_finding_where_a_process_holds_it() {
    let facts = Facts {
        ack_ms: 10_000,
        ..Facts::default()
    };
    let half = socket(FinWait2, facts);
    let held = report(&[], &many(10, &half));
    assert_eq!(ids(&held), ["fin_wait_pileup"]);
    let unheld = report(&[], &many(10, &unheld(half)));
    assert!(ids(&unheld).is_empty(), "{unheld:#?}");
    assert_eq!(only(&unheld).kind, LeakKind::FinWait);
}

#[test]
fn orphans_near_their_limit_are_found() {
    let orphans = |count| {
        let orphans = Orphans {
            count: Some(count),
            limit: Some(100),
        };
        let socket = unheld(socket(LastAck, Facts::default()));
        tally(&[], &[socket]).report(None, orphans)
    };
    assert_eq!(ids(&orphans(80)), ["orphans_near_limit"]);
    assert!(ids(&orphans(79)).is_empty());
    assert_eq!(only(&orphans(1)).kind, LeakKind::Orphan);
}

#[test]
fn many_orphans_that_stay_are_worth_a_word_and_no_warning() {
    // 200 + … + 25,600 ms, and some of 51,200.
    let orphan = |left_ms| {
        let facts = Facts {
            backoff: 8,
            timeout_ms: 51_200,
            ..Facts::default()
        };
        let socket = queued(0, 1, socket(LastAck, facts));
        timed(Retransmit, left_ms, 8, unheld(socket))
    };
    let of = |before: u64, now: u64, left_ms| {
        report(
            &many(before, &orphan(left_ms)),
            &many(now, &orphan(left_ms)),
        )
    };
    let stay = of(100, 100, 42_000);
    assert_eq!(ids(&stay), ["fin_wait_pileup"], "{stay:#?}");
    assert_eq!(stay.findings[0].severity, Severity::Info);
    let next = &stay.findings[0].next[0];
    assert!(next.contains("state last-ack and sport = :80"), "{next}");
    assert!(ids(&of(100, 100, 42_300)).is_empty(), "not yet a minute");
    assert!(ids(&of(99, 99, 42_000)).is_empty());
    assert!(ids(&of(101, 100, 42_000)).is_empty(), "they are given up");
}

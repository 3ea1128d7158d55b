//! Two readings to a report.

use std::time::Duration;

use super::{Facts, queued, socket, timed, unheld};
use crate::{
    analysis::{
        Severity,
        incomplete::out_of_time,
        leaks::{LeakKind, LeakReport, LeakTally, LeaksReport, Orphans},
    },
    model::{
        Endpoint, Family, Local, Netns, Owner, Owners, SocketRow, SocketState,
        State::{CloseWait, Established, FinWait2, LastAck},
        TimerKind::{Persist, Retransmit},
    },
};

const INTERVAL: Duration = Duration::from_secs(2);

/// Two readings, each with a listener at 0.0.0.0:80 (inode 5).
fn tally(before: &[SocketRow], now: &[SocketRow]) -> LeakTally {
    tally_after(INTERVAL, before, now)
}

/// `between`: from the end of the first to the second, which begins 2 s after the first began.
fn tally_after(between: Duration, before: &[SocketRow], now: &[SocketRow]) -> LeakTally {
    let fill = |mut tally: LeakTally, sockets: &[SocketRow]| {
        tally.enter(Netns::default(), Default::default(), Some(40_000..=50_000));
        tally.add(&SocketRow {
            state: SocketState::Listen,
            local: Local::Inet(Endpoint {
                family: Family::V4,
                address: [0; 4].into(),
                port: 80,
                interface: 0,
            }),
            inode: 5,
            info: None,
            ..socket(Established, Facts::default())
        });
        sockets.iter().for_each(|socket| tally.add(socket));
        tally
    };
    let first = fill(LeakTally::new(Duration::from_secs(600)), before);
    fill(first.again(between, INTERVAL), now)
}

fn report(before: &[SocketRow], now: &[SocketRow]) -> LeaksReport {
    tally(before, now).report(None, Orphans::default())
}

fn ids(report: &LeaksReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.id).collect()
}

fn only(report: &LeaksReport) -> &LeakReport {
    let [leak] = &report.leaks[..] else {
        panic!("{report:#?}");
    };
    leak
}

fn many(count: u64, one: &SocketRow) -> Vec<SocketRow> {
    let numbered = |cookie| SocketRow {
        cookie,
        inode: one.inode.min(1) * (100 + cookie as u32),
        ..one.clone()
    };
    (1..=count).map(numbered).collect()
}

fn closed(age_s: u32, unread: u32) -> SocketRow {
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
fn what_is_stuck_is_a_finding_once_it_lasts() {
    let facts = |age_ms| Facts {
        timeout_ms: 200,
        data_sent_ms: 90_000,
        data_received_ms: age_ms,
        ..Facts::default()
    };
    let reader = |age_ms| queued(5, 0, socket(Established, facts(age_ms)));
    let twice = |socket: SocketRow| {
        let both = [socket];
        report(&both, &both)
    };
    let stuck = twice(reader(10_000));
    assert_eq!(ids(&stuck), ["reader_stuck"]);
    assert_eq!(only(&stuck).growth_per_minute, None);
    assert!(ids(&twice(reader(9_999))).is_empty());

    let backed_off = |backoff, kind, retransmits, expires_ms, ack_ms| {
        let facts = Facts {
            backoff,
            timeout_ms: match kind {
                Persist => 200,
                _ => 200 << backoff,
            },
            ack_ms,
            ..facts(0)
        };
        let socket = queued(0, 5, socket(Established, facts));
        twice(timed(kind, expires_ms, retransmits, socket))
    };
    // 200 + … + 3200 ms, and all or all but a little of 6400.
    let writer = backed_off(5, Persist, 0, 2600, 0);
    assert_eq!(ids(&writer), ["writer_stuck"]);
    assert!(ids(&backed_off(5, Persist, 0, 2601, 0)).is_empty());
    let dead = backed_off(5, Retransmit, 5, 2600, 60_000);
    assert_eq!(ids(&dead), ["peer_dead"]);
    assert!(ids(&backed_off(5, Retransmit, 5, 2601, 60_000)).is_empty());
    assert!(dead.findings[0].inferred, "a cut path looks the same");
}

#[test]
fn a_peer_at_the_same_address_cannot_be_lost() {
    let facts = Facts {
        data_sent_ms: 700_000,
        data_received_ms: 800_000,
        ..Facts::default()
    };
    let idle = socket(Established, facts);
    let remote = report(&[], std::slice::from_ref(&idle));
    assert_eq!(ids(&remote), ["idle_without_keepalive"]);
    assert_eq!(remote.findings[0].severity, Severity::Info);
    let peer = idle.peer.map(|peer| crate::model::Address {
        address: [10, 0, 0, 1].into(),
        ..peer
    });
    let remote_one = idle.clone();
    let local = report(&[], &[SocketRow { peer, ..idle }]);
    assert_eq!(only(&local).kind, LeakKind::IdleNoKeepalive);
    assert!(ids(&local).is_empty());
    let older = socket(
        Established,
        Facts {
            data_sent_ms: 900_000,
            data_received_ms: 900_000,
            ..Facts::default()
        },
    );
    let mixed = report(&[], &[remote_one, SocketRow { peer, ..older }]);
    let message = &mixed.findings[0].message;
    assert!(message.ends_with("for up to 700 s"), "{message}");
}

#[test]
fn an_acceptor_is_stalled_where_the_oldest_connection_stays() {
    let waiting = |cookie, ms| {
        let facts = Facts {
            data_sent_ms: ms,
            ..Facts::default()
        };
        SocketRow {
            cookie,
            ..unheld(socket(Established, facts))
        }
    };
    let find = |before, now: SocketRow| report(&[before], &[now, waiting(9, 3)]);
    let stalled = find(waiting(1, 1), waiting(1, 1000));
    assert_eq!(ids(&stalled), ["acceptor_stalled"]);
    assert_eq!(stalled.findings[0].severity, Severity::Warning);
    let long = find(waiting(1, 8000), waiting(1, 10_000));
    assert_eq!(long.findings[0].severity, Severity::Critical);
    assert!(ids(&find(waiting(1, 1), waiting(1, 999))).is_empty());
    let accepts = find(waiting(1, 5000), waiting(2, 5000));
    assert!(ids(&accepts).is_empty(), "the oldest was accepted");
    // Of two that came in the same tick, the one that waits was perhaps the later.
    let alike = [waiting(1, 5000), waiting(2, 5000)];
    assert!(ids(&report(&alike, &[waiting(1, 7000)])).is_empty());
    assert!(ids(&report(&alike, &[waiting(2, 7000)])).is_empty());
    let both = [waiting(1, 7000), waiting(2, 7000)];
    assert_eq!(ids(&report(&alike, &both)), ["acceptor_stalled"]);
    // What a long reading comes to last looks older.
    let before = [waiting(1, 5000), waiting(2, 4200)];
    let now = [waiting(1, 7000)];
    assert_eq!(ids(&report(&before, &now)), ["acceptor_stalled"]);
    let after_a_second = tally_after(Duration::from_secs(1), &before, &now);
    assert!(ids(&after_a_second.report(None, Orphans::default())).is_empty());
}

#[test]
fn what_the_first_reading_did_not_count_has_not_grown() {
    let all = many(120, &closed(60, 0));
    let mut tally = LeakTally::new(Duration::from_secs(600)).again(INTERVAL, INTERVAL);
    tally.enter(Netns::default(), Default::default(), None);
    all.iter().for_each(|socket| tally.add(socket));
    let first_seen = tally.report(None, Orphans::default());
    assert_eq!(only(&first_seen).growth_per_minute, None);
    let growth = only(&report(&[], &all)).growth_per_minute;
    assert_eq!(growth, Some(3600.0), "it had none");
}

#[test]
fn the_age_of_a_segment_that_was_sent_once_is_not_known() {
    let facts = Facts {
        timeout_ms: 200,
        ..Facts::default()
    };
    let once = timed(Retransmit, 50, 0, unheld(socket(LastAck, facts)));
    assert_eq!(only(&report(&[], &[once])).oldest_seconds, None);
}

#[test]
fn the_owner_is_that_of_the_oldest_and_of_the_listener_where_none_accepted() {
    let owner = |pid| Owner {
        pid,
        name: format!("p{pid}"),
        fd: 3,
    };
    let held = SocketRow {
        inode: 8,
        cookie: 2,
        ..closed(20, 0)
    };
    let now = [
        closed(10, 0),
        held,
        unheld(socket(Established, Facts::default())),
    ];
    let tally = tally(&[], &now);
    let mut inodes: Vec<u32> = tally.inodes().collect();
    inodes.sort_unstable();
    inodes.dedup();
    assert_eq!(inodes, [5, 7, 8]);
    let by_inode = [(5, 50), (7, 70), (8, 80)];
    let owners = Owners {
        by_inode: by_inode
            .map(|(inode, pid)| (inode, vec![owner(pid)]))
            .into(),
        complete: true,
        ..Owners::default()
    };
    let report = tally.report(Some(&owners), Orphans::default());
    let pid = |kind| {
        let mut leaks = report.leaks.iter();
        let leak = leaks.find(|leak| leak.kind == kind).expect("there");
        leak.owner.as_ref().map(|owner| owner.pid)
    };
    assert_eq!(pid(LeakKind::CloseWait), Some(80));
    assert_eq!(pid(LeakKind::Unaccepted), Some(50));
}

#[test]
fn a_socket_of_a_reuseport_group_is_stalled_where_its_own_queue_is_not_empty() {
    let listener = |inode, queue| {
        let any = Endpoint {
            family: Family::V4,
            address: [0; 4].into(),
            port: 90,
            interface: 0,
        };
        let listener = SocketRow {
            state: SocketState::Listen,
            local: Local::Inet(any),
            inode,
            info: None,
            ..socket(Established, Facts::default())
        };
        queued(queue, 9, listener)
    };
    let waiting = |ms| {
        let facts = Facts {
            data_sent_ms: ms,
            ..Facts::default()
        };
        let Local::Inet(at) = socket(Established, facts).local else {
            panic!("an internet socket");
        };
        SocketRow {
            local: Local::Inet(Endpoint { port: 90, ..at }),
            ..unheld(socket(Established, facts))
        }
    };
    let tally = tally(
        &[listener(20, 0), listener(21, 1), waiting(1000)],
        &[listener(20, 0), listener(21, 1), waiting(3000)],
    );
    assert_eq!(tally.inodes().collect::<Vec<_>>(), [21]);
    let report = tally.report(None, Orphans::default());
    assert_eq!(ids(&report), ["acceptor_stalled"]);
    let message = &report.findings[0].message;
    assert!(message.contains("1 of the 2 sockets"), "{message}");
}

#[test]
fn of_many_sockets_the_owners_of_some_are_known() {
    let owner = Owner {
        pid: 5,
        name: "api".to_owned(),
        fd: 3,
    };
    let message = |count: u64| {
        let all = many(count, &closed(90, 0));
        let tally = tally(&all, &all);
        let found = tally.inodes().map(|inode| (inode, vec![owner.clone()]));
        let owners = Owners {
            by_inode: found.collect(),
            complete: true,
            ..Owners::default()
        };
        let report = tally.report(Some(&owners), Orphans::default());
        assert_eq!(only(&report).owners.len(), 1);
        report.findings[0].message.clone()
    };
    assert!(message(256).contains("CLOSE_WAIT held by api (5)"));
    assert!(message(257).contains("CLOSE_WAIT, some of them held by api (5)"));
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

#[test]
fn samples_are_the_oldest() {
    let now: Vec<_> = [3, 9, 1, 7, 5, 8, 2]
        .map(|age_s| SocketRow {
            cookie: age_s.into(),
            ..closed(age_s, 0)
        })
        .into();
    let report = report(&[], &now);
    let cookies = only(&report).samples.iter().map(|sample| sample.cookie.0);
    assert_eq!(cookies.collect::<Vec<_>>(), [9, 8, 7, 5, 3]);
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let tally = tally(&[], &[closed(10, 0)]);
    let report = tally.report(Some(&out_of_time::owners()), Orphans::default());
    out_of_time::assert_names(&report.incomplete, "sockdiag leaks");
}

//! Open connections, by two readings; and what a report says of each group.

use std::time::Duration;

use super::{
    Facts, INTERVAL, closed::closed, ids, many, only, queued, report, socket, tally, tally_after,
    timed, unheld,
};
use crate::{
    analysis::{
        Severity,
        incomplete::out_of_time,
        leaks::{LeakKind, LeakTally, Orphans},
    },
    model::{
        Endpoint, Family, Local, Netns, Owner, Owners, SocketProtocol, SocketRow, SocketState,
        State::{Established, LastAck},
        TimerKind::{Persist, Retransmit},
    },
};

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
    assert_eq!(
        message,
        "1 connection waits for accept(), the oldest for 3 s; at least 1 of the 2 sockets that \
         listen there accepted none within 2.0 s"
    );
}

/// A subflow has no data left, and stays established when its connection is in CLOSE_WAIT.
#[test]
fn what_subflows_do_not_show_is_not_seen() {
    let tcp = socket(Established, Facts::default());
    let subflow = SocketRow {
        protocol: SocketProtocol::Mptcp,
        cookie: 2,
        ..tcp.clone()
    };
    let whats = |sockets: &[SocketRow]| {
        let incomplete = report(sockets, sockets).incomplete.into_iter();
        let parts = incomplete.map(|missing| (missing.what, missing.count));
        parts.collect::<Vec<_>>()
    };
    assert!(whats(std::slice::from_ref(&tcp)).is_empty());
    assert_eq!(whats(&[tcp, subflow]), [("mptcp".to_owned(), Some(1))]);
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

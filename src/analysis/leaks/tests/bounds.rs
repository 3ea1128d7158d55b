//! What bounds a reading, and whose sockets are told apart.

use std::{collections::HashSet, time::Duration};

use super::{Facts, queued, socket, unheld};
use crate::{
    analysis::leaks::{LeakKind, LeakTally, LeaksReport, Orphans},
    model::{
        Address, Endpoint, Local, Netns, SocketRow, SocketState,
        State::{CloseWait, Established, LastAck},
    },
};

const TWO: Duration = Duration::from_secs(2);

fn enter(tally: &mut LeakTally, inode: u64) {
    let netns = Netns {
        inode: Some(inode),
        ..Netns::default()
    };
    tally.enter(netns, Default::default(), Some(40_000..=50_000));
}

fn first() -> LeakTally {
    LeakTally::new(Duration::from_secs(600))
}

fn report(tally: &LeakTally) -> LeaksReport {
    tally.report(None, Orphans::default())
}

fn unread(cookie: u64, received: u64) -> SocketRow {
    let facts = Facts {
        received,
        ..Facts::default()
    };
    SocketRow {
        cookie,
        ..queued(10, 0, socket(Established, facts))
    }
}

/// Before Linux 5.4 each namespace counts cookies by itself.
#[test]
fn sockets_of_two_namespaces_may_have_the_same_cookie() {
    let mut tally = first();
    enter(&mut tally, 1);
    tally.add(&unread(7, 100));
    enter(&mut tally, 2);
    tally.add(&unread(7, 5000));
    let mut tally = tally.again(TWO, TWO);
    enter(&mut tally, 1);
    tally.add(&unread(7, 100));
    enter(&mut tally, 2);
    tally.add(&unread(7, 6000));
    let report = report(&tally);
    let stuck: Vec<_> = report.leaks.iter().map(|leak| leak.netns.inode).collect();
    assert_eq!(stuck, [Some(1)], "the other one read");
}

#[test]
fn an_inode_that_is_used_again_is_another_socket() {
    let mut tally = first();
    enter(&mut tally, 1);
    tally.add(&unread(7, 100));
    let mut tally = tally.again(TWO, TWO);
    enter(&mut tally, 1);
    let again = unread(8, 100);
    assert_eq!(again.inode, unread(7, 100).inode);
    tally.add(&again);
    assert!(report(&tally).leaks.is_empty());
}

#[test]
fn sockets_beyond_those_that_are_followed_are_counted_and_not_judged() {
    let mut tally = first();
    enter(&mut tally, 1);
    (1..=100_003).for_each(|cookie| tally.add(&unread(cookie, 100)));
    let mut tally = tally.again(TWO, TWO);
    enter(&mut tally, 1);
    (1..=100_003).for_each(|cookie| tally.add(&unread(cookie, 100)));
    let report = report(&tally);
    let [leak] = &report.leaks[..] else {
        panic!("{:?}", report.leaks.len());
    };
    assert_eq!((leak.kind, leak.count), (LeakKind::StuckRead, 100_000));
    let [missing] = &report.incomplete[..] else {
        panic!("{:?}", report.incomplete);
    };
    assert_eq!((&*missing.what, missing.count), ("stuck sockets", Some(3)));
}

#[test]
fn services_beyond_those_that_are_told_apart_are_counted() {
    let mut tally = first();
    enter(&mut tally, 1);
    let Local::Inet(at) = socket(LastAck, Facts::default()).local else {
        panic!("an internet socket");
    };
    for port in 1..=4099 {
        tally.add(&SocketRow {
            local: Local::Inet(Endpoint { port: 45_000, ..at }),
            peer: Some(Address {
                address: [10, 0, 0, 2].into(),
                port,
            }),
            ..unheld(socket(LastAck, Facts::default()))
        });
    }
    let report = report(&tally);
    assert_eq!(report.leaks.len(), 4096);
    let missing = &report.incomplete[0];
    assert_eq!((&*missing.what, missing.count), ("leaks", Some(3)));
}

#[test]
fn a_reading_that_ended_early_shows_no_growth() {
    let read = |mut tally: LeakTally, is_partial: bool| {
        enter(&mut tally, 1);
        tally.add(&socket(CloseWait, Facts::default()));
        if is_partial {
            tally.end_early();
        }
        tally
    };
    for (then, now) in [(false, false), (true, false), (false, true)] {
        let before = read(first(), then);
        let tally = read(before.again(TWO, TWO), now);
        let report = report(&tally);
        let is_whole = !then && !now;
        assert_eq!(report.leaks[0].growth_per_minute.is_some(), is_whole);
        let missing = report.incomplete.iter().map(|missing| &*missing.what);
        assert_eq!(missing.eq(["leaks"]), !is_whole, "{:?}", report.incomplete);
    }
}

#[test]
fn only_sockets_of_chosen_processes_count_and_those_that_wait_for_them() {
    let chosen = |inodes: &[u32]| {
        let mut tally = first();
        enter(&mut tally, 1);
        tally.only(inodes.iter().copied().collect::<HashSet<_>>());
        let listener = SocketRow {
            state: SocketState::Listen,
            inode: 5,
            info: None,
            ..socket(Established, Facts::default())
        };
        tally.add(&listener);
        tally.add(&socket(CloseWait, Facts::default()));
        tally.add(&unheld(socket(Established, Facts::default())));
        tally.add(&unheld(socket(LastAck, Facts::default())));
        let mut kinds: Vec<_> = report(&tally).leaks.iter().map(|leak| leak.kind).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!(chosen(&[7]), [LeakKind::CloseWait]);
    assert_eq!(chosen(&[5]), [LeakKind::Unaccepted]);
    assert_eq!(chosen(&[5, 7]), [LeakKind::Unaccepted, LeakKind::CloseWait]);
    assert!(chosen(&[9]).is_empty(), "orphans are nobody's");
}

/// Beside many sockets a reading takes as long as the time between two.
#[test]
fn growth_is_of_the_time_from_one_beginning_to_the_next() {
    let mut tally = first();
    enter(&mut tally, 1);
    let mut tally = tally.again(TWO, 2 * TWO);
    enter(&mut tally, 1);
    tally.add(&socket(CloseWait, Facts::default()));
    assert_eq!(report(&tally).leaks[0].growth_per_minute, Some(15.0));
}

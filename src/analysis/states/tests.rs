//! `states` from values: no kernel.

use std::{sync::Arc, time::Duration};

use super::{GroupReport, Samples, StatesReport};
use crate::{
    analysis::{
        incomplete::out_of_time,
        sockets::{
            By, Held,
            samples::{api, connection},
        },
    },
    model::{Endpoint, Family, ListenAddresses, Listener, Netns, SocketRow, SocketState, State},
};

fn socket(state: SocketState, peer: &str) -> SocketRow {
    SocketRow {
        state,
        ..connection(peer, &[])
    }
}

fn in_state(state: State) -> SocketRow {
    socket(SocketState::Connection(state), "10.0.0.9:5432")
}

/// As the kernel tells one: without inode and user.
fn time_wait() -> SocketRow {
    SocketRow {
        inode: 0,
        ..in_state(State::TimeWait)
    }
}

fn report_within(by: By, sockets: &[SocketRow], listening: ListenAddresses) -> StatesReport {
    let owners = api();
    let mut report = StatesReport::new(by);
    report.enter(Netns::default(), listening);
    for row in sockets {
        let held = Held {
            owners: if row.inode == 0 { &[] } else { &owners },
            unit: (row.inode != 0).then(|| Arc::from("api.service")),
        };
        report.add(row, &held);
    }
    report.finish();
    report
}

fn report(by: By, sockets: &[SocketRow]) -> StatesReport {
    report_within(by, sockets, ListenAddresses::default())
}

fn keys(report: &StatesReport) -> Vec<(Option<&str>, u64)> {
    let groups = report.groups.iter();
    groups
        .map(|group| (group.name.key.as_deref(), group.total))
        .collect()
}

fn count(group: &GroupReport, state: State) -> u64 {
    let state = SocketState::Connection(state);
    group.states.get(&state).copied().unwrap_or_default()
}

#[test]
fn sockets_are_counted_by_state() {
    let sockets = [
        in_state(State::Established),
        in_state(State::Established),
        time_wait(),
    ];
    let report = report(By::State, &sockets);
    assert_eq!(
        keys(&report),
        [(Some("established"), 2), (Some("time_wait"), 1)]
    );
    assert_eq!(report.total, 3);
    assert_eq!(report.states.values().sum::<u64>(), 3);
}

#[test]
fn a_peer_of_a_dual_stack_socket_is_the_peer_of_any_other() {
    let established = SocketState::Connection(State::Established);
    let sockets = ["10.0.0.9:5432", "[::ffff:10.0.0.9]:5432", "[::1]:80"]
        .map(|peer| socket(established, peer));
    let report = report(By::Peer, &sockets);
    assert_eq!(keys(&report), [(Some("10.0.0.9"), 2), (Some("::1"), 1)]);
}

#[test]
fn what_nobody_holds_is_a_group_of_its_own() {
    let sockets = [in_state(State::Established), time_wait(), time_wait()];
    for (by, key) in [
        (By::Process, "api"),
        (By::Unit, "api.service"),
        (By::User, "0"),
    ] {
        let report = report(by, &sockets);
        assert_eq!(keys(&report), [(None, 2), (Some(key), 1)], "{by:?}");
        assert_eq!(count(&report.groups[0], State::TimeWait), 2);
        assert_eq!(count(&report.groups[1], State::Established), 1);
    }
}

/// Since 6.16 the kernel tells the user of a socket that nobody holds.
#[test]
fn a_user_is_known_where_the_kernel_tells_one() {
    let orphan = SocketRow {
        uid: 33,
        inode: 0,
        ..in_state(State::FinWait1)
    };
    assert_eq!(keys(&report(By::User, &[orphan])), [(Some("33"), 1)]);
}

#[test]
fn a_process_is_named_and_numbered() {
    let report = report(By::Process, &[in_state(State::CloseWait)]);
    assert_eq!(report.groups[0].name.pid, Some(12));
}

#[test]
fn a_listener_counts_to_what_it_accepts_and_has_no_peer() {
    let at = Endpoint {
        family: Family::V4,
        address: "0.0.0.0".parse().unwrap(),
        port: 40000,
        interface: 0,
    };
    let listening = ListenAddresses::of([&Listener::idle(at, 9)]);
    let listener = SocketRow {
        local: crate::model::Local::Inet(at),
        ..socket(SocketState::Listen, "0.0.0.0:0")
    };
    let sockets = [listener, in_state(State::Established)];
    let by_listener = report_within(By::Listener, &sockets, listening);
    assert_eq!(keys(&by_listener), [(Some("0.0.0.0:40000"), 2)]);
    let by_peer = report(By::Peer, &sockets);
    assert_eq!(keys(&by_peer), [(None, 1), (Some("10.0.0.9"), 1)]);
}

#[test]
fn namespaces_are_told_apart() {
    let mut report = StatesReport::new(By::Netns);
    for (inode, count) in [(7, 1), (8, 2)] {
        let netns = Netns {
            inode: Some(inode),
            ..Netns::default()
        };
        report.enter(netns, ListenAddresses::default());
        for _ in 0..count {
            report.add(&time_wait(), &Held::default());
        }
    }
    report.finish();
    assert_eq!(keys(&report), [(Some("8"), 2), (Some("7"), 1)]);
}

#[test]
fn a_group_grows_from_nothing() {
    let one = report(By::State, &[in_state(State::Established)]);
    assert_eq!(one.groups[0].delta, None);
    let three = report(
        By::State,
        &[
            in_state(State::Established),
            in_state(State::CloseWait),
            in_state(State::CloseWait),
        ],
    );
    let since = three.since(&one, Duration::from_secs(30));
    let changes = since.groups.iter();
    let changes: Vec<_> = changes
        .map(|group| (group.delta, group.growth_per_minute))
        .collect();
    assert_eq!(
        changes,
        [(Some(2), Some(4.0)), (Some(0), Some(0.0))],
        "close_wait, established"
    );
}

#[test]
fn a_group_that_is_gone_has_a_row() {
    let two = report(By::State, &[time_wait(), in_state(State::CloseWait)]);
    let none = report(By::State, &[]).since(&two, Duration::from_secs(1));
    let gone = none.groups.iter().map(|group| (group.total, group.delta));
    assert_eq!(gone.collect::<Vec<_>>(), [(0, Some(-1)), (0, Some(-1))]);
    // A burst between the first sample and the last.
    let mut samples = Samples::default();
    for sockets in [0, 5, 0] {
        let sample = report(By::State, &vec![time_wait(); sockets]);
        samples.add(&sample, Duration::from_secs(1));
    }
    let mut last = report(By::State, &[]);
    samples.fill(&mut last);
    let [burst] = &last.groups[..] else {
        panic!("{last:#?}");
    };
    let sampled = burst.sampled.as_ref().expect("samples");
    assert_eq!((burst.total, burst.delta), (0, Some(0)));
    assert_eq!((sampled.minimum, sampled.maximum), (0, 5));
}

/// The ends of the window alone would say that it does not grow.
#[test]
fn the_slope_is_that_of_all_samples() {
    let sized = |size: usize| report(By::State, &vec![time_wait(); size]);
    let mut samples = Samples::default();
    for size in [4, 1, 2, 3, 4, 5, 6, 7, 8, 4] {
        samples.add(&sized(size), Duration::from_secs(1));
    }
    let mut last = sized(4);
    samples.fill(&mut last);
    let group = &last.groups[0];
    let slope = group.growth_per_minute.unwrap();
    assert!((20.0..40.0).contains(&slope), "{slope}");
    let sampled = group.sampled.as_ref().unwrap();
    assert_eq!((sampled.minimum, sampled.maximum), (1, 8));
}

#[test]
fn one_sample_leaves_the_change_between_the_readings() {
    let one = report(By::State, &[time_wait()]);
    let mut samples = Samples::default();
    samples.add(&one, Duration::ZERO);
    let mut last =
        report(By::State, &[time_wait(), time_wait()]).since(&one, Duration::from_secs(1));
    samples.fill(&mut last);
    assert_eq!(last.groups[0].growth_per_minute, Some(60.0));
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let mut report = StatesReport::new(By::State);
    report.note_owners(&out_of_time::owners(), 2, 1);
    out_of_time::assert_names(&report.incomplete, "sockdiag states");
}

//! `ports` from values: no kernel.

mod capacity;
mod folding;
mod inferred;
mod outlook;
mod pressure;

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::*;
use crate::{
    analysis::{Sampling, incomplete::out_of_time},
    model::{
        Connection, CounterId, Endpoint, Family, ListenAddresses, Listener, Owner, Owners,
        PortLimits, PortSet, Snapshot, State,
        snapshot::{Listeners, PortTally},
    },
};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn connection(port: u16, to: &str, state: State) -> Connection {
    let (peer, peer_port) = to.rsplit_once(':').unwrap();
    let left = matches!(state, State::TimeWait).then_some(50_000);
    Connection {
        local: Endpoint {
            family: Family::V4,
            address: address("10.0.0.5"),
            port,
            interface: 0,
        },
        peer: address(peer),
        peer_port: peer_port.parse().unwrap(),
        state,
        left_ms: left,
        inode: if left.is_some() { 0 } else { u32::from(port) },
        port_at_connect: Some(false),
        is_held_up: false,
    }
}

fn listener(port: u16) -> Listener {
    Listener::idle(
        Endpoint {
            family: Family::V4,
            address: address("0.0.0.0"),
            port,
            interface: 0,
        },
        1,
    )
}

fn limits() -> PortLimits {
    PortLimits {
        range: Some(100..=119),
        tcp_tw_reuse: Some(2),
        tcp_timestamps: Some(1),
        ..PortLimits::default()
    }
}

fn ports(ports: impl IntoIterator<Item = u16>) -> PortSet {
    ports.into_iter().collect()
}

fn reading(limits: PortLimits, connections: &[Connection]) -> Snapshot {
    with_others(limits, &[], PortSet::default(), connections)
}

/// With listeners, and ports of sockets that are only bound.
fn with_others(
    limits: PortLimits,
    listeners: &[Listener],
    bound: PortSet,
    connections: &[Connection],
) -> Snapshot {
    let listening = ListenAddresses::of(listeners);
    let mut tally = tally(&limits, &listening);
    connections.iter().for_each(|one| tally.add(one));
    let mut holders = tally.finish(Duration::ZERO, true);
    holders.bound_only = Some(bound);
    let mut namespace = NetnsSnapshot {
        port_holders: Some(Arc::new(holders)),
        listeners: Some(Listeners {
            sockets: listeners.to_vec(),
            ..Listeners::default()
        }),
        ..NetnsSnapshot::default()
    };
    namespace.settings.ports = limits;
    let opens = CounterId::new("Tcp", "ActiveOpens");
    namespace.counters.values = vec![(opens, connections.len() as i128)];
    Snapshot {
        namespaces: vec![namespace],
        ..Snapshot::default()
    }
}

fn tally<'a>(limits: &PortLimits, listening: &'a ListenAddresses) -> PortTally<'a> {
    let delay = limits.tcp_tw_reuse_delay_ms.unwrap_or(1000);
    PortTally::new(limits.range.clone().unwrap(), listening, delay, true)
}

fn by(by: By) -> Selection {
    Selection {
        by,
        ..Selection::default()
    }
}

fn only(snapshot: &Snapshot) -> TupleReport {
    let mut report = report(snapshot, None, by(By::Tuple));
    assert_eq!(report.tuples.len(), 1, "{:#?}", report.tuples);
    report.tuples.remove(0)
}

/// Every second port, as connect() takes them.
fn open(count: u16, to: &str) -> Vec<Connection> {
    let ports = (0..count).map(|n| 100 + n * 2);
    ports
        .map(|port| connection(port, to, State::Established))
        .collect()
}

#[test]
fn one_destination_fills_while_another_has_room() {
    let mut all: Vec<_> = (100..=119)
        .map(|port| connection(port, "10.0.0.9:80", State::Established))
        .collect();
    all.push(connection(100, "10.0.0.9:81", State::Established));
    let report = report(&reading(limits(), &all), None, by(By::Tuple));
    let is = |row: &TupleReport| (row.used, row.free, row.used_ratio, row.state);
    assert_eq!(is(&report.tuples[0]), (20, 0, 1.0, Pressure::Exhausted));
    assert_eq!(is(&report.tuples[1]), (1, 19, 0.05, Pressure::Ok));
}

#[test]
fn reserved_listening_and_bound_ports_are_nobodys() {
    let limits = PortLimits {
        reserved: ports([100, 101, 5000]),
        ..limits()
    };
    let listeners = [listener(102), listener(80)];
    let came_in = connection(102, "10.0.0.9:50000", State::Established);
    let mut all = open(6, "10.0.0.9:80").split_off(2);
    all.push(came_in);
    let report = report(
        &with_others(limits, &listeners, ports([103, 102]), &all),
        None,
        by(By::Tuple),
    );
    assert_eq!(report.tuples.len(), 1, "what came in at a listener is none");
    let (row, range) = (&report.tuples[0], report.range.unwrap());
    assert_eq!((range.low, range.high), (100, 119));
    assert_eq!((range.size, range.reserved, range.usable), (20, 2, 18));
    assert_eq!(report.namespaces[0].blocked, 2, "102 is both");
    assert_eq!(
        (report.namespaces[0].listeners, report.bound_only),
        (1, Some(2))
    );
    assert_eq!((row.used, row.free), (4, 18 - 2 - 4));
}

#[test]
fn a_held_port_that_somebody_bound_elsewhere_counts_once() {
    let bound = ports([100, 101]);
    let row = only(&with_others(limits(), &[], bound, &open(3, "10.0.0.9:80")));
    assert_eq!((row.used, row.free), (3, 20 - 4));
}

#[test]
fn a_socket_met_twice_in_one_walk_counts_once() {
    let twice = [
        connection(100, "10.0.0.9:80", State::Established),
        connection(100, "10.0.0.9:80", State::TimeWait),
    ];
    let row = only(&reading(limits(), &twice));
    assert_eq!((row.used, row.states.sum()), (1, 1));
}

#[test]
fn an_ipv6_socket_to_an_ipv4_address_is_of_the_ipv4_tuple() {
    let mut mapped = connection(102, "10.0.0.9:80", State::Established);
    mapped.local.family = Family::V6;
    mapped.local.address = address("::ffff:10.0.0.5");
    mapped.peer = address("::ffff:10.0.0.9");
    let plain = connection(100, "10.0.0.9:80", State::Established);
    let row = only(&reading(limits(), &[plain, mapped]));
    assert_eq!(
        (row.used, row.destination.unwrap().to_string()),
        (2, "10.0.0.9:80".to_owned())
    );
}

#[test]
fn only_old_time_waits_that_the_setting_covers_are_reusable() {
    let aged = |to: &str, left| Connection {
        left_ms: Some(left),
        ..connection(100, to, State::TimeWait)
    };
    let reusable = |limits: PortLimits, one: Connection| only(&reading(limits, &[one])).reusable;
    let mode = |mode| PortLimits {
        tcp_tw_reuse: Some(mode),
        ..limits()
    };
    assert_eq!(reusable(mode(0), aged("127.0.0.1:80", 10_000)), 0);
    assert_eq!(reusable(mode(1), aged("10.0.0.9:80", 10_000)), 1);
    assert_eq!(
        reusable(mode(1), aged("10.0.0.9:80", 59_500)),
        0,
        "too young"
    );
    assert_eq!(reusable(mode(2), aged("10.0.0.9:80", 10_000)), 0);
    assert_eq!(reusable(mode(2), aged("127.0.0.1:80", 10_000)), 1);
    let no_timestamps = PortLimits {
        tcp_timestamps: Some(0),
        ..mode(1)
    };
    assert_eq!(reusable(no_timestamps, aged("10.0.0.9:80", 10_000)), 0);
    let delayed = PortLimits {
        tcp_tw_reuse_delay_ms: Some(55_000),
        ..mode(1)
    };
    assert_eq!(reusable(delayed, aged("10.0.0.9:80", 10_000)), 0);
    let fin_wait = Connection {
        state: State::FinWait2,
        ..aged("10.0.0.9:80", 10_000)
    };
    assert_eq!(reusable(mode(1), fin_wait), 0);
}

#[test]
fn reusable_time_waits_are_room() {
    let kept: Vec<_> = (100..=119)
        .map(|port| connection(port, "127.0.0.1:80", State::TimeWait))
        .collect();
    let row = only(&reading(limits(), &kept));
    assert_eq!((row.free, row.reusable, row.state), (0, 20, Pressure::Ok));
}

#[test]
fn time_waits_that_may_be_taken_over_perhaps_are_no_room_for_sure() {
    let always = PortLimits {
        tcp_tw_reuse: Some(1),
        ..limits()
    };
    let kept: Vec<_> = (100..=119)
        .map(|port| connection(port, "10.0.0.9:80", State::TimeWait))
        .collect();
    let row = only(&reading(always, &kept));
    assert_eq!(
        (row.free, row.reusable, row.state),
        (0, 20, Pressure::Tight)
    );
}

#[test]
fn a_socket_bound_to_a_device_gets_no_port_of_an_unbound_one() {
    let mut all = open(4, "10.0.0.9:80");
    let mut bound = connection(110, "10.0.0.9:80", State::Established);
    bound.local.interface = 7;
    all.push(bound);
    let report = report(&reading(limits(), &all), None, by(By::Tuple));
    let of = |device: Option<&str>| {
        let mut rows = report.tuples.iter();
        rows.find(|row| row.interface.as_deref() == device).unwrap()
    };
    assert_eq!((of(None).used, of(None).free), (4, 16));
    assert_eq!((of(Some("if7")).used, of(Some("if7")).free), (1, 15));
}

#[test]
fn groups_sum_what_adds_up_and_keep_the_fullest() {
    let mut all = open(3, "10.0.0.9:80");
    all.extend(open(8, "10.0.0.8:80"));
    let report = report(&reading(limits(), &all), None, by(By::Source));
    assert_eq!(report.tuples.len(), 1);
    let row = &report.tuples[0];
    assert_eq!(
        (row.tuples, row.used, row.states.established, row.free),
        (2, 11, 11, 12)
    );
    assert_eq!(row.destination, None);
}

#[test]
fn a_group_loses_the_ports_of_tuples_that_are_gone() {
    let (one, other) = (open(8, "10.0.0.9:80"), open(4, "10.0.0.9:81"));
    let before = reading(limits(), &[&one[..], &other].concat());
    let now = reading(limits(), &other);
    let since = Some((&before, Duration::from_secs(2)));
    let all = report(&now, since, by(By::Source)).tuples;
    let [row] = &all[..] else { panic!("{all:?}") };
    assert_eq!((row.tuples, row.used, row.delta), (1, 4, Some(-8)));
    assert_eq!(row.per_second, Some(0.0), "nothing was taken");
    let left = report(&now, since, by(By::Destination)).tuples;
    assert_eq!((left.len(), left[0].delta), (1, Some(0)));
}

#[test]
fn a_destination_loses_the_ports_of_a_source_that_is_gone() {
    let mut other = open(4, "10.0.0.9:80");
    other
        .iter_mut()
        .for_each(|one| one.local.address = address("10.0.0.6"));
    let kept = open(2, "10.0.0.9:80");
    let before = reading(limits(), &[&kept[..], &other].concat());
    let now = reading(limits(), &kept);
    let since = Some((&before, Duration::from_secs(2)));
    let row = &report(&now, since, by(By::Destination)).tuples[0];
    assert_eq!((row.tuples, row.used, row.delta), (1, 2, Some(-4)));
}

#[test]
fn each_namespace_is_compared_with_itself() {
    let in_namespace = |inode, count| {
        let mut reading = reading(limits(), &open(count, "10.0.0.9:80"));
        reading.namespaces[0].netns.inode = Some(inode);
        reading.namespaces.remove(0)
    };
    let both = |one, other| Snapshot {
        namespaces: vec![in_namespace(1, one), in_namespace(2, other)],
        ..Snapshot::default()
    };
    let (before, now) = (both(2, 5), both(3, 9));
    let report = report(&now, Some((&before, Duration::from_secs(1))), by(By::Tuple));
    let mut deltas: Vec<_> = report.tuples.iter().map(|row| row.delta).collect();
    deltas.sort_unstable();
    assert_eq!(deltas, [Some(1), Some(4)]);
    let opens = report
        .namespaces
        .iter()
        .map(|one| one.active_opens_per_second);
    assert!(opens.eq([Some(1.0), Some(4.0)]));
}

#[test]
fn what_one_process_holds_leaves_no_line_for_nobody() {
    let owner = Owner {
        pid: 1,
        name: "p1".to_owned(),
        fd: 3,
    };
    let mut now = reading(limits(), &open(1, "10.0.0.9:80"));
    now.owners = Some(
        Owners {
            by_inode: [(100, vec![owner])].into_iter().collect(),
            complete: true,
            ..Owners::default()
        }
        .into(),
    );
    let before = reading(limits(), &[]);
    let since = Some((&before, Duration::from_secs(1)));
    let rows = report(&now, since, by(By::Process)).tuples;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.process.as_ref().unwrap().pid, row.used), (1, 1));
    assert_eq!((row.delta, row.per_second), (None, None));
    assert!(row.owners.is_empty());
}

#[test]
fn by_process_tells_each_holder_and_what_nobody_holds() {
    let mut all = open(3, "10.0.0.9:80");
    all.push(connection(107, "10.0.0.9:80", State::TimeWait));
    let mut reading = reading(limits(), &all);
    let owner = |pid, fd| Owner {
        pid,
        name: format!("p{pid}"),
        fd,
    };
    let holders = [
        (100, vec![owner(1, 3), owner(1, 4)]),
        (102, vec![owner(1, 5), owner(2, 5)]),
    ];
    reading.owners = Some(
        Owners {
            by_inode: holders.into_iter().collect(),
            complete: true,
            ..Owners::default()
        }
        .into(),
    );
    let report = report(&reading, None, by(By::Process));
    let used: Vec<_> = report
        .tuples
        .iter()
        .map(|row| (row.process.as_ref().map(|process| process.pid), row.used))
        .collect();
    assert_eq!(used, [(Some(1), 2), (Some(2), 1), (None, 2)]);
    assert_eq!(report.incomplete[0].count, Some(1), "104 has no holder");
}

#[test]
fn two_dumps_make_one_count() {
    let listening = ListenAddresses::default();
    let [mut one, mut other] = [(), ()].map(|()| tally(&limits(), &listening));
    one.add(&connection(100, "10.0.0.9:80", State::Established));
    other.add(&connection(102, "10.0.0.8:80", State::Established));
    other.add(&connection(104, "10.0.0.9:80", State::TimeWait));
    one.merge(other);
    let both = one.finish(Duration::ZERO, true);
    let used: Vec<u64> = both.tuples.iter().map(|(_, tuple)| tuple.used()).collect();
    assert_eq!(used, [1, 2], "in the order of addresses");
    let sockets = both.sockets.unwrap();
    let tuples: Vec<(u32, u32)> = sockets.iter().map(|one| (one.tuple, one.inode)).collect();
    assert_eq!(tuples, [(1, 100), (0, 102)]);
}

#[test]
fn two_dumps_of_one_tuple_add_all_that_is_known_of_it() {
    let listening = ListenAddresses::default();
    let [mut one, mut other] = [(), ()].map(|()| tally(&limits(), &listening));
    one.add(&connection(100, "127.0.0.1:80", State::Established));
    let known = Connection {
        port_at_connect: Some(true),
        ..connection(102, "127.0.0.1:80", State::Established)
    };
    other.add(&known);
    other.add(&connection(104, "127.0.0.1:80", State::TimeWait));
    one.merge(other);
    let both = one.finish(Duration::ZERO, true);
    let (_, tuple) = &both.tuples[0];
    assert_eq!(tuple.ports, ports([100, 102, 104]));
    assert_eq!(tuple.in_state(State::Established), 2);
    assert_eq!(tuple.aged, ports([104]));
    assert_eq!(tuple.at_connect, ports([102]));
    assert_eq!(tuple.sockets.inodes(), [100, 102]);
    assert_eq!(tuple.left.count(), 1);
}

#[test]
fn a_range_that_is_all_reserved_has_no_room() {
    let limits = PortLimits {
        reserved: ports(100..=119),
        ..limits()
    };
    let row = only(&reading(limits, &open(1, "10.0.0.9:80")));
    assert_eq!(
        (row.free, row.used_ratio, row.state),
        (0, 1.0, Pressure::Exhausted)
    );
}

#[test]
fn a_line_that_was_not_there_held_nothing() {
    let (none, some) = (
        reading(limits(), &[]),
        reading(limits(), &open(4, "10.0.0.9:80")),
    );
    let mut samples = Samples::default();
    for reading in [&none, &some, &some] {
        samples.add(&report(reading, None, by(By::Tuple)));
    }
    let mut last = report(&some, None, by(By::Tuple));
    samples.fill(&mut last);
    let sampled = last.tuples[0].sampled.clone().unwrap();
    assert_eq!(
        (sampled.samples, sampled.minimum, sampled.maximum),
        (3, 0, 4)
    );
    let mut empty = report(&none, None, by(By::Tuple));
    samples.fill(&mut empty);
    let gone = &empty.tuples[0];
    assert_eq!((gone.used, gone.free, gone.used_ratio), (0, 20, 0.0));
    assert_eq!(gone.sampled.as_ref().unwrap().maximum, 4);
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let mut now = reading(limits(), &open(1, "10.0.0.9:80"));
    now.owners = Some(out_of_time::owners().into());
    let report = report(&now, None, by(By::Process));
    out_of_time::assert_names(&report.incomplete, "sockdiag ports");
}

//! `timewait` from values: no kernel.

use std::{net::IpAddr, time::Duration};

use super::*;
use crate::model::{Connection, Endpoint, Family, Local, Owner, Protocol, Queue, State};

fn endpoint(text: &str) -> (IpAddr, u16) {
    let (address, port) = text.rsplit_once(':').unwrap();
    (address.parse().unwrap(), port.parse().unwrap())
}

fn kept(local: &str, peer: &str, left_seconds: u32) -> Connection {
    let ((address, port), (peer, peer_port)) = (endpoint(local), endpoint(peer));
    Connection {
        local: Endpoint {
            family: Family::V4,
            address,
            port,
            interface: 0,
        },
        peer,
        peer_port,
        state: State::TimeWait,
        left_ms: Some(left_seconds * 1000),
        inode: 0,
        port_at_connect: None,
    }
}

fn listener(at: &str, inode: u32) -> Listener {
    let (address, port) = endpoint(at);
    Listener {
        protocol: Protocol::Tcp,
        local: Local::Inet(Endpoint {
            family: Family::V4,
            address,
            port,
            interface: 0,
        }),
        v6only: None,
        queue: Queue::Accept {
            length: 0,
            limit: 0,
        },
        drops: None,
        uid: None,
        inode,
        cookie: u64::from(inode),
        cgroup_id: None,
    }
}

fn reading(listeners: Vec<Listener>, sockets: &[Connection]) -> Reading {
    let limits = PortLimits {
        range: Some(32768..=60999),
        tcp_max_tw_buckets: Some(100),
        ..PortLimits::default()
    };
    let sorter = Sorter::new(&listeners, 32768..=60999);
    let mut tally = Tally::default();
    sockets.iter().for_each(|socket| tally.add(socket, &sorter));
    tally.settle(&sorter);
    let namespace = NamespaceReading {
        limits,
        listeners,
        tally,
        overflows: Some(3),
        ..NamespaceReading::default()
    };
    Reading {
        namespaces: vec![namespace],
        ..Reading::default()
    }
}

fn groups(reading: &Reading, by: By) -> Vec<(Option<String>, Option<Side>, u64)> {
    let report = report(reading, None, by, None);
    let group = |group: GroupReport| (group.key, group.side, group.count);
    report.groups.into_iter().map(group).collect()
}

fn named(key: &str, side: Side, count: u64) -> (Option<String>, Option<Side>, u64) {
    (Some(key.to_owned()), Some(side), count)
}

/// Three that this host opened, two that came in.
fn mixed() -> Reading {
    let sockets = [
        kept("10.0.0.5:40000", "10.0.0.9:5432", 5),
        kept("10.0.0.5:40001", "10.0.0.9:5432", 15),
        kept("10.0.0.5:40002", "10.0.0.9:5432", 25),
        kept("10.0.0.5:8080", "10.1.0.1:50000", 35),
        kept("10.0.0.5:8080", "10.1.0.2:50001", 60),
    ];
    reading(vec![listener("0.0.0.0:8080", 7)], &sockets)
}

#[test]
fn each_grouping_has_its_key() {
    use Side::{Client, Server};
    let reading = mixed();
    let service = [
        named("10.0.0.9:5432", Client, 3),
        named("0.0.0.0:8080", Server, 2),
    ];
    assert_eq!(groups(&reading, By::Service), service);
    let destination = [
        named("10.0.0.9:5432", Client, 3),
        named("10.1.0.1", Server, 1),
        named("10.1.0.2", Server, 1),
    ];
    assert_eq!(groups(&reading, By::Destination), destination);
    let dport = [named("5432", Client, 3), (None, Some(Server), 2)];
    assert_eq!(groups(&reading, By::Dport), dport);
    let source = [named("10.0.0.5", Client, 3), named("10.0.0.5", Server, 2)];
    assert_eq!(groups(&reading, By::Source), source);
    let sport = [(None, Some(Client), 3), named("8080", Server, 2)];
    assert_eq!(groups(&reading, By::Sport), sport);
    let listener = [(None, Some(Client), 3), named("0.0.0.0:8080", Server, 2)];
    assert_eq!(groups(&reading, By::Listener), listener);
}

#[test]
fn ephemeral_ports_tell_the_side_where_no_listener_is_left() {
    let sockets = [
        kept("10.0.0.5:8080", "10.1.0.1:50000", 30),
        kept("10.0.0.5:50000", "10.1.0.1:443", 30),
    ];
    let sides = [
        named("10.0.0.5:8080", Side::Server, 1),
        named("10.1.0.1:443", Side::Client, 1),
    ];
    assert_eq!(groups(&reading(Vec::new(), &sockets), By::Service), sides);
}

#[test]
fn between_two_ephemeral_ports_the_one_that_comes_again_is_the_service() {
    let server = [50000, 50001].map(|port| kept("10.0.0.5:40000", &format!("10.1.0.1:{port}"), 9));
    let found = groups(&reading(Vec::new(), &server), By::Service);
    assert_eq!(found, [named("10.0.0.5:40000", Side::Server, 2)]);
    let client = [50000, 50001].map(|port| kept(&format!("10.0.0.5:{port}"), "10.1.0.1:40000", 9));
    let found = groups(&reading(Vec::new(), &client), By::Service);
    assert_eq!(found, [named("10.1.0.1:40000", Side::Client, 2)]);
}

#[test]
fn a_single_one_between_two_ephemeral_ports_is_of_neither_side() {
    let one = [kept("10.0.0.5:40000", "10.1.0.1:50000", 9)];
    let found = groups(&reading(Vec::new(), &one), By::Service);
    assert_eq!(found, [(Some("10.1.0.1:50000".to_owned()), None, 1)]);
}

#[test]
fn totals_bars_and_the_drain_follow_the_timers() {
    let report = report(&mixed(), None, By::Service, None);
    assert_eq!(
        (report.count, report.limit, report.fill_ratio),
        (5, Some(100), Some(0.05))
    );
    let bars: Vec<u64> = report.left.iter().map(|bar| bar.count).collect();
    assert_eq!(bars, [1, 1, 1, 1, 0, 1]);
    assert_eq!(report.drain_per_second, 0.1);
    let group = &report.groups[0];
    assert_eq!(
        (group.median_left_seconds, group.share_ratio),
        (Some(15), 0.6)
    );
    let fullest = report.fullest.unwrap();
    assert_eq!((fullest.count, fullest.usable), (3, 28232));
}

#[test]
fn what_is_kept_in_fin_wait_2_counts_and_is_told() {
    let waiting = Connection {
        state: State::FinWait2,
        ..kept("10.0.0.5:40000", "10.0.0.9:5432", 5)
    };
    let report = report(&reading(Vec::new(), &[waiting]), None, By::Service, None);
    assert_eq!((report.count, report.fin_wait_2), (1, 1));
}

#[test]
fn changes_are_null_without_a_reading_before() {
    let (before, mut now) = (mixed(), mixed());
    now.namespaces[0].overflows = Some(10);
    let first = report(&now, None, By::Service, None);
    assert_eq!(
        (first.delta, first.overflows_delta, first.groups[0].delta),
        (None, None, None)
    );
    let second = report(
        &now,
        Some((&before, Duration::from_secs(1))),
        By::Service,
        None,
    );
    assert_eq!((second.delta, second.overflows_delta), (Some(0), Some(7)));
    assert_eq!(second.groups[0].delta, Some(0));
}

#[test]
fn likely_owners_are_those_of_the_listener_or_of_a_live_connection() {
    let mut reading = mixed();
    let owner = |pid| Owner {
        pid,
        name: format!("p{pid}"),
        fd: 3,
        cgroup: None,
    };
    let holders = [(7, vec![owner(70)]), (8, vec![owner(80)])];
    reading.owners = Some(Owners {
        by_inode: holders.into_iter().collect(),
        ..Owners::default()
    });
    let (address, port) = endpoint("10.0.0.9:5432");
    reading.namespaces[0]
        .live
        .insert(Address { address, port }, 8);
    let report = report(&reading, None, By::Service, None);
    let inferred = |group: &GroupReport| (group.likely_owners[0].pid, group.inferred_from.unwrap());
    assert_eq!(inferred(&report.groups[0]), (80, InferredFrom::LiveSocket));
    assert_eq!(inferred(&report.groups[1]), (70, InferredFrom::Listener));
}

#[test]
fn an_empty_namespace_has_no_shares() {
    let report = report(&reading(Vec::new(), &[]), None, By::Service, None);
    assert_eq!(
        (report.count, report.groups.len(), report.fullest),
        (0, 0, None)
    );
    assert_eq!(report.drain_per_second, 0.0);
}

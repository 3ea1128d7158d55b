//! `timewait` from values: no kernel.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::*;
use crate::analysis::{Sampling, incomplete::out_of_time};
use crate::model::{
    Address, Connection, CounterId, Endpoint, Families, Family, ListenAddresses, Listener, Owner,
    Owners, PortLimits, Snapshot, State,
    snapshot::{FlowTally, HostEnds, Listeners},
};

/// Of the host.
static ADDRESSES: LazyLock<HashSet<IpAddr>> =
    LazyLock::new(|| HashSet::from(["10.0.0.5".parse().unwrap()]));

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
        is_held_up: false,
    }
}

fn listener(at: &str, inode: u32) -> Listener {
    let (address, port) = endpoint(at);
    Listener::idle(
        Endpoint {
            family: Family::V4,
            address,
            port,
            interface: 0,
        },
        inode,
    )
}

fn reading(listeners: Vec<Listener>, sockets: &[Connection]) -> Snapshot {
    let limits = PortLimits {
        range: Some(32768..=60999),
        tcp_max_tw_buckets: Some(100),
        ..PortLimits::default()
    };
    let listening = ListenAddresses::of(&listeners);
    let tally = tally(&listening, sockets);
    let mut namespace = NetnsSnapshot {
        time_waits: Some(Arc::new(tally.finish(Duration::ZERO, Vec::new()))),
        listeners: Some(Listeners {
            sockets: listeners,
            ..Listeners::default()
        }),
        ..NetnsSnapshot::default()
    };
    namespace.settings.ports = limits;
    set_overflows(&mut namespace, 3);
    Snapshot {
        namespaces: vec![namespace],
        ..Snapshot::default()
    }
}

fn tally<'a>(listening: &'a ListenAddresses, sockets: &[Connection]) -> FlowTally<'a> {
    let mut tally = FlowTally::new(HostEnds {
        listening,
        addresses: &ADDRESSES,
        ephemeral: 32768..=60999,
    });
    for socket in sockets {
        tally.add(socket, socket.left_ms.unwrap());
    }
    tally
}

fn set_overflows(namespace: &mut NetnsSnapshot, overflows: i128) {
    let id = CounterId::new("TcpExt", "TCPTimeWaitOverflow");
    namespace.counters.values = vec![(id, overflows)];
}

fn by(by: By) -> Selection {
    Selection {
        by,
        ..Selection::default()
    }
}

fn groups(reading: &Snapshot, by: By) -> Vec<(Option<String>, Option<Side>, u64)> {
    let report = report(reading, None, self::by(by));
    let group = |group: GroupReport| (group.key, group.side, group.count);
    report.groups.into_iter().map(group).collect()
}

fn named(key: &str, side: Side, count: u64) -> (Option<String>, Option<Side>, u64) {
    (Some(key.to_owned()), Some(side), count)
}

/// Three that this host opened, two that came in.
fn mixed() -> Snapshot {
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

/// Another host may use the port of a listener here that is bound to all addresses.
#[test]
fn a_wildcard_listener_serves_the_addresses_of_this_host_only() {
    let found = |listeners: &[&str], peer: &str| {
        let peers = [
            kept("10.0.0.5:9000", peer, 9),
            kept("10.0.0.5:9000", "10.1.0.1:50001", 9),
        ];
        let listeners = listeners.iter().map(|at| listener(at, 7)).collect();
        let groups = groups(&reading(listeners, &peers), By::Service);
        groups
            .into_iter()
            .map(|(_, side, count)| (side, count))
            .collect::<Vec<_>>()
    };
    use Side::{Client, Server};
    let (both, each) = (
        vec![(Some(Server), 2)],
        vec![(Some(Server), 1), (Some(Client), 1)],
    );
    let sorted = |mut sides: Vec<(Option<Side>, u64)>| {
        sides.sort_by_key(|(side, _)| std::cmp::Reverse(*side));
        sides
    };
    assert_eq!(found(&["0.0.0.0:50000"], "10.1.0.1:50000"), both);
    assert_eq!(found(&["10.0.0.5:50000"], "10.1.0.1:50000"), both);
    assert_eq!(found(&[], "10.0.0.5:50000"), both);
    for peer in ["10.0.0.5:50000", "127.0.0.9:50000"] {
        assert_eq!(sorted(found(&["0.0.0.0:50000"], peer)), each, "{peer}");
    }
    assert_eq!(sorted(found(&["10.0.0.5:50000"], "10.0.0.5:50000")), each);
}

#[test]
fn totals_bars_and_the_drain_follow_the_timers() {
    let report = report(&mixed(), None, by(By::Service));
    assert_eq!(
        (
            report.totals.count,
            report.totals.limit,
            report.totals.fill_ratio
        ),
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
    let report = report(&reading(Vec::new(), &[waiting]), None, by(By::Service));
    assert_eq!((report.totals.count, report.totals.fin_wait_2), (1, 1));
}

#[test]
fn changes_are_null_without_a_reading_before() {
    let (before, mut now) = (mixed(), mixed());
    set_overflows(&mut now.namespaces[0], 10);
    let first = report(&now, None, by(By::Service));
    assert_eq!(
        (
            first.delta,
            first.totals.overflows_delta,
            first.groups[0].delta
        ),
        (None, None, None)
    );
    let second = report(
        &now,
        Some((&before, Duration::from_secs(1))),
        by(By::Service),
    );
    assert_eq!(
        (second.delta, second.totals.overflows_delta),
        (Some(0), Some(7))
    );
    assert_eq!(second.groups[0].delta, Some(0));
}

#[test]
fn likely_owners_are_those_of_the_listener_or_of_a_live_connection() {
    let mut reading = mixed();
    let owner = |pid| Owner {
        pid,
        name: format!("p{pid}"),
        fd: 3,
    };
    let holders = [(7, vec![owner(70)]), (8, vec![owner(80)])];
    reading.owners = Some(
        Owners {
            by_inode: holders.into_iter().collect(),
            ..Owners::default()
        }
        .into(),
    );
    let (address, port) = endpoint("10.0.0.9:5432");
    let time_waits = reading.namespaces[0].time_waits.as_mut().unwrap();
    let live = (Address { address, port }, 8);
    Arc::make_mut(time_waits).live.push(live);
    let report = report(&reading, None, by(By::Service));
    let inferred = |group: &GroupReport| (group.likely_owners[0].pid, group.inferred_from.unwrap());
    assert_eq!(inferred(&report.groups[0]), (80, InferredFrom::LiveSocket));
    assert_eq!(inferred(&report.groups[1]), (70, InferredFrom::Listener));
}

#[test]
fn an_empty_namespace_has_no_shares() {
    let report = report(&reading(Vec::new(), &[]), None, by(By::Service));
    assert_eq!(
        (report.totals.count, report.groups.len(), report.fullest),
        (0, 0, None)
    );
    assert_eq!(report.drain_per_second, 0.0);
}

#[test]
fn lines_are_of_the_wanted_family_and_sums_of_both() {
    let mut six = kept("10.0.0.5:40000", "10.0.0.9:80", 5);
    six.local.family = Family::V6;
    (six.local.address, six.peer) = (
        "2001:db8::5".parse().unwrap(),
        "2001:db8::9".parse().unwrap(),
    );
    let four = kept("10.0.0.5:40000", "10.0.0.9:80", 5);
    let both = reading(Vec::new(), &[four, six]);
    for (v4, key) in [(true, "10.0.0.9:80"), (false, "[2001:db8::9]:80")] {
        let families = Families { v4, v6: !v4 };
        let report = report(
            &both,
            None,
            Selection {
                by: By::Service,
                families,
                ..Selection::default()
            },
        );
        let keys: Vec<_> = report.groups.iter().map(|one| one.key.as_deref()).collect();
        assert_eq!((keys, report.totals.count), (vec![Some(key)], 2));
        assert_eq!(report.groups[0].share_ratio, 0.5);
    }
}

#[test]
fn owners_are_missing_only_where_there_is_a_socket_to_infer_them_from() {
    let mut reading = mixed();
    reading.owners = Some(
        Owners {
            complete: true,
            ..Owners::default()
        }
        .into(),
    );
    let told = report(&reading, None, by(By::Service));
    let missing: Vec<_> = told
        .incomplete
        .iter()
        .map(|one| (one.what.as_str(), one.count))
        .collect();
    assert_eq!(missing, [("likely_owners", Some(1))], "the listener's");
    assert!(
        told.groups
            .iter()
            .all(|group| group.inferred_from.is_none())
    );

    let holder = Owner {
        pid: 70,
        name: "p70".to_owned(),
        fd: 3,
    };
    let owners = Arc::make_mut(reading.owners.as_mut().unwrap());
    owners.by_inode = [(7, vec![holder])].into_iter().collect();
    assert_eq!(report(&reading, None, by(By::Service)).incomplete, []);
}

#[test]
fn those_that_are_late_are_not_in_the_drain_of_ten_seconds() {
    let left = [0, 1, 10, 11].map(|left| kept("10.0.0.5:40000", "10.0.0.9:80", left));
    let report = report(&reading(Vec::new(), &left), None, by(By::Service));
    assert_eq!(report.drain_per_second, 0.2);
}

#[test]
fn each_namespace_is_compared_with_itself_and_the_sum_with_the_sum() {
    let in_namespace = |inode, count: usize, range| {
        let sockets = vec![kept("10.0.0.5:40000", "10.0.0.9:80", 5); count];
        let mut namespace = reading(Vec::new(), &sockets).namespaces.remove(0);
        namespace.netns.inode = Some(inode);
        namespace.settings.ports.range = Some(range);
        namespace
    };
    let both = |one, other| Snapshot {
        namespaces: vec![
            in_namespace(1, one, 40_000..=40_009),
            in_namespace(2, other, 32_768..=60_999),
        ],
        ..Snapshot::default()
    };
    let (before, now) = (both(2, 5), both(3, 9));
    let since = Some((&before, Duration::from_secs(1)));
    let report = report(&now, since, by(By::Service));
    assert_eq!((report.totals.count, report.delta), (12, Some(5)));
    let mut deltas: Vec<_> = report.groups.iter().map(|group| group.delta).collect();
    deltas.sort_unstable();
    assert_eq!(deltas, [Some(1), Some(4)]);
    let fullest = report.fullest.unwrap();
    assert_eq!((fullest.count, fullest.usable), (3, 10), "by share");
}

#[test]
fn a_new_group_is_all_change() {
    let (before, now) = (reading(Vec::new(), &[]), mixed());
    let since = Some((&before, Duration::from_secs(1)));
    assert_eq!(
        report(&now, since, by(By::Service)).groups[0].delta,
        Some(3)
    );
}

#[test]
fn a_limit_of_none_has_no_share_and_reserved_ports_are_not_usable() {
    let mut reading = mixed();
    let limits = &mut reading.namespaces[0].settings.ports;
    limits.tcp_max_tw_buckets = Some(0);
    limits.reserved = [80, 32768, 32769].into_iter().collect();
    let report = report(&reading, None, by(By::Service));
    assert_eq!(
        (report.totals.limit, report.totals.fill_ratio),
        (Some(0), None)
    );
    assert_eq!(report.fullest.unwrap().usable, 28_230);
}

#[test]
fn a_namespace_tells_its_own_fin_wait_2() {
    let waiting = Connection {
        state: State::FinWait2,
        ..kept("10.0.0.5:40000", "10.0.0.9:5432", 5)
    };
    let two = [waiting, kept("10.0.0.5:40001", "10.0.0.9:5432", 5)];
    let report = report(&reading(Vec::new(), &two), None, by(By::Service));
    let namespace = &report.namespaces[0];
    assert_eq!(
        (namespace.totals.count, namespace.totals.fin_wait_2),
        (2, 1)
    );
}

#[test]
fn all_and_each_group_are_sampled() {
    let mut samples = Samples::default();
    for sockets in [&[][..], &[kept("10.0.0.5:40000", "10.0.0.9:80", 5)]] {
        samples.add(&report(
            &reading(Vec::new(), sockets),
            None,
            by(By::Service),
        ));
    }
    let mut last = report(&mixed(), None, by(By::Service));
    last.groups[0].key = Some("10.0.0.9:80".to_owned());
    samples.fill(&mut last);
    for sampled in [&last.sampled, &last.groups[0].sampled] {
        let sampled = sampled.as_ref().unwrap();
        assert_eq!(
            (sampled.samples, sampled.minimum, sampled.maximum),
            (2, 0, 1)
        );
    }
}

#[test]
fn a_listener_at_the_peers_end_makes_this_the_client() {
    let one = [kept("10.0.0.5:40000", "10.0.0.5:50000", 9)];
    let listeners = vec![listener("0.0.0.0:50000", 7)];
    let found = groups(&reading(listeners, &one), By::Service);
    assert_eq!(found, [named("10.0.0.5:50000", Side::Client, 1)]);
}

#[test]
fn between_two_ports_that_nobody_is_given_there_is_no_telling() {
    let one = [kept("10.0.0.5:8080", "10.1.0.1:443", 9)];
    let reading = reading(Vec::new(), &one);
    let found = groups(&reading, By::Service);
    assert_eq!(found, [(Some("10.1.0.1:443".to_owned()), None, 1)]);
}

#[test]
fn destinations_of_most_connections_come_first() {
    let mut sockets = vec![kept("10.0.0.5:40000", "10.0.0.9:80", 5); 3];
    sockets.extend(["10.0.0.6:40000", "10.0.0.7:40000"].map(|local| kept(local, "10.0.0.8:80", 5)));
    let listening = ListenAddresses::default();
    let destinations = tally(&listening, &sockets).destinations(1);
    assert_eq!(destinations[0].to_string(), "10.0.0.9:80");
}

#[test]
fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
    let mut reading = mixed();
    reading.owners = Some(out_of_time::owners().into());
    let report = report(&reading, None, by(By::Service));
    out_of_time::assert_names(&report.incomplete, "sockdiag timewait");
}

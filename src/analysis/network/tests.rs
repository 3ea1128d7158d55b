//! The rules from values: what fires, what is at the boundary, and what only looks the same.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    analysis::{Finding, Severity, Severity::*},
    model::{
        Address, CounterId, Netns, NetnsSnapshot, Owner, Snapshot, State,
        snapshot::{
            Conntrack, ConntrackTotals, HalfClosed, HalfClosedGroup, HalfClosedKey, HostNetwork,
            Interface, InterfaceStats, NetnsNetwork, ProtocolMemory, ReversePathFilter, ServiceEnd,
            Side, SoftnetCpu,
        },
    },
};

const SECONDS: u64 = 2;

type Rule = (&'static str, Severity);

fn concluded(host: HostReport, namespace: NamespaceReport) -> Vec<Finding> {
    let report = NetworkReport {
        host,
        namespaces: vec![namespace],
        ..NetworkReport::default()
    };
    let findings = findings::findings(&report);
    for finding in &findings {
        assert!(
            !finding.next.is_empty(),
            "{} names no next command",
            finding.id
        );
    }
    findings
}

fn rules(findings: &[Finding]) -> Vec<Rule> {
    findings.iter().map(|one| (one.id, one.severity)).collect()
}

fn of_host(host: HostReport) -> Vec<Rule> {
    rules(&concluded(host, NamespaceReport::default()))
}

fn of_namespace(namespace: NamespaceReport) -> Vec<Rule> {
    rules(&concluded(HostReport::default(), namespace))
}

fn conntrack(count: u64, drops: u64, early_drops: u64, insert_failed: u64) -> NamespaceReport {
    let limit = 1000;
    NamespaceReport {
        conntrack: Some(ConntrackReport {
            count,
            limit: Some(limit),
            fill_ratio: Some(count as f64 / limit as f64),
            drops: Some(drops),
            early_drops: Some(early_drops),
            insert_failed: Some(insert_failed),
            insert_failed_per_second: Some(insert_failed as f64 / SECONDS as f64),
        }),
        ..NamespaceReport::default()
    }
}

#[test]
fn a_conntrack_table_is_full_at_its_limit_or_where_entries_were_evicted() {
    let full = [("conntrack_full", Critical)];
    let near = [("conntrack_near_limit", Warning)];
    assert_eq!(of_namespace(conntrack(799, 0, 0, 0)), []);
    assert_eq!(of_namespace(conntrack(800, 0, 0, 0)), near);
    assert_eq!(of_namespace(conntrack(999, 0, 0, 0)), near);
    assert_eq!(of_namespace(conntrack(1000, 0, 0, 0)), full);
    assert_eq!(
        of_namespace(conntrack(10, 0, 1, 0)),
        full,
        "it has drained since"
    );
    let inferred = |namespace| concluded(HostReport::default(), namespace)[0].inferred;
    assert!(!inferred(conntrack(1000, 5, 0, 0)));
    assert_eq!(of_namespace(conntrack(950, 1, 0, 0)), full);
    assert!(inferred(conntrack(950, 1, 0, 0)));
}

/// Two packets of one flow at once are dropped with room in the table.
#[test]
fn drops_with_room_in_the_table_are_not_put_down_to_it() {
    assert_eq!(
        of_namespace(conntrack(949, 1, 0, 0)),
        [("conntrack_near_limit", Warning)]
    );
    assert_eq!(
        of_namespace(conntrack(10, 1, 0, 1)),
        [("conntrack_insert_failed", Info)]
    );
    assert_eq!(
        of_namespace(conntrack(10, 2, 0, 2)),
        [("conntrack_insert_failed", Warning)]
    );
    assert_eq!(
        of_namespace(conntrack(1000, 2, 0, 2)),
        [("conntrack_full", Critical)]
    );
}

#[test]
fn without_a_limit_or_an_interval_nothing_is_full() {
    let mut unlimited = conntrack(1_000_000, 0, 0, 0);
    let table = unlimited.conntrack.as_mut().unwrap();
    (table.limit, table.fill_ratio) = (None, None);
    assert_eq!(of_namespace(unlimited), []);
    let totals = ConntrackTotals {
        drop: 9,
        early_drop: 9,
        insert_failed: 9,
    };
    let mut first = Snapshot::default();
    first.namespaces.push(NetnsSnapshot {
        network: Some(NetnsNetwork {
            conntrack: Some(Conntrack {
                count: 1,
                max: Some(0),
                totals: Some(totals),
            }),
            ..NetnsNetwork::default()
        }),
        ..NetnsSnapshot::default()
    });
    let alone = report(&first, None);
    assert_eq!(
        rules(&alone.findings),
        [],
        "since the namespace was created"
    );
    let table = alone.namespaces[0].conntrack.unwrap();
    assert_eq!((table.limit, table.drops), (None, None), "0 is no limit");
}

#[test]
fn rp_filter_drops_are_a_warning_at_the_rate_of_a_client_that_is_cut_off() {
    let dropped = |drops: u64, seconds: u64| {
        of_namespace(NamespaceReport {
            rp_filter_drops: Some(drops),
            rp_filter_drops_per_second: Some(drops as f64 / seconds as f64),
            ..NamespaceReport::default()
        })
    };
    assert_eq!(dropped(0, 2), []);
    assert_eq!(dropped(2, 1), [("rp_filter_drops", Info)]);
    assert_eq!(
        dropped(3, 4),
        [("rp_filter_drops", Info)],
        "scattered forged sources"
    );
    assert_eq!(dropped(3, 3), [("rp_filter_drops", Warning)]);
}

#[test]
fn the_remedy_loosens_the_strict_filter() {
    let filter = |interface: &str, mode| ReversePathFilter {
        interface: interface.into(),
        mode,
    };
    let remedy = |rp_filter| {
        let namespace = NamespaceReport {
            rp_filter_drops: Some(9),
            rp_filter,
            ..NamespaceReport::default()
        };
        concluded(HostReport::default(), namespace)[0].remedy[0].clone()
    };
    let strict = remedy(vec![filter("eth0", 2), filter("eth1.100", 1)]);
    assert!(
        strict.starts_with("sysctl -w net/ipv4/conf/eth1.100/rp_filter=2 "),
        "{strict}"
    );
    assert!(remedy(vec![filter("eth0", 2)]).starts_with("add a route"));
    let hostile = remedy(vec![filter("a;reboot", 1)]);
    assert!(
        hostile.contains("'net/ipv4/conf/a;reboot/rp_filter=2'"),
        "{hostile}"
    );
}

fn interface(change: impl FnOnce(&mut InterfaceReport)) -> Vec<Rule> {
    let mut interface = InterfaceReport {
        name: "eth0".into(),
        received: 9990,
        sent: 9990,
        ..InterfaceReport::default()
    };
    change(&mut interface);
    of_namespace(NamespaceReport {
        losing: vec![interface],
        ..NamespaceReport::default()
    })
}

#[test]
fn an_interface_loses_packets_from_one_in_a_thousand_on() {
    let lost = [("interface_drops", Warning)];
    assert_eq!(
        interface(|one| one.rx_missed_errors = 9),
        [],
        "fewer than 10"
    );
    assert_eq!(interface(|one| one.rx_missed_errors = 10), lost);
    assert_eq!(
        interface(|one| (one.rx_errors, one.received) = (10, 9991)),
        []
    );
    assert_eq!(interface(|one| one.tx_dropped = 10), lost);
    assert_eq!(interface(|one| (one.tx_errors, one.sent) = (10, 0)), lost);
    assert_eq!(
        interface(|one| (one.rx_missed_errors, one.tx_dropped) = (5, 5)),
        []
    );
}

/// Packets of protocols that nobody handles count as dropped.
#[test]
fn ignored_packets_are_no_loss() {
    assert_eq!(
        interface(|one| one.rx_dropped = 99),
        [],
        "less than one in a hundred"
    );
    assert_eq!(
        interface(|one| one.rx_dropped = 100),
        [("interface_drops", Info)]
    );
    assert_eq!(interface(|one| (one.rx_dropped, one.received) = (9, 9)), []);
    let port = interface(|one| (one.rx_dropped, one.is_port) = (9990, true));
    assert_eq!(port, [], "a bridge passes them on");
}

#[test]
fn an_unhandled_packet_on_an_inactive_port_and_another_interface_of_the_name_lose_nothing() {
    let snapshot = |index, stats| {
        let mut snapshot = Snapshot::default();
        snapshot.namespaces.push(NetnsSnapshot {
            network: Some(NetnsNetwork {
                interfaces: Some(vec![Interface {
                    index,
                    name: "eth0".into(),
                    stats,
                    ..Interface::default()
                }]),
                ..NetnsNetwork::default()
            }),
            ..NetnsSnapshot::default()
        });
        snapshot
    };
    let none = InterfaceStats::default();
    let nohandler = InterfaceStats {
        rx_nohandler: Some(5000),
        ..none
    };
    let errors = InterfaceStats {
        rx_errors: 5000,
        ..none
    };
    let losing = |now: &Snapshot, before: &Snapshot| {
        let report = report(now, Some((before, Duration::from_secs(SECONDS))));
        report.namespaces[0].losing.len()
    };
    assert_eq!(losing(&snapshot(2, nohandler), &snapshot(2, none)), 0);
    assert_eq!(losing(&snapshot(2, errors), &snapshot(2, none)), 1);
    assert_eq!(
        losing(&snapshot(3, errors), &snapshot(2, none)),
        0,
        "created since"
    );
    assert_eq!(losing(&snapshot(2, none), &snapshot(2, errors)), 0, "reset");
}

fn softnet(dropped: u64, flow_limit: u64, time_squeeze: u64) -> HostReport {
    HostReport {
        softnet: Some(SoftnetReport {
            processed: 100,
            dropped,
            flow_limit,
            time_squeeze,
        }),
        netdev_max_backlog: Some(1000),
        ..HostReport::default()
    }
}

#[test]
fn a_squeeze_drops_nothing() {
    assert_eq!(of_host(softnet(0, 0, 500)), []);
    assert_eq!(of_host(softnet(1, 0, 0)), [("softnet_drops", Warning)]);
    let remedy = |host| concluded(host, NamespaceReport::default())[0].remedy[0].clone();
    assert!(remedy(softnet(5, 0, 0)).starts_with("sysctl -w net.core.netdev_max_backlog=2000 "));
    assert!(remedy(softnet(5, 5, 0)).contains("flow_limit"));
}

/// What the queue of a CPU drops counts as `rx_dropped` of the interface, too.
#[test]
fn packets_that_a_cpu_dropped_are_not_reported_twice() {
    let namespace = NamespaceReport {
        losing: vec![InterfaceReport {
            name: "lo".into(),
            received: 100,
            rx_dropped: 100,
            ..InterfaceReport::default()
        }],
        ..NamespaceReport::default()
    };
    let found = rules(&concluded(softnet(100, 0, 0), namespace));
    assert_eq!(found, [("softnet_drops", Warning)]);
}

#[test]
fn softnet_is_compared_cpu_by_cpu_and_wraps() {
    let cpu = |cpu, dropped| SoftnetCpu {
        cpu: Some(cpu),
        dropped,
        ..SoftnetCpu::default()
    };
    let snapshot = |softnet| Snapshot {
        host_network: Some(HostNetwork {
            softnet: Some(softnet),
            ..HostNetwork::default()
        }),
        ..Snapshot::default()
    };
    let before = snapshot(vec![cpu(0, u32::MAX), cpu(2, 7)]);
    let now = snapshot(vec![cpu(0, 1), cpu(1, 50), cpu(2, 7)]);
    let report = report(&now, Some((&before, Duration::from_secs(SECONDS))));
    assert_eq!(report.host.softnet.unwrap().dropped, 2, "CPU 1 came online");
}

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

fn memory(pages: u64) -> MemoryReport {
    MemoryReport {
        pages: Some(pages),
        low: Some(100),
        pressure: Some(200),
        high: Some(300),
        used_ratio: Some(pages as f64 / 300.0),
    }
}

#[test]
fn tcp_is_under_pressure_above_the_second_value_and_udp_above_the_first() {
    let tcp = |pages| {
        of_host(HostReport {
            tcp_memory: memory(pages),
            ..HostReport::default()
        })
    };
    assert_eq!(tcp(200), []);
    assert_eq!(tcp(201), [("tcp_memory_pressure", Critical)]);
    let udp = |pages| {
        of_host(HostReport {
            udp_memory: memory(pages),
            ..HostReport::default()
        })
    };
    assert_eq!(udp(100), []);
    assert_eq!(udp(101), [("udp_memory_pressure", Warning)]);
}

fn events(host: HostReport, change: impl FnOnce(&mut MemoryEvents)) -> Vec<Rule> {
    let mut memory_events = MemoryEvents::default();
    change(&mut memory_events);
    let namespace = NamespaceReport {
        memory_events,
        ..NamespaceReport::default()
    };
    rules(&concluded(host, namespace))
}

#[test]
fn pressure_that_has_passed_is_shown_by_a_counter() {
    let none = HostReport::default;
    let pressed = |one: &mut MemoryEvents| one.tcp_pressures = Some(1);
    assert_eq!(events(none(), pressed), [("tcp_memory_pressure", Critical)]);
    assert_eq!(events(none(), |one| one.tcp_pressures = Some(0)), []);
    assert_eq!(
        events(none(), |one| one.udp_drops = Some(1)),
        [("udp_memory_pressure", Warning)]
    );
    let still = HostReport {
        tcp_memory: memory(201),
        ..none()
    };
    assert_eq!(
        events(still, pressed),
        [("tcp_memory_pressure", Critical)],
        "once"
    );
}

/// Full buffers of single sockets have these counters move on hosts with memory to spare.
#[test]
fn a_full_buffer_of_one_socket_is_no_memory_pressure() {
    let full = |one: &mut MemoryEvents| {
        one.pruned = Some(500);
        one.receive_queue_drops = Some(500);
        one.busy_socket_drops = Some(500);
    };
    assert_eq!(events(HostReport::default(), full), []);
}

#[test]
fn orphans_are_near_their_limit_from_four_fifths_on() {
    let orphans = |orphans: u64| HostReport {
        orphans: Some(orphans),
        max_orphans: Some(100),
        orphans_ratio: Some(orphans as f64 / 100.0),
        ..HostReport::default()
    };
    let near = [("orphans_near_limit", Warning)];
    assert_eq!(of_host(orphans(79)), []);
    assert_eq!(of_host(orphans(80)), near);
    let aborted = |one: &mut MemoryEvents| one.aborted = Some(3);
    assert_eq!(
        events(orphans(30), aborted),
        near,
        "those without an answer at a quarter"
    );
    assert_eq!(events(orphans(90), aborted), near, "once");
    let short = HostReport {
        tcp_memory: memory(250),
        ..HostReport::default()
    };
    assert_eq!(events(short, aborted), [("tcp_memory_pressure", Critical)]);
}

fn group(state: State, change: impl FnOnce(&mut HalfClosedReport)) -> NamespaceReport {
    let mut group = HalfClosedReport {
        state,
        side: Side::Server,
        service: Address {
            address: [10, 0, 0, 1].into(),
            port: 80,
        },
        held: 0,
        unheld: 0,
        held_delta: Some(0),
        unheld_delta: Some(0),
        oldest_seconds: None,
        owners: vec![Owner {
            pid: 7,
            name: "api".into(),
            fd: 5,
        }],
    };
    change(&mut group);
    NamespaceReport {
        half_closed: vec![group],
        traffic: Traffic {
            handshakes: Some(100),
            ..Traffic::default()
        },
        ..NamespaceReport::default()
    }
}

fn held(state: State, held: u64, delta: Option<i64>, oldest: f64) -> Vec<Rule> {
    of_namespace(group(state, |group| {
        (group.held, group.held_delta) = (held, delta);
        group.oldest_seconds = Some(oldest);
    }))
}

#[test]
fn a_close_wait_leak_grows_while_the_oldest_stay_or_is_large_and_old() {
    let leak = [("close_wait_leak", Warning)];
    let of = |number, delta, oldest| held(State::CloseWait, number, delta, oldest);
    assert_eq!(of(30, Some(10), 10.0), leak);
    assert_eq!(of(30, Some(9), 10.0), []);
    assert_eq!(of(100, Some(0), 60.0), leak);
    assert_eq!(of(100, None, 60.0), leak, "at the first reading");
    assert_eq!(of(99, Some(0), 60.0), []);
    assert_eq!(of(100, Some(0), 59.9), []);
}

/// A burst comes and is worked off; a pool keeps what the server has closed until it needs it.
#[test]
fn what_is_worked_off_and_what_stays_small_is_no_leak() {
    let of = |number, delta, oldest| held(State::CloseWait, number, delta, oldest);
    assert_eq!(of(5000, Some(5000), 1.5), [], "a burst");
    assert_eq!(of(5000, Some(-200), 70.0), [], "being worked off");
    assert_eq!(of(20, Some(0), 900.0), [], "a pool");
    let unaccepted = group(State::CloseWait, |group| {
        (group.unheld, group.unheld_delta) = (5000, Some(5000));
    });
    assert_eq!(of_namespace(unaccepted), [], "the accept queue's");
}

#[test]
fn a_leak_names_its_holder_and_how_to_see_it() {
    let namespace = group(State::CloseWait, |group| {
        (group.held, group.held_delta) = (130, Some(12));
        group.oldest_seconds = Some(75.0);
    });
    let found = concluded(HostReport::default(), namespace);
    let leak = &found[0];
    assert_eq!(leak.subject, "10.0.0.1:80");
    assert_eq!(
        leak.message,
        "130 connections in CLOSE_WAIT held by api (7), 12 more than at the previous reading; the \
         oldest for at least 75 s"
    );
    assert_eq!(
        leak.next,
        [
            "ss -tanop state close-wait '( sport = :80 )'",
            "sockdiag fds --pid 7 --types"
        ]
    );
    assert!(leak.inferred);
}

#[test]
fn fin_waits_pile_up_where_they_wait_longer_than_the_interval() {
    let pileup = [("fin_wait_pileup", Warning)];
    let unheld = |state, unheld, delta| {
        of_namespace(group(state, |group| {
            (group.unheld, group.unheld_delta) = (unheld, Some(delta));
        }))
    };
    assert_eq!(unheld(State::FinWait1, 201, 101), pileup);
    assert_eq!(
        unheld(State::FinWait1, 201, 102),
        [],
        "99 at the reading before"
    );
    assert_eq!(
        unheld(State::FinWait1, 200, 0),
        [],
        "handshakes explain them"
    );
    assert_eq!(unheld(State::FinWait1, 500, -1), [], "being worked off");
    assert_eq!(
        unheld(State::FinWait2, 5000, 0),
        [],
        "tcp_fin_timeout ends them"
    );
    assert_eq!(held(State::FinWait2, 100, Some(0), 60.0), pileup);
    assert_eq!(held(State::FinWait1, 30, Some(10), 10.0), pileup);
    assert_eq!(held(State::FinWait2, 30, Some(10), 9.0), []);
}

#[test]
fn a_command_of_another_tool_names_the_namespace() {
    let namespace = NamespaceReport {
        netns: Netns {
            inode: Some(1),
            name: Some("my ns".into()),
        },
        ..conntrack(1000, 0, 0, 0)
    };
    let found = concluded(HostReport::default(), namespace);
    assert_eq!(found[0].next, ["ip netns exec 'my ns' conntrack -S"]);
}

#[test]
fn growth_is_that_between_two_scans() {
    let snapshot = |at: u64, held| {
        let key = HalfClosedKey {
            state: State::CloseWait,
            service: ServiceEnd::Local(Address {
                address: [10, 0, 0, 1].into(),
                port: 80,
            }),
        };
        let group = HalfClosedGroup {
            held,
            ..HalfClosedGroup::default()
        };
        let half_closed = HalfClosed {
            at: Duration::from_secs(at),
            groups: vec![(key, group)],
            ungrouped: 0,
        };
        Snapshot {
            namespaces: vec![NetnsSnapshot {
                half_closed: Some(Arc::new(half_closed)),
                ..NetnsSnapshot::default()
            }],
            ..Snapshot::default()
        }
    };
    let delta = |now: &Snapshot, before: &Snapshot| {
        let report = report(now, Some((before, Duration::from_secs(SECONDS))));
        report.namespaces[0].half_closed[0].held_delta
    };
    assert_eq!(delta(&snapshot(12, 30), &snapshot(10, 10)), Some(20));
    assert_eq!(
        delta(&snapshot(12, 30), &snapshot(12, 30)),
        None,
        "the same scan"
    );
}

#[test]
fn what_is_not_visible_is_no_finding() {
    let pages = ProtocolMemory {
        pages: Some(1 << 40),
        limits: None,
    };
    let snapshot = Snapshot {
        host_network: Some(HostNetwork {
            tcp_memory: pages,
            udp_memory: pages,
            orphans: Some(1 << 40),
            ..HostNetwork::default()
        }),
        ..Snapshot::default()
    };
    let report = report(&snapshot, None);
    assert_eq!(rules(&report.findings), []);
    assert_eq!(report.host.tcp_memory.used_ratio, None);
}

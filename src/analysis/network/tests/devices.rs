//! Packets that interfaces and CPUs drop.

use super::*;

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
    assert_eq!(of_host(softnet(1, 0, 0)), [("softnet_drops", Info)]);
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

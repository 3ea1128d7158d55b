//! A snapshot survives being stored.

use std::{collections::HashSet, net::IpAddr};

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::model::{
    BootLine, BootSettings, CallKind, Connection, CounterId, CpuQuota, Doing, Endpoint, Families,
    Family, FdLimits, Freezer, ListenAddresses, Local, Owner, Place, PortSet, Pressure, ProcessFds,
    Protocol, Queue, Relative, Stalled, State, Sysctl, SystemCall, SystemFds, ThreadActivity,
    Waiting,
};

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let family = prop_oneof![Just(Family::V4), Just(Family::V6)];
    let parts = (family, any::<IpAddr>(), any::<u16>(), 0..4u32);
    parts.prop_map(|(family, address, port, interface)| Endpoint {
        family,
        address,
        port,
        interface,
    })
}

fn listener() -> impl Strategy<Value = Listener> {
    let protocol = prop_oneof![
        Just(Protocol::Tcp),
        Just(Protocol::Mptcp),
        Just(Protocol::Unix),
        Just(Protocol::Udp)
    ];
    let local = prop_oneof![
        endpoint().prop_map(Local::Inet),
        vec(any::<u8>(), 0..9).prop_map(Local::Unix)
    ];
    let accept = any::<(u32, u32)>().prop_map(|(length, limit)| Queue::Accept { length, limit });
    let receive = any::<(u32, Option<u32>)>()
        .prop_map(|(bytes, limit_bytes)| Queue::Receive { bytes, limit_bytes });
    let numbers = any::<(
        Option<bool>,
        Option<u32>,
        Option<u32>,
        u32,
        u64,
        Option<u64>,
    )>();
    (protocol, local, prop_oneof![accept, receive], numbers).prop_map(
        |(protocol, local, queue, (v6only, drops, uid, inode, cookie, cgroup_id))| Listener {
            protocol,
            local,
            v6only,
            queue,
            drops,
            uid,
            inode,
            cookie,
            cgroup_id,
        },
    )
}

fn connection() -> impl Strategy<Value = Connection> {
    let state = prop::sample::select(&State::ALL[..]);
    let numbers = any::<(IpAddr, u16, u32, Option<bool>)>();
    (endpoint(), state, option::of(0..70_000u32), numbers).prop_map(
        |(local, state, left_ms, (peer, peer_port, inode, port_at_connect))| Connection {
            local,
            peer,
            peer_port,
            state,
            left_ms,
            inode,
            port_at_connect,
            is_held_up: inode % 3 == 0,
        },
    )
}

/// What the tallies make of these sockets.
fn tallied(connections: &[Connection], listening: &ListenAddresses, at: Duration) -> NetnsSnapshot {
    let mut ports = PortTally::new(0..=u16::MAX, listening, 1000, true);
    let addresses = HashSet::new();
    let mut time_waits = FlowTally::new(HostEnds {
        listening,
        addresses: &addresses,
        ephemeral: 32_768..=60_999,
    });
    let mut states = ConnectionTally::default();
    let mut half_closed = HalfClosedTally::new(listening, Some(32_768..=60_999));
    for connection in connections {
        ports.add(connection);
        ports.add_bound(&connection.local, connection.inode);
        time_waits.add(connection, connection.left_ms.unwrap_or(0));
        states.add(connection.state);
        half_closed.add(connection);
    }
    NetnsSnapshot {
        port_holders: Some(Arc::new(ports.finish(at, true))),
        time_waits: Some(Arc::new(time_waits.finish(at, Vec::new()))),
        connections: Some(states),
        half_closed: Some(Arc::new(half_closed.finish(at))),
        ..NetnsSnapshot::default()
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let numbers = any::<[Option<u32>; 3]>();
    (numbers, vec(any::<u16>(), 0..700), any::<(u16, u16)>()).prop_map(
        |([somaxconn, tcp_syncookies, tcp_tw_reuse], reserved, (low, high))| Settings {
            listen: ListenLimits {
                somaxconn,
                tcp_syncookies,
                ..ListenLimits::default()
            },
            ports: PortLimits {
                range: (low <= high).then_some(low..=high),
                reserved: reserved.into_iter().collect::<PortSet>(),
                tcp_tw_reuse,
                ..PortLimits::default()
            },
        },
    )
}

fn waiting() -> impl Strategy<Value = Waiting> {
    let numbers = any::<(u64, Option<u32>, u32, bool)>();
    (endpoint(), numbers).prop_map(|(local, (cookie, wait_ms, bytes, hung_up))| Waiting {
        local,
        cookie,
        wait_ms,
        bytes,
        hung_up,
    })
}

fn requests() -> impl Strategy<Value = Requests> {
    any::<(u32, u32, u32)>().prop_map(|(count, unanswered, peers)| Requests {
        count,
        unanswered,
        peers,
    })
}

fn namespace() -> impl Strategy<Value = NetnsSnapshot> {
    let sockets = (vec(listener(), 0..4), vec(connection(), 0..40));
    let queues = (vec((endpoint(), requests()), 0..4), vec(waiting(), 0..4));
    let counters = vec((".{0,9}", ".{0,9}", any::<i64>()), 0..4);
    let names = any::<(Option<u64>, Option<String>, u64, bool)>();
    let parts = (settings(), option::of(netns_network()));
    (sockets, queues, parts, counters, names).prop_map(
        |(
            (listeners, connections),
            (by_endpoint, waiting),
            (settings, network),
            counters,
            names,
        )| {
            let (inode, name, at, settled) = names;
            let at = Duration::from_nanos(at);
            let listening = ListenAddresses::of(&listeners);
            let counters = counters.into_iter();
            let values = counters
                .map(|(table, name, value)| (CounterId::new(table, name), i128::from(value)));
            NetnsSnapshot {
                netns: Netns {
                    inode,
                    name,
                    ..Netns::default()
                },
                at,
                settings,
                network,
                sysctls: sysctls("net.core.somaxconn"),
                counters: Counters {
                    values: values.collect(),
                },
                interfaces: BTreeMap::from([(3, "eth0".to_owned())]),
                half_open: Some(HalfOpen { at, by_endpoint }),
                waiting: Some(WaitingConnections {
                    sockets: waiting,
                    settled,
                }),
                listeners: Some(Listeners {
                    families: Families::BOTH,
                    history: LimitHistory {
                        somaxconn: listeners.iter().map(|one| one.inode).collect(),
                        set_under: listeners.iter().map(|one| (one.cookie, 7)).collect(),
                    },
                    sockets: listeners,
                }),
                ..tallied(&connections, &listening, at)
            }
        },
    )
}

fn processes() -> impl Strategy<Value = Processes> {
    let one = (any::<u32>(), ".{0,15}", any::<[Option<u64>; 3]>());
    vec(one, 0..4).prop_map(|found| {
        let process =
            |(pid, name, [began, open, soft]): (u32, String, [Option<u64>; 3])| ProcessFds {
                pid,
                name,
                began,
                open,
                limits: soft.map(|soft| FdLimits { soft, hard: soft }),
                ..ProcessFds::default()
            };
        let processes: Vec<ProcessFds> = found.into_iter().map(process).collect();
        let chain = |process: &ProcessFds| (process.pid, vec![Relative::default()]);
        Processes {
            system: SystemFds::default(),
            ancestors: processes.iter().map(chain).collect(),
            processes,
        }
    })
}

fn owners() -> impl Strategy<Value = Owners> {
    let one = (any::<u32>(), any::<u32>(), ".{0,15}", any::<u32>());
    (vec(one, 0..4), any::<(bool, u64)>()).prop_map(|(found, (complete, unreadable))| Owners {
        cgroups: found.iter().map(|one| (one.1, one.2.clone())).collect(),
        by_inode: found
            .into_iter()
            .map(|(inode, pid, name, fd)| (inode, vec![Owner { pid, name, fd }]))
            .collect(),
        complete,
        unreadable,
        ..Owners::default()
    })
}

fn thread() -> impl Strategy<Value = ThreadActivity> {
    let call = (any::<Option<u32>>(), option::of(vec(any::<u32>(), 0..3))).prop_map(
        |(number, waits_for)| {
            Doing::Call(SystemCall {
                number,
                kind: number.map(|_| CallKind::Futex),
                fd: number,
                file: None,
                waits_for,
            })
        },
    );
    let doing = prop_oneof![Just(Doing::Running), Just(Doing::Kernel), call];
    (
        any::<(u32, char, Option<u64>)>(),
        ".{0,15}",
        option::of(doing),
    )
        .prop_map(|((tid, state, on_cpu_ns), name, doing)| ThreadActivity {
            tid,
            name,
            state,
            on_cpu_ns,
            doing,
            ..ThreadActivity::default()
        })
}

fn activity() -> impl Strategy<Value = Vec<ProcessActivity>> {
    let one = (any::<(u32, u64, Option<bool>)>(), vec(thread(), 0..3));
    let process = one.prop_map(|((pid, number, flag), threads)| ProcessActivity {
        pid,
        at: Duration::from_nanos(number),
        threads,
        io_uring: flag,
        freezer: flag.map(|frozen| Freezer {
            frozen,
            ..Freezer::default()
        }),
        cpu_quotas: flag.map(|_| vec![CpuQuota::default()]),
        pressure: Pressure {
            cpu: flag.map(|_| Stalled::default()),
            ..Pressure::default()
        },
        ..ProcessActivity::default()
    });
    vec(process, 0..3)
}

fn host_network() -> impl Strategy<Value = HostNetwork> {
    let cpu = any::<([u32; 3], [Option<u32>; 2])>().prop_map(|(numbers, [cpu, flow_limit])| {
        let [processed, dropped, time_squeeze] = numbers;
        SoftnetCpu {
            cpu,
            processed,
            dropped,
            time_squeeze,
            flow_limit,
        }
    });
    let memory = any::<(Option<u64>, Option<[u64; 3]>)>().prop_map(|(pages, limits)| {
        let limits = limits.map(|[low, pressure, high]| MemoryLimits {
            low,
            pressure,
            high,
        });
        ProtocolMemory { pages, limits }
    });
    let numbers = any::<(Option<u32>, [Option<u64>; 2])>();
    (
        option::of(vec(cpu, 0..3)),
        [memory.clone(), memory],
        numbers,
    )
        .prop_map(|(softnet, [tcp_memory, udp_memory], numbers)| HostNetwork {
            softnet,
            netdev_max_backlog: numbers.0,
            tcp_memory,
            udp_memory,
            orphans: numbers.1[0],
            max_orphans: numbers.1[1],
        })
}

fn netns_network() -> impl Strategy<Value = NetnsNetwork> {
    let conntrack =
        any::<(u64, Option<u64>, Option<[u64; 3]>)>().prop_map(|(count, max, totals)| {
            let totals = totals.map(|[drop, early_drop, insert_failed]| ConntrackTotals {
                drop,
                early_drop,
                insert_failed,
            });
            Conntrack { count, max, totals }
        });
    let numbers = any::<([u64; 2], Option<u64>)>();
    let interface = (
        any::<u32>(),
        ".{0,15}",
        option::of(".{0,9}"),
        any::<Option<u32>>(),
        numbers,
    );
    let interface = interface.prop_map(|(index, name, kind, master, numbers)| Interface {
        index,
        name,
        kind,
        master,
        stats: InterfaceStats {
            rx_packets: numbers.0[0],
            tx_dropped: numbers.0[1],
            rx_nohandler: numbers.1,
            ..InterfaceStats::default()
        },
    });
    let filter = (".{0,15}", any::<u32>());
    let filter = filter.prop_map(|(interface, mode)| ReversePathFilter { interface, mode });
    let interfaces = option::of(vec(interface, 0..3));
    (option::of(conntrack), interfaces, vec(filter, 0..3)).prop_map(
        |(conntrack, interfaces, rp_filter)| NetnsNetwork {
            conntrack,
            interfaces,
            rp_filter,
        },
    )
}

fn sysctls(key: &str) -> Sysctls {
    let unreadable = Sysctl::Unreadable("permission denied".to_owned());
    Sysctls::from([
        (key.to_owned(), Sysctl::Value("128".to_owned())),
        ("fs.absent".to_owned(), Sysctl::Absent),
        ("fs.unreadable".to_owned(), unreadable),
    ])
}

fn host_settings() -> HostSettings {
    let line = BootLine {
        key: "fs.nr_open".to_owned(),
        value: Some("7".to_owned()),
        place: Place {
            file: "/etc/sysctl.conf".to_owned(),
            line: 3,
        },
    };
    HostSettings {
        sysctls: sysctls("fs.nr_open"),
        memory_bytes: Some(1 << 40),
        page_bytes: 4096,
        softnet_dropped: None,
        boot: Some(BootSettings {
            lines: vec![
                line.clone(),
                BootLine {
                    value: None,
                    ..line
                },
            ],
            ..BootSettings::default()
        }),
    }
}

fn snapshot() -> impl Strategy<Value = Snapshot> {
    let head = (any::<(i64, u64)>(), option::of(".*"), ".*", ".*");
    let host = (
        option::of(processes()),
        option::of(owners()),
        option::of(host_network()),
        activity(),
    );
    (head, vec(namespace(), 0..3), host).prop_map(
        |(
            ((time_ms, at), boot_id, host, kernel),
            namespaces,
            (processes, owners, host_network, activity),
        )| Snapshot {
            time_ms,
            at: Duration::from_nanos(at),
            boot_id,
            host,
            kernel,
            elsewhere: namespaces.first().map(|other| Elsewhere {
                count: 3,
                namespaces: vec![other.clone()],
            }),
            namespaces,
            processes,
            host_settings: Some(host_settings()),
            owners: owners.map(Arc::new),
            host_network,
            pressure: activity.first().map(|process| process.pressure),
            activity,
            cgroups: BTreeMap::from([(7, "/system.slice".to_owned())]),
            incomplete: vec![Incomplete::counted("owners", "why", 3)],
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_stored_is_read_back_equal(snapshot in snapshot()) {
        let bytes = serde_json::to_vec(&snapshot).unwrap();
        let read: Snapshot = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(read, snapshot);
    }
}

#[test]
fn only_a_new_walk_renews_what_changes_are_computed_from() {
    let taken = |at, walked| {
        let listening = ListenAddresses::default();
        let mut namespace = tallied(&[], &listening, Duration::from_secs(walked));
        namespace.at = Duration::from_secs(at);
        Snapshot {
            at: Duration::from_secs(at),
            namespaces: vec![namespace],
            ..Snapshot::default()
        }
    };
    let (first, reused, renewed) = (taken(10, 10), taken(12, 10), taken(14, 13));
    assert!(!reused.renews(&first));
    assert!(renewed.renews(&first));
    assert_eq!(reused.walk_age(), Some(Duration::from_secs(2)));
    let without = |at| Snapshot {
        at: Duration::from_secs(at),
        ..Snapshot::default()
    };
    assert!(without(12).renews(&without(10)));
}

#[test]
fn nine_of_ten_ports_need_as_many_sockets() {
    let with = |inuse, tw| {
        let number = |table, name, value| (CounterId::new(table, name), value);
        let mut namespace = NetnsSnapshot::default();
        namespace.settings.ports.range = Some(100..=119);
        namespace.counters.values = vec![
            number("sockstat.TCP", "inuse", inuse),
            number("sockstat6.TCP6", "inuse", 2),
            number("sockstat.TCP", "tw", tw),
        ];
        namespace
    };
    assert!(!with(10, 5).may_lack_ports());
    assert!(with(10, 6).may_lack_ports());
    assert_eq!(with(10, 6).timewait_sockets(), Some(6));
    let mut reserved = with(10, 5);
    reserved.settings.ports.reserved = [100, 101, 5000].into_iter().collect();
    assert!(reserved.may_lack_ports(), "18 ports");
    let unknown = NetnsSnapshot::default();
    assert!(!unknown.may_lack_ports());
    assert_eq!(unknown.timewait_sockets(), None);
}

//! Readings of queues, written by hand, for the library alone.

use std::net::IpAddr;
use std::time::Duration;

use sockdiag::analysis::queues::{ListenerReport, QueueReport, Selection, report};
use sockdiag::model::{
    CounterId, Counters, Endpoint, Family, ListenLimits, Listener, Local, NetnsSnapshot, Protocol,
    Queue, Snapshot,
    snapshot::{Listeners, Settings},
};

/// From one reading to the next.
pub const SECONDS: Duration = Duration::from_secs(2);

/// A local end; device 0 is none.
pub fn endpoint(address: &str, port: u16, interface: u32) -> Endpoint {
    let address: IpAddr = address.parse().expect("an address");
    let family = if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    Endpoint {
        family,
        address,
        port,
        interface,
    }
}

/// A TCP listener with its number as cookie and inode.
pub fn listener(number: u32, local: Endpoint, length: u32, limit: u32) -> Listener {
    Listener {
        protocol: Protocol::Tcp,
        local: Local::Inet(local),
        v6only: Some(false),
        queue: Queue::Accept { length, limit },
        drops: Some(0),
        uid: Some(0),
        inode: number,
        cookie: number.into(),
        cgroup_id: None,
    }
}

/// This listener after `drops` drops.
pub fn with_drops(drops: u32, listener: Listener) -> Listener {
    Listener {
        drops: Some(drops),
        ..listener
    }
}

/// A namespace with these listeners and the usual sysctls.
pub fn namespace(listeners: Vec<Listener>) -> NetnsSnapshot {
    NetnsSnapshot {
        listeners: Some(Listeners {
            sockets: listeners,
            ..Listeners::default()
        }),
        settings: Settings {
            listen: ListenLimits {
                somaxconn: Some(4096),
                tcp_max_syn_backlog: Some(1024),
                tcp_syncookies: Some(1),
            },
            ..Settings::default()
        },
        counters: overflows(0),
        ..NetnsSnapshot::default()
    }
}

/// `ListenOverflows` with this value.
pub fn overflows(value: i128) -> Counters {
    Counters {
        values: vec![(CounterId::new("TcpExt", "ListenOverflows"), value)],
    }
}

/// A reading of one namespace.
pub fn reading(namespace: NetnsSnapshot) -> Snapshot {
    Snapshot {
        namespaces: vec![namespace],
        ..Snapshot::default()
    }
}

/// The report on a reading that has none before it.
pub fn first_report(reading: &Snapshot) -> QueueReport {
    report(reading, None, &Selection::default())
}

/// The report on a reading and the one before.
pub fn next_report(now: &Snapshot, before: &Snapshot) -> QueueReport {
    report(now, Some((before, SECONDS)), &Selection::default())
}

/// The element of the listener with this number.
#[track_caller]
pub fn listener_report(report: &QueueReport, number: u32) -> &ListenerReport {
    let mut all = report.listeners.iter();
    all.find(|listener| listener.inode == number)
        .unwrap_or_else(|| panic!("no listener {number} in {report:#?}"))
}

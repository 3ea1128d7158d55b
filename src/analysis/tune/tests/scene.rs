//! A host written by hand.

use std::{sync::Arc, time::Duration};

use super::super::{Selection, SettingReport, TuneReport, report};
use crate::model::{
    Connection, CounterId, Endpoint, Family, HostSettings, ListenAddresses, Listener, Netns,
    NetnsSnapshot, ProcessFds, Protocol, Queue, Snapshot, State, Sysctl, SystemFds,
    snapshot::{HalfOpen, Listeners, PortTally, Processes, Requests},
};

/// Settings of the first namespace of a host with 6.18 and 24 GB.
pub struct Scene(pub Snapshot);

impl Scene {
    /// All that the rules ask for is there, and nothing is wrong.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        let of = |is_net: bool| {
            let chosen = settings
                .iter()
                .filter(move |(key, _)| key.starts_with("net.") == is_net);
            chosen.map(|(key, value)| ((*key).to_owned(), Sysctl::Value((*value).to_owned())))
        };
        let mut namespace = NetnsSnapshot {
            netns: Netns {
                inode: Some(1),
                name: None,
                ..Netns::default()
            },
            sysctls: of(true).collect(),
            listeners: Some(Listeners::default()),
            ..NetnsSnapshot::default()
        };
        let number = |key: &str| {
            let found = settings.iter().find(|(other, _)| *other == key);
            found.and_then(|(_, value)| value.parse().ok())
        };
        namespace.settings.listen.somaxconn = number("net.core.somaxconn").or(Some(4096));
        namespace.settings.listen.tcp_syncookies = number("net.ipv4.tcp_syncookies").or(Some(1));
        namespace.settings.listen.tcp_max_syn_backlog =
            number("net.ipv4.tcp_max_syn_backlog").or(Some(2048));
        namespace.settings.ports.tcp_tw_reuse = number("net.ipv4.tcp_tw_reuse").or(Some(2));
        namespace.settings.ports.tcp_timestamps = number("net.ipv4.tcp_timestamps").or(Some(1));
        Scene(Snapshot {
            kernel: "6.18.44".to_owned(),
            host_settings: Some(HostSettings {
                sysctls: of(false).collect(),
                memory_bytes: Some(24_684_084 * 1024),
                page_bytes: 4096,
                softnet_dropped: Some(0),
                boot: None,
            }),
            namespaces: vec![namespace],
            ..Snapshot::default()
        })
    }

    fn netns(&mut self) -> &mut NetnsSnapshot {
        &mut self.0.namespaces[0]
    }

    pub fn counter(mut self, table: &str, name: &str, value: i128) -> Self {
        let values = &mut self.netns().counters.values;
        values.retain(|(id, _)| *id != CounterId::new(table, name));
        values.push((CounterId::new(table, name), value));
        self
    }

    /// A listener at 127.0.0.1, or a UDP socket.
    pub fn listener(mut self, port: u16, queue: Queue, drops: u32) -> Self {
        let is_udp = matches!(queue, Queue::Receive { .. });
        let listener = Listener {
            queue,
            drops: Some(drops),
            cookie: port.into(),
            protocol: if is_udp { Protocol::Udp } else { Protocol::Tcp },
            ..Listener::idle(endpoint(port), port.into())
        };
        let listeners = self.netns().listeners.as_mut().unwrap();
        listeners.sockets.push(listener);
        self
    }

    /// Request sockets of the listener at this port.
    pub fn half_open(mut self, port: u16, count: u32) -> Self {
        let requests = Requests {
            count,
            ..Requests::default()
        };
        self.netns().half_open = Some(HalfOpen {
            at: Duration::ZERO,
            by_endpoint: vec![(endpoint(port), requests)],
        });
        self
    }

    /// Connections to 10.0.0.9:5432 from these ports.
    pub fn connections(
        mut self,
        range: (u16, u16),
        ports: impl Iterator<Item = u16>,
        state: State,
    ) -> Self {
        let listening = ListenAddresses::default();
        let mut tally = PortTally::new(range.0..=range.1, &listening, 1000, true);
        for port in ports {
            let is_closed = matches!(state, State::TimeWait);
            tally.add(&Connection {
                local: Endpoint {
                    address: "10.0.0.5".parse().unwrap(),
                    ..endpoint(port)
                },
                peer: "10.0.0.9".parse().unwrap(),
                peer_port: 5432,
                state,
                left_ms: is_closed.then_some(50_000),
                inode: if is_closed { 0 } else { port.into() },
                port_at_connect: Some(true),
                is_held_up: false,
            });
        }
        let holders = tally.finish(Duration::ZERO, true);
        self.netns().settings.ports.range = Some(range.0..=range.1);
        self.netns().port_holders = Some(Arc::new(holders));
        self
    }

    pub fn process(mut self, process: ProcessFds) -> Self {
        let processes = self.0.processes.get_or_insert_with(|| Processes {
            system: SystemFds {
                open: Some(1000),
                ..SystemFds::default()
            },
            ..Processes::default()
        });
        processes.processes.push(process);
        self
    }

    pub fn report(&self) -> TuneReport {
        report(&self.0, None, &Selection::default())
    }

    /// Ten seconds after `before`.
    pub fn since(&self, before: &Scene) -> TuneReport {
        let before = Some((&before.0, Duration::from_secs(10)));
        report(&self.0, before, &Selection::default())
    }

    #[track_caller]
    pub fn judged(&self, key: &str) -> SettingReport {
        one(&self.report(), key)
    }
}

#[track_caller]
pub fn one(report: &TuneReport, key: &str) -> SettingReport {
    let mut settings = report.settings.iter();
    let found = settings.find(|setting| setting.key == key);
    found.unwrap_or_else(|| panic!("no {key}")).clone()
}

pub fn accept(length: u32, limit: u32) -> Queue {
    Queue::Accept { length, limit }
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint {
        family: Family::V4,
        address: "127.0.0.1".parse().unwrap(),
        port,
        interface: 0,
    }
}

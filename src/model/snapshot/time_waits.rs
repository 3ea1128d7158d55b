//! What the kernel keeps of closed connections, counted by flow.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    ops::RangeInclusive,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{
    Address, Connection, Countdown, Endpoint, ListenAddress, ListenAddresses, State,
    filter::{End, View},
};

/// Sockets in TIME_WAIT, or in FIN_WAIT2 without an owner (`inet_timewait_sock`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeWaits {
    /// Time since boot when they were read.
    pub at: Duration,
    /// Each flow once, in no order.
    pub flows: Vec<(Flow, Kept)>,
    /// The inode of a live connection to some of the destinations, where those were looked for.
    pub live: Vec<(Address, u32)>,
}

/// Connections that went the same way: from one address here to one service, or to one service
/// here from one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// Which end this host was; `None` where neither listeners nor ports show it. Both ports are
    /// known then.
    pub side: Option<Side>,
    pub local: IpAddr,
    /// Local port, unless it was a client's.
    pub local_port: Option<u16>,
    pub peer: IpAddr,
    /// The peer's port, unless it was a client's.
    pub peer_port: Option<u16>,
    /// The listener that they came in at.
    pub listener: Option<ListenAddress>,
}

/// Who opened the connection.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// This host did.
    Client,
    /// The peer did.
    Server,
}

impl Side {
    /// Its word, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Server => "server",
        }
    }

    /// By ports alone: a connection from an ephemeral port to another one was a client's. `None`
    /// else: also towards an ephemeral port, as a server's is, but so is that of a client which
    /// chose its port.
    fn by_ports(connection: &Connection, ephemeral: &RangeInclusive<u16>) -> Option<Self> {
        let here = ephemeral.contains(&connection.local.port);
        let there = ephemeral.contains(&connection.peer_port);
        (here && !there).then_some(Side::Client)
    }
}

impl Flow {
    fn of(connection: &Connection, host: &HostEnds<'_>) -> Self {
        let listener = host.listening.serving(&connection.local);
        let side = match listener {
            Some(_) => Some(Side::Server),
            None if host.serves_peer(connection) => Some(Side::Client),
            None => Side::by_ports(connection, &host.ephemeral),
        };
        Flow {
            side,
            local: connection.local.address.to_canonical(),
            local_port: (side != Some(Side::Client)).then_some(connection.local.port),
            peer: connection.peer.to_canonical(),
            peer_port: (side != Some(Side::Server)).then_some(connection.peer_port),
            listener,
        }
    }

    /// The service that this host was a client of.
    pub fn destination(&self) -> Option<Address> {
        let port = self.peer_port.filter(|_| self.side == Some(Side::Client))?;
        Some(Address {
            address: self.peer,
            port,
        })
    }
}

/// A client's port is unknown.
impl View for Flow {
    fn address(&self, end: End) -> Option<Address> {
        let (address, port) = (self.host(end)?, self.port(end)?);
        Some(Address { address, port })
    }

    fn host(&self, end: End) -> Option<IpAddr> {
        Some(match end {
            End::Local => self.local,
            End::Peer => self.peer,
        })
    }

    fn port(&self, end: End) -> Option<u16> {
        match end {
            End::Local => self.local_port,
            End::Peer => self.peer_port,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub left: Countdown,
    /// How many of them are in FIN_WAIT2.
    pub fin_wait_2: u64,
}

impl Kept {
    pub fn merge(&mut self, other: &Kept) {
        self.left.merge(&other.left);
        self.fin_wait_2 += other.fin_wait_2;
    }
}

/// What shows which end this host was.
#[derive(Debug)]
pub struct HostEnds<'a> {
    pub listening: &'a ListenAddresses,
    /// The addresses of this host; all of 127.0.0.0/8 and ::1 are without being listed.
    pub addresses: &'a HashSet<IpAddr>,
    /// `net.ipv4.ip_local_port_range`.
    pub ephemeral: RangeInclusive<u16>,
}

impl HostEnds<'_> {
    /// The other end is a listener of this host too. One on the wildcard address serves the
    /// addresses of this host and no others.
    fn serves_peer(&self, connection: &Connection) -> bool {
        let peer = Endpoint {
            address: connection.peer,
            port: connection.peer_port,
            ..connection.local
        };
        let address = peer.address.to_canonical();
        let is_here = address.is_loopback() || self.addresses.contains(&address);
        let listener = self.listening.serving(&peer);
        listener.is_some_and(|at| is_here || !at.endpoint().address.is_unspecified())
    }
}

/// Counts sockets as they stream by.
#[derive(Debug)]
pub struct FlowTally<'a> {
    host: HostEnds<'a>,
    flows: HashMap<Flow, Kept>,
}

impl<'a> FlowTally<'a> {
    pub fn new(host: HostEnds<'a>) -> Self {
        FlowTally {
            host,
            flows: HashMap::new(),
        }
    }

    pub fn add(&mut self, connection: &Connection, left_ms: u32) {
        let flow = Flow::of(connection, &self.host);
        let kept = self.flows.entry(flow).or_default();
        kept.left.add(left_ms);
        kept.fin_wait_2 += u64::from(connection.state == State::FinWait2);
    }

    pub fn merge(&mut self, other: Self) {
        for (flow, kept) in other.flows {
            self.flows.entry(flow).or_default().merge(&kept);
        }
    }

    /// The services that most connections may have gone to, `most` of them at the most.
    pub fn destinations(&self, most: usize) -> Vec<Address> {
        let mut counts: HashMap<Address, u64> = HashMap::new();
        for (flow, kept) in &self.flows {
            let port = flow.peer_port.filter(|_| flow.side != Some(Side::Server));
            if let Some(port) = port {
                let address = flow.peer;
                *counts.entry(Address { address, port }).or_default() += kept.left.count();
            }
        }
        let mut services: Vec<(Address, u64)> = counts.into_iter().collect();
        services.sort_unstable_by_key(|(service, count)| (std::cmp::Reverse(*count), *service));
        services.truncate(most);
        services.into_iter().map(|(service, _)| service).collect()
    }

    pub fn finish(self, at: Duration, live: Vec<(Address, u32)>) -> TimeWaits {
        TimeWaits {
            at,
            flows: self.flows.into_iter().collect(),
            live,
        }
    }
}

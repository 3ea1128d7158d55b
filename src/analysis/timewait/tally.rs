//! Counting timewait sockets as they stream by.

use std::{collections::HashMap, net::IpAddr, ops::RangeInclusive};

use super::Side;
use crate::{
    analysis::{
        attribute::{Place, Places},
        countdown::Countdown,
    },
    model::{Address, Connection, Endpoint, Listener, State},
};

/// Connections that went the same way: from one address here to one service, or to one service here
/// from one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Which end this host was; `None` as long as the ports do not tell.
    pub side: Option<Side>,
    /// Local address.
    pub local: IpAddr,
    /// Local port, unless it was a client's.
    pub local_port: Option<u16>,
    /// The peer's address.
    pub peer: IpAddr,
    /// The peer's port, unless it was a client's.
    pub peer_port: Option<u16>,
    /// Where they came in.
    pub listener: Option<Place>,
}

/// What is kept of a flow.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// When they run out.
    pub left: Countdown,
    /// How many of them are in FIN_WAIT2.
    pub fin_wait_2: u64,
}

/// Every flow.
#[derive(Debug, Default)]
pub struct Tally {
    flows: HashMap<Flow, Kept>,
}

/// What tells which end this host was.
pub struct Sorter {
    places: Places,
    ephemeral: RangeInclusive<u16>,
}

impl Sorter {
    /// From the listeners there are and the ports that clients are given.
    pub fn new(listeners: &[Listener], ephemeral: RangeInclusive<u16>) -> Self {
        Sorter {
            places: Places::of(listeners),
            ephemeral,
        }
    }

    fn flow(&self, connection: &Connection) -> Flow {
        let listener = self.places.serving(&connection.local);
        let side = match listener {
            Some(_) => Some(Side::Server),
            None if self.places.serving(&peer(connection)).is_some() => Some(Side::Client),
            None => Side::by_ports(connection, &self.ephemeral),
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
}

/// The other end, as an end of this host: it may be one.
fn peer(connection: &Connection) -> Endpoint {
    Endpoint {
        address: connection.peer,
        port: connection.peer_port,
        ..connection.local
    }
}

impl Tally {
    /// Counts one.
    pub fn add(&mut self, connection: &Connection, sorter: &Sorter) {
        let kept = self.flows.entry(sorter.flow(connection)).or_default();
        kept.left.add(connection.left_ms.unwrap_or(0));
        kept.fin_wait_2 += u64::from(connection.state == State::FinWait2);
    }

    /// Adds what another walk counted.
    pub fn merge(&mut self, other: Tally) {
        for (flow, kept) in other.flows {
            self.flows.entry(flow).or_default().merge(&kept);
        }
    }

    /// Decides by numbers where the ports do not tell: the end whose port comes again and again is
    /// the service; between equals a port outside of the ephemeral ones is. To be called once all is
    /// counted.
    pub fn settle(&mut self, sorter: &Sorter) {
        let (mut here, mut there) = (HashMap::new(), HashMap::new());
        for (flow, kept) in self.flows.iter().filter(|(flow, _)| flow.side.is_none()) {
            *here.entry((flow.local, flow.local_port)).or_insert(0) += kept.left.count();
            *there.entry((flow.peer, flow.peer_port)).or_insert(0) += kept.left.count();
        }
        for (mut flow, kept) in std::mem::take(&mut self.flows) {
            if flow.side.is_none() {
                let (here, there) = (
                    here[&(flow.local, flow.local_port)],
                    there[&(flow.peer, flow.peer_port)],
                );
                flow.decide(here, there, &sorter.ephemeral);
            }
            self.flows.entry(flow).or_default().merge(&kept);
        }
    }

    /// Each flow.
    pub fn flows(&self) -> impl Iterator<Item = (&Flow, &Kept)> {
        self.flows.iter()
    }

    /// The services that most of this host's connections went to, so many at most.
    pub fn destinations(&self, most: usize) -> Vec<Address> {
        let mut counts: HashMap<Address, u64> = HashMap::new();
        for (flow, kept) in &self.flows {
            if let Some(service) = flow.destination() {
                *counts.entry(service).or_default() += kept.left.count();
            }
        }
        let mut services: Vec<(Address, u64)> = counts.into_iter().collect();
        services.sort_unstable_by_key(|(service, count)| (std::cmp::Reverse(*count), *service));
        services
            .into_iter()
            .take(most)
            .map(|(service, _)| service)
            .collect()
    }
}

impl Flow {
    /// The service that this host was a client of.
    pub fn destination(&self) -> Option<Address> {
        let port = self.peer_port.filter(|_| self.side == Some(Side::Client))?;
        Some(Address {
            address: self.peer,
            port,
        })
    }

    fn decide(&mut self, here: u64, there: u64, ephemeral: &RangeInclusive<u16>) {
        let is_service = |port: Option<u16>| port.is_some_and(|port| !ephemeral.contains(&port));
        let here = (here, is_service(self.local_port));
        let there = (there, is_service(self.peer_port));
        if here > there {
            (self.side, self.peer_port) = (Some(Side::Server), None);
        } else if there > here {
            (self.side, self.local_port) = (Some(Side::Client), None);
        }
    }
}

impl Kept {
    /// Adds those of another.
    pub fn merge(&mut self, other: &Kept) {
        self.left.merge(&other.left);
        self.fin_wait_2 += other.fin_wait_2;
    }
}

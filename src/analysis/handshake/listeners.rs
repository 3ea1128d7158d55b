//! The listeners of this host and the length of their accept queues at one time.

use std::{collections::HashMap, net::IpAddr};

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{
    Address, Endpoint, Family, ListenAddress, ListenAddresses, Listener, Queue, Segment,
};

/// The length of an accept queue at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct QueueSample {
    /// Connections waiting for accept(2).
    pub length: u32,
    /// The queue holds one more than this (`sk_acceptq_is_full`).
    pub limit: u32,
    /// Sockets that share the address by SO_REUSEPORT; this is the fullest of them.
    pub members: u32,
    /// When it was sampled, in milliseconds after the packet of the handshake; negative when before.
    pub sampled_after_ms: f64,
}

impl QueueSample {
    /// The kernel drops further connections.
    pub fn is_full(&self) -> bool {
        self.room() < 0
    }

    /// -1 when full.
    pub fn room(&self) -> i64 {
        i64::from(self.limit) - i64::from(self.length)
    }
}

/// Whether somebody listens at a server's address and port.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Listening {
    /// Somebody, with this accept queue.
    There(QueueSample),
    /// Somebody at that port, but not for that address.
    Elsewhere,
    /// Nobody.
    Nowhere,
}

impl Listening {
    pub(super) fn queue(self) -> Option<QueueSample> {
        match self {
            Listening::There(queue) => Some(queue),
            Listening::Elsewhere | Listening::Nowhere => None,
        }
    }
}

/// All listeners of this network namespace.
#[derive(Debug, Default)]
pub struct Listeners {
    taken_ns: u64,
    places: ListenAddresses,
    samples: HashMap<ListenAddress, QueueSample>,
}

impl Listeners {
    /// From a dump of listeners and its time, in nanoseconds since 1970.
    pub fn new(listeners: &[Listener], taken_ns: u64) -> Self {
        let mut samples: HashMap<ListenAddress, QueueSample> = HashMap::new();
        for listener in listeners {
            let (Some(place), Queue::Accept { length, limit }) =
                (ListenAddress::of(listener), listener.queue)
            else {
                continue;
            };
            let own = QueueSample {
                length,
                limit,
                members: 0,
                sampled_after_ms: 0.0,
            };
            let fullest = samples.entry(place).or_insert(own);
            let members = fullest.members + 1;
            if own.room() < fullest.room() {
                *fullest = own;
            }
            fullest.members = members;
        }
        Listeners {
            taken_ns,
            places: ListenAddresses::of(listeners),
            samples,
        }
    }

    /// Whether somebody listens at a server's address, which a packet went to or came from; `None`
    /// before the first dump.
    pub fn listening(&self, server: &Address, packet: &Segment) -> Option<Listening> {
        if self.taken_ns == 0 {
            return None;
        }
        Some(match self.serving(server, packet) {
            Some(sample) => Listening::There(sample),
            None if self.places.has_port(server.port) => Listening::Elsewhere,
            None => Listening::Nowhere,
        })
    }

    fn serving(&self, server: &Address, packet: &Segment) -> Option<QueueSample> {
        let local = |family, address| Endpoint {
            family,
            address,
            port: server.port,
            interface: packet.interface,
        };
        let place = match server.address {
            IpAddr::V6(_) => self.places.serving(&local(Family::V6, server.address)),
            IpAddr::V4(v4) => {
                let own = self.places.serving(&local(Family::V4, server.address));
                let mapped = || local(Family::V6, v4.to_ipv6_mapped().into());
                own.or_else(|| self.places.serving(&mapped()))
            }
        };
        let sample = *self.samples.get(&place?)?;
        let after_ns = i128::from(self.taken_ns) - i128::from(packet.time_ns);
        Some(QueueSample {
            sampled_after_ms: (after_ns / 1000) as f64 / 1000.0,
            ..sample
        })
    }
}

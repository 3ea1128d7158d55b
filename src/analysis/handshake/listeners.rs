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
    /// The queue is full when its length is greater (`sk_acceptq_is_full`).
    pub limit: u32,
    /// Sockets that share the address through SO_REUSEPORT; the sample is of the fullest.
    pub members: u32,
    /// Milliseconds from the packet of the handshake to the sample; negative when sampled before.
    pub sampled_after_ms: f64,
}

impl QueueSample {
    /// The kernel drops further connections.
    pub fn is_full(&self) -> bool {
        self.room() < 0
    }

    /// Connections until the limit; -1 when full.
    pub fn room(&self) -> i64 {
        i64::from(self.limit) - i64::from(self.length)
    }
}

/// Whether a socket listens at a server's address and port.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Listening {
    /// One does, with this accept queue.
    There(QueueSample),
    /// One listens at that port, but not for that address.
    Elsewhere,
    /// None does.
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

#[derive(Debug, Default)]
pub struct Listeners {
    taken_ns: u64,
    addresses: ListenAddresses,
    samples: HashMap<ListenAddress, QueueSample>,
}

impl Listeners {
    /// From a dump of listeners and its time, in nanoseconds since 1970.
    pub fn new(listeners: &[Listener], taken_ns: u64) -> Self {
        let mut samples: HashMap<ListenAddress, QueueSample> = HashMap::new();
        for listener in listeners {
            let (Some(address), Queue::Accept { length, limit }) =
                (ListenAddress::of(listener), listener.queue)
            else {
                continue;
            };
            let own = QueueSample {
                length,
                limit,
                members: samples.get(&address).map_or(0, |known| known.members) + 1,
                sampled_after_ms: 0.0,
            };
            let fullest = samples.entry(address).or_insert(own);
            if own.room() < fullest.room() {
                *fullest = own;
            }
            fullest.members = own.members;
        }
        Listeners {
            taken_ns,
            addresses: ListenAddresses::of(listeners),
            samples,
        }
    }

    /// Whether a socket listens at a server's address, which a packet went to or came from; `None`
    /// before the first dump.
    pub fn listening(&self, server: &Address, packet: &Segment) -> Option<Listening> {
        if self.taken_ns == 0 {
            return None;
        }
        Some(match self.serving(server, packet) {
            Some(sample) => Listening::There(sample),
            None if self.addresses.has_port(server.port) => Listening::Elsewhere,
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
        let address = match server.address {
            IpAddr::V6(_) => self.addresses.serving(&local(Family::V6, server.address)),
            IpAddr::V4(v4) => {
                let own = self.addresses.serving(&local(Family::V4, server.address));
                let mapped = || local(Family::V6, v4.to_ipv6_mapped().into());
                own.or_else(|| self.addresses.serving(&mapped()))
            }
        };
        let sample = *self.samples.get(&address?)?;
        let after_ns = i128::from(self.taken_ns) - i128::from(packet.time_ns);
        Some(QueueSample {
            sampled_after_ms: (after_ns / 1000) as f64 / 1000.0,
            ..sample
        })
    }
}

//! The accept queues of the listeners of this host, as they were at a moment.

use std::{collections::HashMap, net::IpAddr};

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{
    Address, Endpoint, Family, ListenAddress, ListenAddresses, Listener, Queue, Segment,
};

/// An accept queue at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct QueueSample {
    /// Connections waiting for accept(2).
    pub length: u32,
    /// How many may wait, less one.
    pub limit: u32,
    /// Sockets that share the address by SO_REUSEPORT; this is the fullest of them.
    pub members: u32,
    /// When it was looked at, in milliseconds after the packet that made it matter; negative when
    /// before.
    pub sampled_after_ms: f64,
}

impl QueueSample {
    /// It takes no more.
    pub fn is_full(&self) -> bool {
        self.room() < 0
    }

    /// How many more may wait, less one.
    pub fn room(&self) -> i64 {
        i64::from(self.limit) - i64::from(self.length)
    }
}

/// Whether somebody listens at a server's address and port.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Listening {
    /// Somebody, with this queue.
    There(QueueSample),
    /// Somebody at that port, but not for that address.
    Elsewhere,
    /// Nobody.
    Nowhere,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Queues {
    taken_ns: u64,
    places: ListenAddresses,
    samples: HashMap<ListenAddress, QueueSample>,
}

impl Queues {
    /// From a dump of listeners at a time, in nanoseconds since 1970.
    pub fn of(listeners: &[Listener], taken_ns: u64) -> Self {
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
        Queues {
            taken_ns,
            places: ListenAddresses::of(listeners),
            samples,
        }
    }

    /// Who listens where a packet for this address goes to, or came from; `None` before any dump.
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

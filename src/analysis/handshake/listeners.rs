//! The listeners of this host and the length of their accept queues at one time.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    net::IpAddr,
};

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
    /// How many of them are full. The kernel spreads connections by hash.
    pub full_members: u32,
    /// Packets that these sockets dropped between a sample before the handshake and this one; `null`
    /// when there is no sample from before, or one of other sockets.
    pub dropped: Option<u32>,
    /// Milliseconds from the packet of the handshake to the sample; negative when sampled before.
    pub sampled_after_ms: f64,
}

impl QueueSample {
    /// The kernel drops further connections, whichever socket they hash to.
    pub fn is_full(&self) -> bool {
        self.full_members == self.members
    }

    /// Connections until the limit; -1 when full.
    pub fn room(&self) -> i64 {
        i64::from(self.limit) - i64::from(self.length)
    }
}

/// Whether a socket listens at a server's address and port.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Listening {
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
    drops: Drops,
    /// Of the dump before, with its time.
    earlier: (u64, Drops),
}

/// What the sockets of each address have dropped.
type Drops = HashMap<ListenAddress, Dropped>;

/// What the sockets of an address have dropped since they were made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dropped {
    /// Of all of them; wraps at 2^32.
    packets: u32,
    /// A hash of the set of their cookies.
    sockets: u64,
}

impl Dropped {
    fn add(&mut self, packets: u32, cookie: u64) {
        self.packets = self.packets.wrapping_add(packets);
        // Cookies are consecutive numbers, whose plain sums may be equal.
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(cookie);
        self.sockets = self.sockets.wrapping_add(hash);
    }

    /// `None` unless both are of the same sockets.
    fn since(self, before: Dropped) -> Option<u32> {
        (self.sockets == before.sockets).then(|| self.packets.wrapping_sub(before.packets))
    }
}

impl Listeners {
    /// From a dump of listeners and its time, in nanoseconds since 1970.
    pub fn new(listeners: &[Listener], taken_ns: u64) -> Self {
        let mut samples: HashMap<ListenAddress, QueueSample> = HashMap::new();
        let mut drops = Drops::new();
        for listener in listeners {
            let (Some(address), Queue::Accept { length, limit }) =
                (ListenAddress::of(listener), listener.queue)
            else {
                continue;
            };
            let own = QueueSample {
                length,
                limit,
                members: 1,
                full_members: u32::from(length > limit),
                dropped: None,
                sampled_after_ms: 0.0,
            };
            if let Some(dropped) = listener.drops {
                let all = drops.entry(address).or_default();
                all.add(dropped, listener.cookie);
            }
            let fullest = samples.entry(address);
            let join = |known: &mut QueueSample| *known = known.with(own);
            fullest.and_modify(join).or_insert(own);
        }
        Listeners {
            taken_ns,
            addresses: ListenAddresses::of(listeners),
            samples,
            drops,
            earlier: (0, Drops::new()),
        }
    }

    /// Remembers the dump before this one.
    pub(super) fn after(self, earlier: Listeners) -> Self {
        Listeners {
            earlier: (earlier.taken_ns, earlier.drops),
            ..self
        }
    }

    /// What the sockets at a server's address had dropped before this time, by the last dump
    /// before; `None` when that is not known any more.
    pub(super) fn drops_before(&self, server: &Address, packet: &Segment) -> Option<Dropped> {
        let address = self.address(server, packet)?;
        let (earlier_ns, earlier) = &self.earlier;
        let dumps = [(self.taken_ns, &self.drops), (*earlier_ns, earlier)];
        let mut before = dumps
            .into_iter()
            .filter(|(taken, _)| *taken <= packet.time_ns);
        before.next()?.1.get(&address).copied()
    }

    /// Whether a socket listens at a server's address, which a packet went to or came from; `None`
    /// before the first dump, and where that depends on an interface that the packet has not shown:
    /// it may have come in by a port of a bridge, or be for an own address, which passes `lo`.
    /// `before` is what [`Listeners::drops_before`] was at the first packet.
    pub(super) fn listening(
        &self,
        server: &Address,
        packet: &Segment,
        before: Option<Dropped>,
    ) -> Option<Listening> {
        if self.taken_ns == 0 {
            return None;
        }
        let Some(address) = self.address(server, packet) else {
            let mut ends = ends(server, packet).into_iter().flatten();
            return match self.addresses.has_port(server.port) {
                _ if ends.any(|end| self.addresses.may_serve(&end)) => None,
                true => Some(Listening::Elsewhere),
                false => Some(Listening::Nowhere),
            };
        };
        let after_ns = i128::from(self.taken_ns) - i128::from(packet.time_ns);
        // A drop of the packet itself must be counted already.
        let drops = self
            .drops
            .get(&address)
            .zip(before)
            .filter(|_| after_ns >= 0);
        let queue = QueueSample {
            sampled_after_ms: (after_ns / 1000) as f64 / 1000.0,
            dropped: drops.and_then(|(now, before)| now.since(before)),
            ..*self.samples.get(&address)?
        };
        Some(Listening::There(queue))
    }

    /// The listener at an address as it is now, however long after the packet.
    pub(super) fn now(&self, server: &Address, packet: &Segment) -> Option<Listening> {
        self.listening(server, packet, None)
    }

    /// Where a listener that is bound to another interface has the address too, it may be that one's:
    /// the packet may belong to that interface, as one that came in by a port of a VRF does.
    fn address(&self, server: &Address, packet: &Segment) -> Option<ListenAddress> {
        let ends = || ends(server, packet).into_iter().flatten();
        let address = ends().find_map(|end| self.addresses.serving(&end))?;
        let is_bound = address.endpoint().interface != 0;
        let is_sure = is_bound || !ends().any(|end| self.addresses.may_serve(&end));
        is_sure.then_some(address)
    }
}

impl QueueSample {
    /// The fuller of two sockets of one address, for both.
    fn with(self, other: QueueSample) -> Self {
        let fuller = match other.room() < self.room() {
            true => other,
            false => self,
        };
        QueueSample {
            members: self.members + other.members,
            full_members: self.full_members + other.full_members,
            ..fuller
        }
    }
}

/// The server's end as sockets of each family have it.
fn ends(server: &Address, packet: &Segment) -> [Option<Endpoint>; 2] {
    let end = |family, address| Endpoint {
        family,
        address,
        port: server.port,
        interface: packet.interface,
    };
    match server.address {
        IpAddr::V6(_) => [Some(end(Family::V6, server.address)), None],
        IpAddr::V4(v4) => {
            let mapped = end(Family::V6, v4.to_ipv6_mapped().into());
            [Some(end(Family::V4, server.address)), Some(mapped)]
        }
    }
}

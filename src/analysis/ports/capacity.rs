//! The ports that connect(2) may choose, and the ones that are taken for every destination.

use std::ops::RangeInclusive;

use super::{Reusable, Tuple, TupleKey};
use crate::model::{ListenAddresses, Listener, PortLimits, PortSet};

/// `LOOPBACK_IFINDEX`, include/net/flow.h.
const LOOPBACK_INTERFACE: u32 = 1;
/// `TCP_TIMEWAIT_LEN`, include/net/tcp.h.
pub const TIMEWAIT_MS: u32 = 60_000;

/// Ports of a range that connect(2) does not choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    ports: PortSet,
    low: u16,
    high: u16,
    /// Number of the other ports.
    pub left: u64,
    /// Number of the other ports that connect(2) tries first.
    pub left_for_connect: u64,
}

impl Blocked {
    fn none(range: &RangeInclusive<u16>) -> Self {
        let left = range.len() as u64;
        Blocked {
            ports: PortSet::default(),
            low: *range.start(),
            high: *range.end(),
            left,
            left_for_connect: left.div_ceil(2),
        }
    }

    pub fn add(&mut self, ports: &PortSet) {
        for port in ports.iter() {
            if self.ports.insert(port) {
                self.left -= 1;
                self.left_for_connect -= u64::from(self.is_for_connect(port));
            }
        }
    }

    /// Number of ports that are left to a tuple that uses these.
    pub fn free(&self, held: &PortSet) -> u64 {
        self.left.saturating_sub(self.outside(held))
    }

    /// Number of these ports that are not blocked.
    pub fn outside(&self, ports: &PortSet) -> u64 {
        ports.count_outside(&self.ports) as u64
    }

    /// Number of free ports that connect(2) will hardly try (`__inet_hash_connect`,
    /// net/ipv4/inet_hashtables.c): of a range of odd size (above three) each call tries one port
    /// less, which is the lowest unless it happens to begin there.
    pub fn skipped(&self, held: &PortSet) -> u64 {
        let is_free = !self.ports.contains(self.low) && !held.contains(self.low);
        let is_odd = self.high - self.low > 2 && (self.high - self.low).is_multiple_of(2);
        u64::from(is_odd && is_free)
    }

    /// connect(2) tries every second port first, from the lowest on, and bind(2) the others.
    pub fn is_for_connect(&self, port: u16) -> bool {
        port & 1 == self.low & 1
    }
}

/// The ephemeral ports of a network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    pub limits: PortLimits,
    /// `ip_local_port_range`.
    pub range: RangeInclusive<u16>,
    /// Ports of the range that are never chosen: reserved ones.
    pub reserved: PortSet,
    /// connect(2) never tries the highest port of a range of three: it rounds the size down to two
    /// and begins at the low end.
    pub untried: PortSet,
    /// Ports of the range that listeners have.
    pub listeners: PortSet,
    /// Ports with sockets that are bound and not connected; `None` before Linux 6.8.
    pub bound: Option<PortSet>,
    /// Ports that are reserved or taken for every destination.
    pub blocked: Blocked,
}

impl Capacity {
    /// `range` is the one in force when the ports were read.
    pub fn new(limits: PortLimits, range: RangeInclusive<u16>, listeners: &[Listener]) -> Self {
        let reserved = limits.reserved.within(&range);
        let listening = ListenAddresses::of(listeners);
        let listeners = listening.ports().collect::<PortSet>().within(&range);
        let untried =
            Some(*range.end()).filter(|port| range.len() == 3 && !reserved.contains(*port));
        let untried: PortSet = untried.into_iter().collect();
        let mut blocked = Blocked::none(&range);
        for taken in [&reserved, &untried, &listeners] {
            blocked.add(taken);
        }
        Capacity {
            limits,
            range,
            reserved,
            untried,
            listeners,
            bound: None,
            blocked,
        }
    }

    pub fn block(&mut self, bound: PortSet) {
        self.blocked.add(&bound);
        self.bound = Some(bound);
    }

    pub fn size(&self) -> u64 {
        self.range.len() as u64
    }

    /// Ports of the range that connect(2) may choose.
    pub fn usable(&self) -> u64 {
        self.size() - self.reserved.len() as u64 - self.untried.len() as u64
    }

    /// The TIME_WAITs of a tuple whose ports connect(2) may take over (`tcp_twsk_unique`,
    /// net/ipv4/tcp_ipv4.c), given what is blocked for every destination.
    pub fn reusable(&self, key: &TupleKey, tuple: &Tuple, blocked: &Blocked) -> Reusable {
        let allowed = match self.limits.tcp_tw_reuse {
            Some(1) => true,
            Some(2) => is_loopback(key),
            _ => false,
        };
        let count = match allowed && self.limits.tcp_timestamps != Some(0) {
            true => blocked.outside(&tuple.aged),
            false => 0,
        };
        match is_loopback(key) {
            true => Reusable::Surely(count),
            false => Reusable::Perhaps(count),
        }
    }
}

/// What tcp_tw_reuse = 2 means by loopback: its addresses, and sockets bound to the interface.
fn is_loopback(key: &TupleKey) -> bool {
    key.interface == LOOPBACK_INTERFACE || key.source.is_loopback() || key.destination.is_loopback()
}

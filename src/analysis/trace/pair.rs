//! The four numbers of a connection, whichever way a segment went.

use std::{
    hash::{Hash, Hasher},
    net::IpAddr,
};

use crate::model::{Address, Segment};

/// Two ends, in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair(Address, Address);

impl Pair {
    /// The ends of a segment.
    pub fn of(segment: &Segment) -> Self {
        Self::between(segment.source, segment.destination)
    }

    /// These two ends.
    pub fn between(one: Address, other: Address) -> Self {
        Pair(one.min(other), one.max(other))
    }
}

/// Every packet is looked up, so the hasher is called once where all fits into one number.
impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Pair(one, other) = self;
        let ports = u32::from(one.port) << 16 | u32::from(other.port);
        match (one.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let addresses = u128::from(a.to_bits()) << 32 | u128::from(b.to_bits());
                state.write_u128(addresses << 32 | u128::from(ports));
            }
            (a, b) => (a, b, ports).hash(state),
        }
    }
}

//! The 4-tuple of a connection, the same for segments of both directions.

use std::{
    hash::{Hash, Hasher},
    net::IpAddr,
};

use crate::model::{Address, Segment};

/// The lower address first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey(Address, Address);

impl FlowKey {
    pub fn of(segment: &Segment) -> Self {
        Self::between(segment.source, segment.destination)
    }

    pub fn between(one: Address, other: Address) -> Self {
        FlowKey(one.min(other), one.max(other))
    }
}

/// Every packet is looked up, so the hasher is called once where all fits into one number.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let FlowKey(one, other) = self;
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

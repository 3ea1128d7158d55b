//! The four numbers of a connection, whichever way a segment went.

use crate::model::{Address, Segment};

/// Two ends, in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair(Address, Address);

impl Pair {
    /// The ends of a segment.
    pub fn of(segment: &Segment) -> Self {
        let (one, other) = (segment.source, segment.destination);
        Pair(one.min(other), one.max(other))
    }
}

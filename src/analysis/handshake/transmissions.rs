//! The transmissions of a SYN or SYN-ACK: the first one and its retransmissions.

use crate::model::{Direction, Segment};

/// The same segment on another interface within this time is the same packet, forwarded.
const COPY_NS: u64 = 100_000_000;
/// Beyond this many retransmissions only their number is kept.
const MAX_TIMES: usize = 32;

#[derive(Debug, Clone)]
pub struct Transmissions {
    pub segment: Segment,
    /// When the first one passed, on the clock that does not step.
    pub first: u64,
    pub last: u64,
    /// From the last but one to the last.
    pub spacing: u64,
    /// Copies on other interfaces not counted.
    pub count: u32,
    /// Nanoseconds from the first to each retransmission.
    pub retransmitted_after: Vec<u64>,
    forwarded: bool,
}

impl Transmissions {
    pub fn new(segment: &Segment, at: u64) -> Self {
        Transmissions {
            segment: *segment,
            first: at,
            last: at,
            spacing: 0,
            count: 1,
            retransmitted_after: Vec::new(),
            forwarded: false,
        }
    }

    /// Adds a retransmission. Returns `false` for the same packet on another interface.
    pub fn add(&mut self, segment: &Segment, at: u64) -> bool {
        let place = |segment: &Segment| (segment.interface, segment.vlan);
        if place(segment) != place(&self.segment) && at.saturating_sub(self.last) < COPY_NS {
            self.forward(segment.direction);
            return false;
        }
        self.spacing = at.saturating_sub(self.last);
        self.last = at;
        self.count = self.count.saturating_add(1);
        if self.retransmitted_after.len() < MAX_TIMES {
            self.retransmitted_after.push(at.saturating_sub(self.first));
        }
        true
    }

    /// A segment is for this host if one interface reports that: the port of a bridge reports what is
    /// for the bridge as being for another host.
    fn forward(&mut self, direction: Option<Direction>) {
        match (self.segment.direction, direction) {
            (Some(Direction::Passing), Some(Direction::Incoming)) => {
                self.segment.direction = direction;
            }
            (Some(Direction::Incoming | Direction::Outgoing), Some(Direction::Passing)) => {}
            (first, then) => self.forwarded |= first != then,
        }
    }

    pub fn retransmits(&self) -> u32 {
        self.count - 1
    }

    pub fn sequence(&self) -> u32 {
        self.segment.sequence
    }

    /// [`Direction::Passing`] where this host only forwarded it.
    pub fn direction(&self) -> Option<Direction> {
        match self.forwarded {
            true => Some(Direction::Passing),
            false => self.segment.direction,
        }
    }
}

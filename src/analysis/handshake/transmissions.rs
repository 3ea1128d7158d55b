//! The transmissions of a SYN or SYN-ACK: the first one and its retransmissions.
//!
//! A packet may be captured more than once: on each interface that it passes, and on one interface by
//! a mirror port, by `tcpdump -i any`, or in merged files. A retransmission is a new packet: a stack
//! gives it a new IPv4 identification or timestamp, or sends it after a timeout.

use crate::model::{Direction, Segment};

/// The same segment on another interface within this time is the same packet, forwarded.
const COPY_NS: u64 = 100_000_000;
/// No stack retransmits a SYN or SYN-ACK sooner without a mark that tells the two packets apart
/// (`TCP_RTO_MIN`, include/net/tcp.h).
const SHORTEST_TIMEOUT_NS: u64 = 200_000_000;
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
    /// Of the last one.
    marks: Marks,
    forwarded: bool,
}

/// What a stack changes from one transmission to the next: identification and timestamp.
type Marks = (Option<u16>, Option<u32>);

fn marks(segment: &Segment) -> Marks {
    let timestamps = segment.options.timestamps;
    (segment.ip_id, timestamps.map(|option| option.value))
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
            marks: marks(segment),
            forwarded: false,
        }
    }

    /// Adds a retransmission. Returns `false` for a packet that was captured before.
    pub fn add(&mut self, segment: &Segment, at: u64) -> bool {
        if self.is_copy(segment, at) {
            self.forward(segment.direction);
            return false;
        }
        self.marks = marks(segment);
        self.spacing = at.saturating_sub(self.last);
        self.last = at;
        self.count = self.count.saturating_add(1);
        if self.retransmitted_after.len() < MAX_TIMES {
            self.retransmitted_after.push(at.saturating_sub(self.first));
        }
        true
    }

    /// This is the same packet as another transmission, which had other addresses: it has the same
    /// marks, and another place unless these are rare.
    pub fn is_translated(&self, earlier: &Transmissions) -> bool {
        let place = |sent: &Transmissions| {
            let segment = &sent.segment;
            (segment.interface, segment.vlan, segment.direction)
        };
        let is_rare = self.marks.0.is_some_and(|id| id != 0) || self.marks.1.is_some();
        self.sequence() == earlier.sequence()
            && self.marks == earlier.marks
            && self.first.saturating_sub(earlier.first) < COPY_NS
            && (is_rare || place(self) != place(earlier))
    }

    pub fn follow(&mut self, earlier: &Transmissions) {
        self.first = earlier.first;
        self.forward(earlier.segment.direction);
    }

    fn is_copy(&self, segment: &Segment, at: u64) -> bool {
        let place = |segment: &Segment| (segment.interface, segment.vlan);
        let is_elsewhere = place(segment) != place(&self.segment);
        let since = at.saturating_sub(self.last);
        let is_same = marks(segment) == self.marks && segment.sequence == self.sequence();
        (is_elsewhere && since < COPY_NS) || (is_same && since < SHORTEST_TIMEOUT_NS)
    }

    /// A segment is for this host if one interface reports that: the port of a bridge reports what is
    /// for the bridge as being for another host.
    fn forward(&mut self, direction: Option<Direction>) {
        match (self.segment.direction, direction) {
            (Some(Direction::Passing), Some(Direction::Incoming)) => {
                self.segment.direction = direction;
            }
            (Some(Direction::Incoming | Direction::Outgoing), Some(Direction::Passing)) => {}
            // Within a tunnel a packet shows no direction.
            (None, known) => self.segment.direction = known,
            (Some(_), None) => {}
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

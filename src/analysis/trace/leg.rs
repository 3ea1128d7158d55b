//! One of the segments of a handshake, and each time that it was sent again.

use crate::model::{Direction, Segment};

/// The same segment on another device within this time is the same packet, passed on.
const COPY_NS: u64 = 100_000_000;
/// Of more repetitions than this only the number is kept.
const MOST_TIMES: usize = 32;

/// What is known of a SYN, or of a SYN-ACK.
#[derive(Debug, Clone)]
pub struct Leg {
    /// The first one; its options count.
    pub segment: Segment,
    /// When the first one passed, on the clock that does not step.
    pub first: u64,
    /// When the last one did.
    pub last: u64,
    /// From the last but one to the last.
    pub spacing: u64,
    /// Which packet the last one was.
    pub number: u64,
    /// How many, copies not counted.
    pub count: u32,
    /// Nanoseconds from the first to each other one.
    pub again: Vec<u64>,
    /// It came in on one device and went out on another.
    pub forwarded: bool,
}

/// What it means that a segment was seen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// It is the same packet, on another device.
    Copy,
    /// It was sent again.
    Again,
}

impl Leg {
    /// The first sight of it.
    pub fn new(segment: &Segment, at: u64) -> Self {
        Leg {
            segment: *segment,
            first: at,
            last: at,
            spacing: 0,
            number: segment.number,
            count: 1,
            again: Vec::new(),
            forwarded: false,
        }
    }

    /// Another sight of it.
    pub fn see(&mut self, segment: &Segment, at: u64) -> Sighting {
        let place = |segment: &Segment| (segment.interface, segment.vlan);
        if place(segment) != place(&self.segment) && at.saturating_sub(self.last) < COPY_NS {
            self.pass_on(segment.direction);
            return Sighting::Copy;
        }
        self.spacing = at.saturating_sub(self.last);
        self.last = at;
        self.number = segment.number;
        self.count = self.count.saturating_add(1);
        if self.again.len() < MOST_TIMES {
            self.again.push(at.saturating_sub(self.first));
        }
        Sighting::Again
    }

    /// It is here for this host when any device says so: a port of a bridge takes what is for the
    /// bridge to be for another.
    fn pass_on(&mut self, direction: Option<Direction>) {
        match (self.segment.direction, direction) {
            (Some(Direction::Passing), Some(Direction::Incoming)) => {
                self.segment.direction = direction;
            }
            (Some(Direction::Incoming | Direction::Outgoing), Some(Direction::Passing)) => {}
            (first, then) => self.forwarded |= first != then,
        }
    }

    /// How often it was sent again.
    pub fn retransmits(&self) -> u32 {
        self.count - 1
    }

    /// Its sequence number.
    pub fn sequence(&self) -> u32 {
        self.segment.sequence
    }

    /// Which way it went, unless this host only passed it on.
    pub fn direction(&self) -> Option<Direction> {
        match self.forwarded {
            true => Some(Direction::Passing),
            false => self.segment.direction,
        }
    }
}

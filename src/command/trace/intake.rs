//! Takes packets: to the tracker what tells of handshakes, to the file what is kept.

use sockdiag::{
    analysis::trace::{Tally, Tracker},
    model::{Condition, Segment},
    source::{CaptureWriter, Decoded, Packet},
};

use super::{TraceArgs, devices::Devices};

/// Where packets go.
pub struct Intake {
    /// Follows the handshakes.
    pub tracker: Tracker,
    /// What is counted beside them.
    pub tally: Tally,
    /// Names of devices.
    pub devices: Devices,
    condition: Condition,
}

impl Intake {
    /// One that has taken nothing.
    pub fn new(args: &TraceArgs, condition: &Condition) -> Self {
        Intake {
            tracker: Tracker::new(args.close),
            tally: Tally::default(),
            devices: Devices::default(),
            condition: condition.clone(),
        }
    }

    /// Takes one.
    pub fn take(
        &mut self,
        packet: &Packet<'_>,
        writer: Option<&mut CaptureWriter>,
    ) -> sockdiag::Result<()> {
        self.tally.packets += 1;
        self.devices.see(packet);
        // For handshakes, time passes with every packet, also with those that are none of theirs.
        self.tracker.pass(packet.time_ns);
        match packet.decode() {
            Decoded::Segment(segment) if self.may_hold(&segment) => self.tracker.segment(&segment),
            Decoded::Segment(_) => return Ok(()),
            Decoded::Fragment => self.tally.fragments += 1,
            Decoded::Undecodable => self.tally.undecodable += 1,
            Decoded::Other => {}
        }
        writer.map_or(Ok(()), |writer| writer.write(packet))
    }

    /// Which end is the client one segment does not tell.
    fn may_hold(&self, segment: &Segment) -> bool {
        let (one, other) = (&segment.source, &segment.destination);
        self.condition.holds(one, other) || self.condition.holds(other, one)
    }
}

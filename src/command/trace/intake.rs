//! Takes packets: to the tracker what tells of handshakes, to the file what is kept.

use sockdiag::{
    analysis::trace::{Tally, Tracker},
    model::{Filter, Segment, filter::Ends},
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
    condition: Filter,
    /// The time of the first packet.
    first_ns: Option<u64>,
}

impl Intake {
    /// One that has taken nothing.
    pub fn new(args: &TraceArgs, condition: &Filter) -> Self {
        Intake {
            tracker: Tracker::new(args.close),
            tally: Tally {
                follows_closes: args.close,
                ..Tally::default()
            },
            first_ns: None,
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
        let first = *self.first_ns.get_or_insert(packet.time_ns);
        let since = packet.time_ns.saturating_sub(first) as f64 / 1_000_000.0;
        self.tally.duration_ms = self.tally.duration_ms.max(since);
        // For handshakes, time passes with every packet, also with those that are none of theirs.
        self.tracker.pass(packet.time_ns);
        let mut may_tell = false;
        match packet.decode() {
            Decoded::Segment(segment) if self.may_hold(&segment) => {
                may_tell = self.tracker.segment(&segment);
            }
            Decoded::Segment(_) => return Ok(()),
            Decoded::Fragment => self.tally.fragments += 1,
            Decoded::Undecodable => self.tally.undecodable += 1,
            Decoded::Other => {}
        }
        writer.map_or(Ok(()), |writer| writer.write(packet, may_tell))
    }

    /// Which end is the client one segment does not tell.
    fn may_hold(&self, segment: &Segment) -> bool {
        let (one, other) = (segment.source, segment.destination);
        [(one, other), (other, one)]
            .into_iter()
            .any(|(local, peer)| self.condition.accepts(&Ends { local, peer }))
    }
}

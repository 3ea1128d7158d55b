//! What a reset means to a handshake (RFC 9293, section 3.5.3).

use super::{
    attempt::{Attempt, Reset},
    sequence::is_soon_after,
    taking::Taken,
};
use crate::model::{End, Flags, Segment};

impl Attempt {
    /// Takes a reset, if it belongs here.
    pub fn take_reset(&mut self, segment: &Segment) -> Taken {
        let by = match self.is_from_client(segment) {
            true => End::Client,
            false => End::Server,
        };
        let valid = match (by, &self.syn_ack) {
            (End::Server, None) => segment.flags.has(Flags::ACK) && self.answers_syn(segment),
            (End::Server, Some(answer)) => {
                has_sent_only_syn(segment, answer.sequence(), 0) && !self.takes_data(segment)
            }
            (End::Client, _) => self
                .client_sequence()
                .is_some_and(|own| has_sent_only_syn(segment, own, self.syn_payload())),
        };
        if !valid {
            return self.take_late_reset(segment, by);
        }
        self.reset = Some(Reset {
            by,
            with_ack: segment.flags.has(Flags::ACK),
        });
        Taken::Decided
    }

    /// The server took more from the client than its SYN.
    fn takes_data(&self, segment: &Segment) -> bool {
        segment.flags.has(Flags::ACK) && is_soon_after(segment.acknowledgement, self.after_syn())
    }

    /// A reset behind data that passed unseen: the connection was there.
    fn take_late_reset(&mut self, segment: &Segment, by: End) -> Taken {
        let own = match by {
            End::Client => self.client_sequence(),
            End::Server => self.server_sequence(),
        };
        let sent_data = own.is_some_and(|own| is_soon_after(segment.sequence, own.wrapping_add(1)));
        let took_data = by == End::Server && self.takes_data(segment);
        if !(sent_data || took_data) || self.syn_ack.is_none() {
            return Taken::Ignored;
        }
        self.opened = true;
        self.confirmed |= by == End::Server;
        Taken::Decided
    }
}

/// The sender has sent nothing but its SYN, and what that carried.
fn has_sent_only_syn(segment: &Segment, sequence: u32, payload: u32) -> bool {
    let sent = segment.sequence.wrapping_sub(sequence.wrapping_add(1));
    sent <= payload
}

//! What each segment changes in a handshake (RFC 9293, section 3.5).

use super::{
    attempt::{Attempt, Reset},
    transmissions::Transmissions,
};
use crate::model::{End, Flags, Segment};

/// More data does not pass before a bare acknowledgement of it does: a number further ahead belongs
/// to an old connection, or is forged.
const MAX_UNSEEN: u32 = 1 << 24;

/// What a segment changed in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Nothing: it belongs to another connection, or is a copy.
    Ignored,
    /// Something; the outcome is still open.
    Noted,
    /// The outcome is known.
    Decided,
    /// It begins another handshake with the same 4-tuple.
    Superseded,
}

impl Attempt {
    /// Applies a segment with the same 4-tuple.
    pub fn apply(&mut self, segment: &Segment, at: u64) -> Transition {
        let flags = segment.flags;
        if flags.has(Flags::FIN) && self.may_have_sent(segment) {
            self.fin.get_or_insert_with(|| Box::new((*segment, at)));
        }
        let transition = if flags.has(Flags::RST) {
            self.apply_reset(segment)
        } else if flags.has(Flags::SYN.and(Flags::ACK)) {
            self.apply_syn_ack(segment, at)
        } else if flags.has(Flags::SYN) {
            self.apply_syn(segment, at)
        } else if flags.has(Flags::ACK) && self.is_from_client(segment) {
            self.apply_client_ack(segment, at)
        } else if flags.has(Flags::ACK) {
            self.apply_server_ack(segment)
        } else {
            Transition::Ignored
        };
        if matches!(transition, Transition::Noted | Transition::Decided) {
            self.packet = segment.number;
        }
        transition
    }

    fn apply_syn(&mut self, segment: &Segment, at: u64) -> Transition {
        if !self.is_from_client(segment) {
            return self.apply_crossing(segment, at);
        }
        let answered = self.syn_ack.as_ref();
        match &mut self.syn {
            Some(syn) if syn.sequence() == segment.sequence => noted_if(syn.add(segment, at)),
            Some(_) => Transition::Superseded,
            // Interfaces are read one after the other, so that the answer may come first.
            None if answered.is_some_and(|answer| acknowledges(&answer.segment, segment)) => {
                self.syn = Some(Transmissions::new(segment, at.min(self.first)));
                (self.began_ns, self.interface, self.vlan) =
                    (segment.time_ns, segment.interface, segment.vlan);
                Transition::Noted
            }
            None => Transition::Superseded,
        }
    }

    fn apply_crossing(&mut self, segment: &Segment, at: u64) -> Transition {
        if self.syn_ack.is_some() || self.ack.is_some() {
            return Transition::Superseded;
        }
        match &mut self.crossing {
            Some(crossing) if crossing.sequence() == segment.sequence => {
                noted_if(crossing.add(segment, at))
            }
            _ => {
                self.crossing = Some(Box::new(Transmissions::new(segment, at)));
                Transition::Noted
            }
        }
    }

    fn apply_syn_ack(&mut self, segment: &Segment, at: u64) -> Transition {
        if !self.is_self_connect() && self.is_from_client(segment) {
            return self.apply_crossed_answer(segment, at);
        }
        if !self.answers_syn(segment) {
            return Transition::Ignored;
        }
        match &mut self.syn_ack {
            None => {
                self.syn_ack = Some(Transmissions::new(segment, at));
                self.syns_before_answer = self.syn.as_ref().map_or(0, |syn| syn.count);
                let has_crossed = self.crossing.is_some() && self.ack.is_some();
                decided_if(self.is_self_connect() || has_crossed)
            }
            Some(first) => {
                if !first.add(segment, at) {
                    return Transition::Ignored;
                }
                self.sequence_changed |= first.sequence() != segment.sequence;
                first.segment.sequence = segment.sequence;
                self.repeated_after_ack += u32::from(self.is_sent_after_ack(at));
                Transition::Noted
            }
        }
    }

    /// A SYN-ACK that passes now left the server after the ACK had arrived. The way to a server
    /// elsewhere and back takes no longer than it took from the SYN to its answer.
    fn is_sent_after_ack(&self, at: u64) -> bool {
        let round_trip = || {
            let answered = self.syn_ack.as_ref()?.first;
            Some(answered.saturating_sub(self.syn.as_ref()?.first))
        };
        match self.ack {
            Some(_) if self.server_is_here() => true,
            Some(ack) => at.saturating_sub(ack) > round_trip().unwrap_or(0),
            None => self.opened,
        }
    }

    /// The client's own SYN-ACK acknowledges the SYN of the server, which crossed its own.
    fn apply_crossed_answer(&mut self, segment: &Segment, at: u64) -> Transition {
        let own = self.client_sequence() == Some(segment.sequence);
        if !own || self.ack.is_some() {
            return Transition::Ignored;
        }
        if self.crossing.is_none() && self.syn_ack.is_some() {
            return Transition::Ignored;
        }
        self.crossing
            .get_or_insert_with(|| Box::new(unseen(segment, at)));
        self.ack = Some(at);
        decided_if(self.syn_ack.is_some())
    }

    /// Its sequence number is one that its sender can have reached by now.
    fn may_have_sent(&self, segment: &Segment) -> bool {
        let (sender, number) = match self.is_from_client(segment) {
            true => (self.client_sequence(), segment.sequence),
            false => match self.server_sequence() {
                None => (self.client_sequence(), segment.acknowledgement),
                sender => (sender, segment.sequence),
            },
        };
        sender.is_some_and(|sender| is_soon_after(number, sender))
    }

    fn apply_client_ack(&mut self, segment: &Segment, at: u64) -> Transition {
        let Some(own) = self.client_sequence() else {
            return Transition::Ignored;
        };
        let sent = segment.sequence.wrapping_sub(own.wrapping_add(1));
        let received = match self.server_sequence() {
            // Its SYN-ACK was not seen, but was there to be acknowledged.
            None => 0,
            Some(sequence) => {
                let first = sequence.wrapping_add(1);
                segment.acknowledgement.wrapping_sub(first)
            }
        };
        if sent > MAX_UNSEEN || received > MAX_UNSEEN {
            return Transition::Ignored;
        }
        let is_first = !self.is_acknowledged();
        self.record_ack(sent, at);
        self.confirmed |= received > 0;
        match (self.confirmed, is_first) {
            (true, _) => Transition::Decided,
            (false, true) => Transition::Noted,
            (false, false) => Transition::Ignored,
        }
    }

    /// `sent` is the number of bytes sent before. A client may acknowledge the SYN-ACK together with
    /// data; if that passed unseen, a later acknowledgement does not show when.
    fn record_ack(&mut self, sent: u32, at: u64) {
        match sent <= self.syn_payload() {
            true => _ = self.ack.get_or_insert(at),
            false => self.opened = true,
        }
    }

    fn apply_server_ack(&mut self, segment: &Segment) -> Transition {
        let Some(own) = self.client_sequence() else {
            return Transition::Ignored;
        };
        let (acknowledges, follows) = match &self.syn_ack {
            Some(answer) => (
                is_soon_after(segment.acknowledgement, own),
                is_soon_after(segment.sequence, answer.sequence()),
            ),
            None => (segment.acknowledgement == self.after_syn(), true),
        };
        if !acknowledges {
            self.challenge_ack |= self.syn_ack.is_none();
            return Transition::Ignored;
        }
        self.confirmed |= follows;
        // With TCP Fast Open the server speaks before the client has acknowledged.
        decided_if(follows && self.is_acknowledged())
    }

    /// RFC 9293, section 3.5.3.
    fn apply_reset(&mut self, segment: &Segment) -> Transition {
        let by = match self.is_from_client(segment) {
            true => End::Client,
            false => End::Server,
        };
        let valid = match (by, &self.syn_ack) {
            (End::Server, None) => segment.flags.has(Flags::ACK) && self.answers_syn(segment),
            (End::Server, Some(answer)) => {
                has_sent_only_syn(segment, answer.sequence(), 0) && !self.acknowledges_data(segment)
            }
            (End::Client, _) => self
                .client_sequence()
                .is_some_and(|own| has_sent_only_syn(segment, own, self.syn_payload())),
        };
        if !valid {
            return self.apply_late_reset(segment, by);
        }
        self.reset = Some(Reset {
            by,
            with_ack: segment.flags.has(Flags::ACK),
        });
        Transition::Decided
    }

    /// The server received more from the client than its SYN.
    fn acknowledges_data(&self, segment: &Segment) -> bool {
        segment.flags.has(Flags::ACK) && is_soon_after(segment.acknowledgement, self.after_syn())
    }

    /// A reset behind data that passed unseen: the connection was established.
    fn apply_late_reset(&mut self, segment: &Segment, by: End) -> Transition {
        let own = match by {
            End::Client => self.client_sequence(),
            End::Server => self.server_sequence(),
        };
        let sent_data = own.is_some_and(|own| is_soon_after(segment.sequence, own.wrapping_add(1)));
        let took_data = by == End::Server && self.acknowledges_data(segment);
        if !(sent_data || took_data) || self.syn_ack.is_none() {
            return Transition::Ignored;
        }
        self.opened = true;
        self.confirmed |= by == End::Server;
        Transition::Decided
    }

    /// It acknowledges this client's SYN.
    fn answers_syn(&self, segment: &Segment) -> bool {
        match &self.syn {
            Some(syn) => acknowledges(segment, &syn.segment),
            None => self.client_sequence() == Some(segment.acknowledgement.wrapping_sub(1)),
        }
    }
}

fn decided_if(decided: bool) -> Transition {
    match decided {
        true => Transition::Decided,
        false => Transition::Noted,
    }
}

fn noted_if(noted: bool) -> Transition {
    match noted {
        true => Transition::Noted,
        false => Transition::Ignored,
    }
}

/// A SYN that passed unseen, inferred from its answer.
fn unseen(answer: &Segment, at: u64) -> Transmissions {
    let mut segment = *answer;
    segment.sequence = answer.acknowledgement.wrapping_sub(1);
    segment.acknowledgement = 0;
    Transmissions::new(&segment, at)
}

/// It acknowledges all of a SYN, or all but some of its data.
fn acknowledges(answer: &Segment, syn: &Segment) -> bool {
    let beyond = answer
        .acknowledgement
        .wrapping_sub(syn.sequence.wrapping_add(1));
    beyond <= syn.payload_bytes
}

/// The sender has sent nothing but its SYN and the SYN's data.
fn has_sent_only_syn(segment: &Segment, sequence: u32, payload: u32) -> bool {
    let sent = segment.sequence.wrapping_sub(sequence.wrapping_add(1));
    sent <= payload
}

/// A sequence number is behind another, and not so far that something must have been seen between.
fn is_soon_after(number: u32, other: u32) -> bool {
    number.wrapping_sub(other.wrapping_add(1)) <= MAX_UNSEEN
}

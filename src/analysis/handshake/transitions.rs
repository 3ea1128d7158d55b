//! What each segment changes in a handshake (RFC 9293, section 3.5).

use super::{
    attempt::Attempt,
    outcome::{ResetReport, Side, Unreachable},
    transmissions::Transmissions,
};
use crate::model::{Flags, IcmpError, Segment};

/// No more data than this is sent before a bare acknowledgement: a sequence number further ahead
/// belongs to an old connection, or is forged.
const MAX_UNSEEN: u32 = 1 << 24;

/// The effect of a segment on a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// None: it belongs to another connection, or is a copy.
    Ignored,
    /// The outcome is still open.
    Noted,
    Decided,
    /// It begins another handshake with the same 4-tuple.
    Superseded,
}

use Transition::{Decided, Ignored, Noted, Superseded};

fn noted_if(is_new: bool) -> Transition {
    if is_new { Noted } else { Ignored }
}

impl Attempt {
    pub fn apply(&mut self, segment: &Segment, at: u64) -> Transition {
        let flags = segment.flags;
        if flags.has(Flags::FIN) && self.may_have_sent(segment) {
            self.fin.get_or_insert_with(|| Box::new((*segment, at)));
        }
        let transition = match self.is_from_client(segment) {
            _ if flags.has(Flags::RST) => self.apply_reset(segment),
            _ if flags.has(Flags::SYN.and(Flags::ACK)) => self.apply_syn_ack(segment, at),
            _ if flags.has(Flags::SYN) => self.apply_syn(segment, at),
            _ if !flags.has(Flags::ACK) => Ignored,
            true => self.apply_client_ack(segment, at),
            false => self.apply_server_ack(segment),
        };
        if matches!(transition, Noted | Decided) {
            self.packet = segment.number;
        }
        transition
    }

    /// Notes an ICMP error; `false` where it is about another segment. Linux gives up at once, other
    /// systems may go on trying.
    pub fn apply_error(&mut self, error: &IcmpError, at: u64) -> bool {
        let (sent_by, own) = match error.source == self.client {
            true => (Side::Client, self.client_sequence()),
            false => (Side::Server, self.server_sequence()),
        };
        if own != Some(error.sequence) {
            return false;
        }
        let unreachable = Unreachable {
            by: error.sender,
            icmp_type: error.kind,
            icmp_code: error.code,
            sent_by,
        };
        self.unreachable = Some((unreachable, at));
        self.packet = error.number;
        true
    }

    fn apply_syn(&mut self, segment: &Segment, at: u64) -> Transition {
        if !self.is_from_client(segment) {
            return self.apply_crossing(segment, at);
        }
        let answered = self.syn_ack.as_ref();
        match &mut self.syn {
            Some(syn) if syn.sequence() == segment.sequence => noted_if(syn.add(segment, at)),
            Some(_) => Superseded,
            // Interfaces are read one after the other, so the answer may be read first.
            None if answered.is_some_and(|answer| acknowledges(&answer.segment, segment)) => {
                self.syn = Some(Transmissions::new(segment, at.min(self.first)));
                (self.began_ns, self.interface, self.vlan) =
                    (segment.time_ns, segment.interface, segment.vlan);
                Noted
            }
            None => Superseded,
        }
    }

    fn apply_crossing(&mut self, segment: &Segment, at: u64) -> Transition {
        if self.syn_ack.is_some() || self.ack.is_some() {
            return Superseded;
        }
        match &mut self.crossing {
            Some(crossing) if crossing.sequence() == segment.sequence => {
                noted_if(crossing.add(segment, at))
            }
            _ => {
                self.crossing = Some(Box::new(Transmissions::new(segment, at)));
                Noted
            }
        }
    }

    fn apply_syn_ack(&mut self, segment: &Segment, at: u64) -> Transition {
        if !self.is_self_connect() && self.is_from_client(segment) {
            return self.apply_crossed_answer(segment, at);
        }
        if !self.answers_syn(segment) {
            return Ignored;
        }
        match &mut self.syn_ack {
            None => {
                self.syn_ack = Some(Transmissions::new(segment, at));
                self.syns_before_answer = self.syn.as_ref().map_or(0, |syn| syn.count);
                let has_crossed = self.crossing.is_some() && self.ack.is_some();
                let is_open = has_crossed || self.is_self_connect();
                if is_open { Decided } else { Noted }
            }
            Some(first) => {
                if !first.add(segment, at) {
                    return Ignored;
                }
                self.sequence_changed |= first.sequence() != segment.sequence;
                first.segment.sequence = segment.sequence;
                self.repeated_after_ack += u32::from(self.is_sent_after_ack(at));
                Noted
            }
        }
    }

    /// A SYN-ACK that passes now left the server after the ACK had arrived. To a server elsewhere
    /// and back takes at most the time from the SYN to its answer.
    fn is_sent_after_ack(&self, at: u64) -> bool {
        let Some(ack) = self.ack else {
            return self.opened;
        };
        let syn = self.syn.as_ref().map(|syn| syn.first);
        let round_trip = self.syn_ack.as_ref().zip(syn);
        let round_trip = round_trip.map_or(0, |(answer, syn)| answer.first.saturating_sub(syn));
        self.server_is_here() || at.saturating_sub(ack) > round_trip
    }

    /// A SYN-ACK from the client, for the server's SYN that crossed its own.
    fn apply_crossed_answer(&mut self, segment: &Segment, at: u64) -> Transition {
        let is_own = self.client_sequence() == Some(segment.sequence);
        let has_crossed = self.crossing.is_some() || self.syn_ack.is_none();
        if !is_own || !has_crossed || self.ack.is_some() {
            return Ignored;
        }
        self.crossing
            .get_or_insert_with(|| Box::new(unseen(segment, at)));
        self.ack = Some(at);
        let is_answered = self.syn_ack.is_some();
        if is_answered { Decided } else { Noted }
    }

    /// The sender can have reached this sequence number by now.
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
            return Ignored;
        };
        let sent = segment.sequence.wrapping_sub(own.wrapping_add(1));
        // Without a server sequence number, the SYN-ACK was sent but not captured.
        let received = self.server_sequence().map_or(0, |sequence| {
            segment
                .acknowledgement
                .wrapping_sub(sequence.wrapping_add(1))
        });
        if sent > MAX_UNSEEN || received > MAX_UNSEEN {
            return Ignored;
        }
        let is_first = !self.is_acknowledged();
        self.record_ack(sent, at);
        self.confirmed |= received > 0;
        match (self.confirmed, is_first) {
            (true, _) => Decided,
            (false, true) => Noted,
            (false, false) => Ignored,
        }
    }

    /// `sent` is the number of bytes sent before. A client may acknowledge the SYN-ACK together with
    /// data; if that was not captured, a later acknowledgement does not show when.
    fn record_ack(&mut self, sent: u32, at: u64) {
        match sent <= self.syn_payload() {
            true => _ = self.ack.get_or_insert(at),
            false => self.opened = true,
        }
    }

    fn apply_server_ack(&mut self, segment: &Segment) -> Transition {
        let Some(own) = self.client_sequence() else {
            return Ignored;
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
            return Ignored;
        }
        self.confirmed |= follows;
        // With TCP Fast Open the server sends data before the client has acknowledged.
        let is_open = follows && self.is_acknowledged();
        if is_open { Decided } else { Noted }
    }

    /// RFC 9293, section 3.5.3.
    fn apply_reset(&mut self, segment: &Segment) -> Transition {
        let by = Side::of(segment, self.client);
        let with_ack = segment.flags.has(Flags::ACK);
        let valid = match (by, &self.syn_ack) {
            (Side::Client, _) => self
                .client_sequence()
                .is_some_and(|own| has_sent_only_syn(segment, own, self.syn_payload())),
            (_, None) => with_ack && self.answers_syn(segment),
            (_, Some(answer)) => {
                has_sent_only_syn(segment, answer.sequence(), 0) && !self.acknowledges_data(segment)
            }
        };
        if !valid {
            return self.apply_late_reset(segment, by);
        }
        self.reset = Some(ResetReport {
            by,
            with_ack,
            after_ack: self.is_acknowledged(),
        });
        Decided
    }

    /// The server received more from the client than its SYN.
    fn acknowledges_data(&self, segment: &Segment) -> bool {
        segment.flags.has(Flags::ACK) && is_soon_after(segment.acknowledgement, self.after_syn())
    }

    /// A reset behind data that was not captured: the connection was established.
    fn apply_late_reset(&mut self, segment: &Segment, by: Side) -> Transition {
        let own = match by {
            Side::Client => self.client_sequence(),
            _ => self.server_sequence(),
        };
        let sent_data = own.is_some_and(|own| is_soon_after(segment.sequence, own.wrapping_add(1)));
        let received_data = by == Side::Server && self.acknowledges_data(segment);
        if !(sent_data || received_data) || self.syn_ack.is_none() {
            return Ignored;
        }
        self.opened = true;
        self.confirmed |= by == Side::Server;
        Decided
    }

    fn answers_syn(&self, segment: &Segment) -> bool {
        match &self.syn {
            Some(syn) => acknowledges(segment, &syn.segment),
            None => self.client_sequence() == Some(segment.acknowledgement.wrapping_sub(1)),
        }
    }
}

/// A SYN that was not captured, inferred from its answer.
fn unseen(answer: &Segment, at: u64) -> Transmissions {
    let syn = Segment {
        sequence: answer.acknowledgement.wrapping_sub(1),
        acknowledgement: 0,
        ..*answer
    };
    Transmissions::new(&syn, at)
}

/// The answer acknowledges the SYN, with all or part of its data, and a FIN in it.
fn acknowledges(answer: &Segment, syn: &Segment) -> bool {
    let data = syn.sequence.wrapping_add(1);
    let fin = u32::from(syn.flags.has(Flags::FIN));
    answer.acknowledgement.wrapping_sub(data) <= syn.payload_bytes.saturating_add(fin)
}

/// The sender has sent nothing but its SYN and the SYN's data.
fn has_sent_only_syn(segment: &Segment, sequence: u32, payload: u32) -> bool {
    segment.sequence.wrapping_sub(sequence.wrapping_add(1)) <= payload
}

/// A sequence number is after another, but less than [`MAX_UNSEEN`] bytes.
fn is_soon_after(number: u32, other: u32) -> bool {
    number.wrapping_sub(other.wrapping_add(1)) <= MAX_UNSEEN
}

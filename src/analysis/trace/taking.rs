//! What each segment means to a handshake (RFC 9293, section 3.5).

use super::{
    attempt::Attempt,
    leg::{Leg, Sighting},
    sequence::{MOST_UNSEEN, is_soon_after},
};
use crate::model::{Flags, Segment};

/// What a segment meant to a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Nothing: it belongs to something else, or is a copy.
    Ignored,
    /// Something; how it ends is still open.
    Noted,
    /// How it ends is known.
    Decided,
    /// It begins another handshake with the same four numbers.
    Superseded,
}

impl Attempt {
    /// Takes one segment with the same four numbers.
    pub fn take(&mut self, segment: &Segment, at: u64) -> Taken {
        let flags = segment.flags;
        if flags.has(Flags::FIN) && self.may_have_sent(segment) {
            self.fin.get_or_insert_with(|| Box::new((*segment, at)));
        }
        let taken = if flags.has(Flags::RST) {
            self.take_reset(segment)
        } else if flags.has(Flags::SYN.and(Flags::ACK)) {
            self.take_syn_ack(segment, at)
        } else if flags.has(Flags::SYN) {
            self.take_syn(segment, at)
        } else if flags.has(Flags::ACK) {
            self.take_ack(segment, at)
        } else {
            Taken::Ignored
        };
        if matches!(taken, Taken::Noted | Taken::Decided) {
            self.packet = segment.number;
        }
        taken
    }

    fn take_syn(&mut self, segment: &Segment, at: u64) -> Taken {
        if !self.is_from_client(segment) {
            return self.take_crossing(segment, at);
        }
        let answered = self.syn_ack.as_ref();
        match &mut self.syn {
            Some(syn) if syn.sequence() == segment.sequence => noted(syn.see(segment, at)),
            Some(_) => Taken::Superseded,
            // Two devices are read one after the other, so that the answer may come first.
            None if answered.is_some_and(|answer| acknowledges(&answer.segment, segment)) => {
                self.syn = Some(Leg::new(segment, at.min(self.first)));
                (self.began_ns, self.interface, self.vlan) =
                    (segment.time_ns, segment.interface, segment.vlan);
                Taken::Noted
            }
            None => Taken::Superseded,
        }
    }

    fn take_crossing(&mut self, segment: &Segment, at: u64) -> Taken {
        if self.syn_ack.is_some() || self.ack.is_some() {
            return Taken::Superseded;
        }
        match &mut self.crossing {
            Some(crossing) if crossing.sequence() == segment.sequence => {
                noted(crossing.see(segment, at))
            }
            _ => {
                self.crossing = Some(Box::new(Leg::new(segment, at)));
                Taken::Noted
            }
        }
    }

    fn take_syn_ack(&mut self, segment: &Segment, at: u64) -> Taken {
        if !self.is_to_itself() && self.is_from_client(segment) {
            return self.take_crossed_answer(segment, at);
        }
        if !self.answers_syn(segment) {
            return Taken::Ignored;
        }
        match &mut self.syn_ack {
            None => {
                self.syn_ack = Some(Leg::new(segment, at));
                self.syns_before_answer = self.syn.as_ref().map_or(0, |syn| syn.count);
                let has_crossed = self.crossing.is_some() && self.ack.is_some();
                decided_if(self.is_to_itself() || has_crossed)
            }
            Some(first) => {
                if first.see(segment, at) == Sighting::Copy {
                    return Taken::Ignored;
                }
                self.sequence_changed |= first.sequence() != segment.sequence;
                first.segment.sequence = segment.sequence;
                self.repeated_after_ack += u32::from(self.is_sent_after_ack(at));
                Taken::Noted
            }
        }
    }

    /// A SYN-ACK that passes now left the server after the ACK had come there. To a server elsewhere
    /// and back it takes no longer than it took from the SYN to its answer.
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
    fn take_crossed_answer(&mut self, segment: &Segment, at: u64) -> Taken {
        let own = self.client_sequence() == Some(segment.sequence);
        if !own || self.ack.is_some() {
            return Taken::Ignored;
        }
        if self.crossing.is_none() && self.syn_ack.is_some() {
            return Taken::Ignored;
        }
        self.crossing
            .get_or_insert_with(|| Box::new(unseen(segment, at)));
        self.ack = Some(at);
        decided_if(self.syn_ack.is_some())
    }

    fn take_ack(&mut self, segment: &Segment, at: u64) -> Taken {
        match self.is_from_client(segment) {
            true => self.take_client_ack(segment, at),
            false => self.take_server_ack(segment),
        }
    }

    /// Its number is one that its sender can have come to by now.
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

    fn take_client_ack(&mut self, segment: &Segment, at: u64) -> Taken {
        let Some(own) = self.client_sequence() else {
            return Taken::Ignored;
        };
        let sent = segment.sequence.wrapping_sub(own.wrapping_add(1));
        let taken = match self.server_sequence() {
            // Its SYN-ACK was not seen, but was there to be acknowledged.
            None => 0,
            Some(sequence) => {
                let first = sequence.wrapping_add(1);
                segment.acknowledgement.wrapping_sub(first)
            }
        };
        if sent > MOST_UNSEEN || taken > MOST_UNSEEN {
            return Taken::Ignored;
        }
        let is_first = !self.is_acknowledged();
        self.acknowledged(sent, at);
        self.confirmed |= taken > 0;
        match (self.confirmed, is_first) {
            (true, _) => Taken::Decided,
            (false, true) => Taken::Noted,
            (false, false) => Taken::Ignored,
        }
    }

    /// With so many bytes sent before. A client may acknowledge the SYN-ACK together with data; if
    /// that passed unseen, a later acknowledgement does not tell when.
    fn acknowledged(&mut self, sent: u32, at: u64) {
        match sent <= self.syn_payload() {
            true => _ = self.ack.get_or_insert(at),
            false => self.opened = true,
        }
    }

    fn take_server_ack(&mut self, segment: &Segment) -> Taken {
        let Some(own) = self.client_sequence() else {
            return Taken::Ignored;
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
            return Taken::Ignored;
        }
        self.confirmed |= follows;
        // With TCP Fast Open the server speaks before the client has acknowledged.
        decided_if(follows && self.is_acknowledged())
    }

    /// It acknowledges this client's SYN.
    pub fn answers_syn(&self, segment: &Segment) -> bool {
        match &self.syn {
            Some(syn) => acknowledges(segment, &syn.segment),
            None => self.client_sequence() == Some(segment.acknowledgement.wrapping_sub(1)),
        }
    }
}

fn decided_if(decided: bool) -> Taken {
    match decided {
        true => Taken::Decided,
        false => Taken::Noted,
    }
}

fn noted(sighting: Sighting) -> Taken {
    match sighting {
        Sighting::Copy => Taken::Ignored,
        Sighting::Again => Taken::Noted,
    }
}

/// A SYN that passed unseen, told by its answer.
fn unseen(answer: &Segment, at: u64) -> Leg {
    let mut segment = *answer;
    segment.sequence = answer.acknowledgement.wrapping_sub(1);
    segment.acknowledgement = 0;
    Leg::new(&segment, at)
}

/// It acknowledges all of a SYN, or all but its data.
fn acknowledges(answer: &Segment, syn: &Segment) -> bool {
    let beyond = answer
        .acknowledgement
        .wrapping_sub(syn.sequence.wrapping_add(1));
    beyond <= syn.payload_bytes
}

//! One handshake while it lasts: what was seen of it, segment by segment (RFC 9293, section 3.5).

use super::{
    Listening,
    leg::{Leg, Sighting},
};
use crate::model::{Address, End, Flags, Segment};

/// More data does not pass before a bare acknowledgement of it does: a number further ahead is that
/// of an old connection, or made up.
const MOST_UNSEEN: u32 = 1 << 24;

/// What was seen of a handshake so far.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Names this one among all, also those with the same four numbers.
    pub serial: u64,
    /// Who sent the SYN.
    pub client: Address,
    /// Whom it was sent to.
    pub server: Address,
    /// When its first segment passed, in nanoseconds since 1970.
    pub began_ns: u64,
    /// The same on the clock that does not step.
    pub first: u64,
    /// The device that it was seen on.
    pub interface: u32,
    /// The outermost VLAN's id there.
    pub vlan: Option<u16>,
    /// Steps of the clock before it.
    pub clock_steps: u32,
    /// Packets that the kernel had lost before it.
    pub lost_before: u64,
    /// The SYN.
    pub syn: Option<Leg>,
    /// The server's own SYN, which crossed the client's.
    pub crossing: Option<Box<Leg>>,
    /// The SYN-ACK.
    pub syn_ack: Option<Leg>,
    /// SYNs that were there before the first SYN-ACK.
    pub syns_before_answer: u32,
    /// When the client's acknowledgement passed.
    pub ack: Option<u64>,
    /// SYN-ACKs that were sent although the client's acknowledgement had come.
    pub repeated_after_ack: u32,
    /// The client took the SYN-ACK, as something that followed proves.
    pub opened: bool,
    /// The server took the acknowledgement.
    pub confirmed: bool,
    /// How it was broken off.
    pub reset: Option<Reset>,
    /// The first FIN, and when it passed.
    pub fin: Option<Box<(Segment, u64)>>,
    /// The server answered the SYN as one that belongs to a connection it still has.
    pub challenge_ack: bool,
    /// SYN-ACKs came with different sequence numbers.
    pub sequence_changed: bool,
    /// Nanoseconds since the connection before with the same four numbers ended.
    pub reused_after: Option<u64>,
    /// Who listened at the server's address; `None` where that is not known.
    pub listening: Option<Listening>,
    /// Which packet tells the outcome, so far.
    pub packet: u64,
}

/// A reset that ended a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// Who sent it.
    pub by: End,
    /// The flag ACK was set.
    pub with_ack: bool,
}

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
    /// One that begins with a SYN, or in the middle of a capture with a SYN-ACK.
    pub fn new(segment: &Segment, at: u64) -> Self {
        let is_answer = segment.flags.has(Flags::ACK);
        let (client, server) = match is_answer {
            true => (segment.destination, segment.source),
            false => (segment.source, segment.destination),
        };
        let leg = Leg::new(segment, at);
        let (syn, syn_ack) = match is_answer {
            true => (None, Some(leg)),
            false => (Some(leg), None),
        };
        Attempt {
            serial: 0,
            client,
            server,
            began_ns: segment.time_ns,
            first: at,
            interface: segment.interface,
            vlan: segment.vlan,
            clock_steps: 0,
            lost_before: 0,
            syn,
            crossing: None,
            syn_ack,
            syns_before_answer: 0,
            ack: None,
            repeated_after_ack: 0,
            opened: false,
            confirmed: false,
            reset: None,
            fin: None,
            challenge_ack: false,
            sequence_changed: false,
            reused_after: None,
            listening: None,
            packet: segment.number,
        }
    }

    /// The client has acknowledged the SYN-ACK, seen or unseen.
    pub fn is_acknowledged(&self) -> bool {
        self.ack.is_some() || self.opened
    }

    /// The client has a connection.
    pub fn is_open(&self) -> bool {
        self.is_acknowledged() || self.confirmed
    }

    /// Client and server are the same socket.
    pub fn is_to_itself(&self) -> bool {
        self.client == self.server
    }

    /// The number that the client's bytes begin behind.
    pub fn client_sequence(&self) -> Option<u32> {
        let acknowledged = || {
            Some(
                self.syn_ack
                    .as_ref()?
                    .segment
                    .acknowledgement
                    .wrapping_sub(1),
            )
        };
        self.syn.as_ref().map(Leg::sequence).or_else(acknowledged)
    }

    /// The number that the server's bytes begin behind.
    pub fn server_sequence(&self) -> Option<u32> {
        let own = self.syn_ack.as_ref().or(self.crossing.as_deref());
        own.map(Leg::sequence)
    }

    /// Data in the SYN (RFC 7413).
    pub fn syn_payload(&self) -> u32 {
        self.syn.as_ref().map_or(0, |syn| syn.segment.payload_bytes)
    }

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

    fn is_from_client(&self, segment: &Segment) -> bool {
        segment.source == self.client
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
            None if answered.is_some_and(|answer| acknowledges(answer, segment)) => {
                self.syn = Some(Leg::new(segment, at.min(self.first)));
                (self.began_ns, self.interface) = (segment.time_ns, segment.interface);
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

    /// What acknowledges the SYN and its data.
    fn after_syn(&self) -> u32 {
        let sequence = self.client_sequence().unwrap_or(0);
        sequence.wrapping_add(1).wrapping_add(self.syn_payload())
    }

    fn take_reset(&mut self, segment: &Segment) -> Taken {
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

    /// It acknowledges this client's SYN: all of it, or all but its data.
    fn answers_syn(&self, segment: &Segment) -> bool {
        match &self.syn {
            Some(syn) => acknowledges_syn(&syn.segment, segment.acknowledgement),
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

/// The sender has sent nothing but its SYN, and what that carried.
fn has_sent_only_syn(segment: &Segment, sequence: u32, payload: u32) -> bool {
    let sent = segment.sequence.wrapping_sub(sequence.wrapping_add(1));
    sent <= payload
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

fn acknowledges(answer: &Leg, syn: &Segment) -> bool {
    acknowledges_syn(syn, answer.segment.acknowledgement)
}

fn acknowledges_syn(syn: &Segment, acknowledgement: u32) -> bool {
    let beyond = acknowledgement.wrapping_sub(syn.sequence.wrapping_add(1));
    beyond <= syn.payload_bytes
}

/// How far one number is behind another, on the circle of sequence numbers.
pub fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

/// A number is behind another, and not so far that something must have been seen between.
fn is_soon_after(number: u32, other: u32) -> bool {
    number.wrapping_sub(other.wrapping_add(1)) <= MOST_UNSEEN
}

//! One handshake while it lasts: what was seen of it so far.

use super::{Listening, leg::Leg};
use crate::model::{Address, End, Flags, Segment};

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
        let acknowledged = |answer: &Leg| answer.segment.acknowledgement.wrapping_sub(1);
        let told = || self.syn_ack.as_ref().map(acknowledged);
        self.syn.as_ref().map(Leg::sequence).or_else(told)
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

    /// Its client sent this.
    pub fn is_from_client(&self, segment: &Segment) -> bool {
        segment.source == self.client
    }

    /// What acknowledges the SYN and its data.
    pub fn after_syn(&self) -> u32 {
        let sequence = self.client_sequence().unwrap_or(0);
        sequence.wrapping_add(1).wrapping_add(self.syn_payload())
    }
}

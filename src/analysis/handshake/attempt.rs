//! A handshake in progress: what was captured of it so far.

use super::{
    listeners::{Dropped, Listeners, Listening, QueueSample},
    outcome::{CapturedOn, ResetReport, Unreachable},
    transmissions::Transmissions,
};
use crate::model::{Address, Direction, Flags, Segment, Tunnel};

#[derive(Debug, Clone)]
pub struct Attempt {
    /// Distinguishes attempts with the same 4-tuple.
    pub serial: u64,
    pub client: Address,
    pub server: Address,
    /// The ends before a translation of addresses, where the packet was seen before it.
    pub before_translation: Option<(Address, Address)>,
    /// The packet was seen again behind a translation, as another attempt.
    pub goes_on: bool,
    /// When its first segment passed, in nanoseconds since 1970.
    pub began_ns: u64,
    /// When its first segment passed, on the clock that does not step.
    pub first: u64,
    /// Of the first segment, as are `vlan` and `tunnel`.
    pub interface: u32,
    pub vlan: Option<u16>,
    pub tunnel: Option<Tunnel>,
    /// Steps of the clock before it.
    pub clock_steps: u32,
    /// Packets that the capture had dropped before it.
    pub lost_before: u64,
    pub syn: Option<Transmissions>,
    /// The server's own SYN, which crossed the client's.
    pub crossing: Option<Box<Transmissions>>,
    pub syn_ack: Option<Transmissions>,
    pub syns_before_answer: u32,
    /// When the client's acknowledgement passed.
    pub ack: Option<u64>,
    /// SYN-ACKs retransmitted although the acknowledgement had arrived.
    pub repeated_after_ack: u32,
    /// The client received the SYN-ACK, as a later segment proves.
    pub opened: bool,
    /// The server received the acknowledgement.
    pub confirmed: bool,
    pub reset: Option<ResetReport>,
    /// The last ICMP error, and when it passed.
    pub unreachable: Option<(Unreachable, u64)>,
    /// The first FIN, and when it passed.
    pub fin: Option<Box<(Segment, u64)>>,
    /// The server answered the SYN with an ACK of a connection that it still has.
    pub challenge_ack: bool,
    /// SYN-ACKs came with different sequence numbers.
    pub sequence_changed: bool,
    /// Nanoseconds since the previous connection with this 4-tuple ended.
    pub reused_after: Option<u64>,
    /// At the server's address; `None` where that is not known.
    pub listening: Option<Listening>,
    /// What the listener had dropped before; `None` where that is not known.
    pub drops_before: Option<Dropped>,
    /// The packet that decides the outcome so far.
    pub packet: u64,
}

impl Attempt {
    /// Begins with a SYN, or in the middle of a capture with a SYN-ACK.
    pub fn new(segment: &Segment, at: u64) -> Self {
        let is_answer = segment.flags.has(Flags::ACK);
        let first = Some(Transmissions::new(segment, at));
        let (client, server, syn, syn_ack) = match is_answer {
            true => (segment.destination, segment.source, None, first),
            false => (segment.source, segment.destination, first, None),
        };
        Attempt {
            serial: 0,
            client,
            server,
            before_translation: None,
            goes_on: false,
            began_ns: segment.time_ns,
            first: at,
            interface: segment.interface,
            vlan: segment.vlan,
            tunnel: segment.tunnel,
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
            unreachable: None,
            fin: None,
            challenge_ack: false,
            sequence_changed: false,
            reused_after: None,
            listening: None,
            drops_before: None,
            packet: segment.number,
        }
    }

    /// The client has acknowledged the SYN-ACK, even if that was not captured.
    pub fn is_acknowledged(&self) -> bool {
        self.ack.is_some() || self.opened
    }

    pub fn is_open(&self) -> bool {
        self.is_acknowledged() || self.confirmed
    }

    pub fn is_self_connect(&self) -> bool {
        self.client == self.server
    }

    pub fn client_sequence(&self) -> Option<u32> {
        let acknowledged = |answer: &Transmissions| answer.segment.acknowledgement.wrapping_sub(1);
        let own = self.syn.as_ref().map(Transmissions::sequence);
        own.or_else(|| self.syn_ack.as_ref().map(acknowledged))
    }

    /// The initial sequence number of the last SYN-ACK.
    pub fn server_sequence(&self) -> Option<u32> {
        let own = self.syn_ack.as_ref().or(self.crossing.as_deref());
        own.map(Transmissions::sequence)
    }

    /// Bytes of data in the SYN (RFC 7413).
    pub fn syn_payload(&self) -> u32 {
        self.syn.as_ref().map_or(0, |syn| syn.segment.payload_bytes)
    }

    pub fn is_from_client(&self, segment: &Segment) -> bool {
        segment.source == self.client
    }

    pub fn after_syn(&self) -> u32 {
        let sequence = self.client_sequence().unwrap_or(0);
        sequence.wrapping_add(1).wrapping_add(self.syn_payload())
    }

    /// Joins an attempt whose SYN is the same packet before a translation of its addresses.
    pub fn follow(&mut self, earlier: &mut Attempt) {
        let ends = (earlier.client, earlier.server);
        self.before_translation = Some(earlier.before_translation.unwrap_or(ends));
        self.reused_after = earlier.reused_after;
        earlier.goes_on = true;
        if let (Some(syn), Some(earlier)) = (&mut self.syn, &earlier.syn) {
            syn.follow(earlier);
        }
    }

    pub fn server_is_here(&self) -> bool {
        self.captured_on().is_some_and(CapturedOn::has_server)
    }

    pub fn captured_on(&self) -> Option<CapturedOn> {
        if self.client.address.is_loopback() && self.server.address.is_loopback() {
            return Some(CapturedOn::Both);
        }
        let to_server = self.syn.as_ref().and_then(Transmissions::direction);
        let from_server = || self.syn_ack.as_ref().and_then(Transmissions::direction);
        let (direction, incoming, outgoing) = match to_server {
            Some(direction) => (direction, CapturedOn::Server, CapturedOn::Client),
            None => (from_server()?, CapturedOn::Client, CapturedOn::Server),
        };
        Some(match direction {
            Direction::Internal => CapturedOn::Both,
            Direction::Passing => CapturedOn::Between,
            Direction::Incoming => incoming,
            Direction::Outgoing => outgoing,
        })
    }

    /// Samples the listener at the server's address, if that is on this host. A sample of a full
    /// queue is not replaced: it explains more.
    pub fn observe(&mut self, listeners: &Listeners, packet: &Segment) {
        if !self.server_is_here() {
            return;
        }
        if packet.time_ns == self.began_ns {
            self.drops_before = listeners.drops_before(&self.server, packet);
        }
        let seen = listeners.listening(&self.server, packet, self.drops_before);
        self.listening = match (self.listening, seen) {
            (Some(Listening::There(full)), Some(Listening::There(now))) if full.is_full() => {
                let dropped = now.dropped;
                Some(Listening::There(QueueSample { dropped, ..full }))
            }
            (before, now) => now.or(before),
        };
    }
}

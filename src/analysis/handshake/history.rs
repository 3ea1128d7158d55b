//! Recently finished handshakes, so that late segments are not taken for new handshakes, and how
//! their connections end.

use std::{
    collections::{HashMap, VecDeque},
    hash::{Hash, Hasher},
    net::IpAddr,
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    attempt::Attempt,
    outcome::Side,
    row::{milliseconds, rfc3339},
};
use crate::model::{Address, Flags, Segment};

/// Connections that are remembered. They fill half of a table of 2^18 slots; a fuller table would
/// grow when entries are replaced.
const MAX_ENTRIES: usize = 114_688;
/// A SYN-ACK that comes this much later than the end of its handshake is a retransmission.
const LATE_NS: u64 = 100_000_000;

/// A connection that ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Close {
    /// The sender of the SYN; where that was not captured, the end with the higher port.
    pub client: Address,
    /// The other end.
    pub server: Address,
    /// The interface; `null` where that has no name.
    pub interface: Option<Arc<str>>,
    /// The end that was first to close or reset.
    pub closed_by: Side,
    /// How it ended.
    pub how: How,
    /// The sender of the reset; `null` without one.
    pub reset_by: Option<Side>,
    /// When the last FIN or the RST was captured: RFC 3339, UTC.
    pub ended: String,
    /// Milliseconds since the SYN; `null` when that was not captured.
    pub lived_ms: Option<f64>,
    /// Milliseconds from the first FIN to the end; `null` without a FIN.
    pub half_closed_ms: Option<f64>,
    /// The packet of the capture that ended it, from 1.
    pub packet: u64,
    /// The interface's index.
    #[serde(skip)]
    pub interface_index: u32,
    /// When it ended, in nanoseconds since 1970.
    #[serde(skip)]
    pub ended_ns: u64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Both ends sent FIN.
    Fin,
    /// One end sent RST.
    Reset,
}

#[derive(Debug, Clone)]
pub struct Finished {
    client: Address,
    server: Address,
    interface: u32,
    /// When its handshake began; `None` when that was not captured.
    began: Option<u64>,
    client_sequence: Option<u32>,
    server_sequence: Option<u32>,
    is_connection: bool,
    /// When its handshake ended.
    since: u64,
    /// Its SYN-ACK was retransmitted after that.
    is_contradicted: bool,
    first_fin: Option<Fin>,
    pub ended: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Fin {
    by: Side,
    at: u64,
    /// The number that acknowledges it.
    after: u32,
}

/// The 4-tuple of a connection, equal for both directions: the lower address first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey(Address, Address);

impl FlowKey {
    pub fn of(segment: &Segment) -> Self {
        Self::between(segment.source, segment.destination)
    }

    pub fn between(one: Address, other: Address) -> Self {
        FlowKey(one.min(other), one.max(other))
    }
}

/// Every packet is looked up, so an IPv4 key is hashed in one call.
impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let FlowKey(one, other) = self;
        let ports = u32::from(one.port) << 16 | u32::from(other.port);
        match (one.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let addresses = u128::from(a.to_bits()) << 32 | u128::from(b.to_bits());
                state.write_u128(addresses << 32 | u128::from(ports));
            }
            (a, b) => (a, b, ports).hash(state),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shortcomings {
    /// Unfinished handshakes that were forgotten for lack of room.
    pub evicted: u64,
    /// Connections that were forgotten for lack of room, so that their end is not reported.
    pub forgotten: u64,
    /// Handshakes reported as established whose SYN-ACK was retransmitted after that.
    pub contradicted: u64,
}

#[derive(Debug, Default)]
pub struct History {
    serials: HashMap<FlowKey, u64>,
    /// In the order of their serial numbers; `None` where one was removed.
    entries: VecDeque<Option<Finished>>,
    /// The serial number of the first entry.
    first_serial: u64,
    pub shortcomings: Shortcomings,
}

impl History {
    pub fn find(&mut self, key: &FlowKey) -> Option<&mut Finished> {
        let serial = *self.serials.get(key)?;
        self.at(serial)?.as_mut()
    }

    /// Replaces an entry with the same key.
    pub fn insert(&mut self, key: FlowKey, finished: Finished) {
        let serial = self.first_serial + self.entries.len() as u64;
        let before = self.serials.insert(key, serial);
        if let Some(replaced) = before.and_then(|before| self.at(before)) {
            *replaced = None;
        }
        self.entries.push_back(Some(finished));
        if self.entries.len() > MAX_ENTRIES {
            self.forget_oldest();
        }
    }

    pub fn remove(&mut self, key: &FlowKey) -> Option<Finished> {
        let serial = self.serials.remove(key)?;
        self.at(serial)?.take()
    }

    /// A SYN or SYN-ACK belongs to a handshake that has ended.
    pub fn explains(&mut self, key: &FlowKey, segment: &Segment, at: u64) -> bool {
        let Some(finished) = self.find(key) else {
            return false;
        };
        let is_explained = finished.began_with(segment);
        let is_answer = segment.flags.has(Flags::ACK);
        let is_late = at.saturating_sub(finished.since) > LATE_NS;
        let contradicts = is_explained && is_answer && finished.is_connection && is_late;
        let is_first = contradicts && !finished.is_contradicted;
        finished.is_contradicted |= contradicts;
        self.shortcomings.contradicted += u64::from(is_first);
        is_explained
    }

    fn at(&mut self, serial: u64) -> Option<&mut Option<Finished>> {
        let index = usize::try_from(serial - self.first_serial).ok()?;
        self.entries.get_mut(index)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.entries.pop_front().flatten();
        self.first_serial += 1;
        if let Some(oldest) = oldest {
            let key = FlowKey::between(oldest.client, oldest.server);
            self.serials.remove(&key);
            let is_open = oldest.is_connection && oldest.ended.is_none();
            self.shortcomings.forgotten += u64::from(is_open);
        }
    }
}

impl Finished {
    pub fn new(attempt: &Attempt, since: u64) -> Self {
        let is_reset = attempt.reset.is_some();
        Finished {
            interface: attempt.interface,
            began: Some(attempt.first),
            client_sequence: attempt.client_sequence(),
            server_sequence: attempt.server_sequence(),
            is_connection: !is_reset && !attempt.goes_on && attempt.is_open(),
            ended: is_reset.then_some(since),
            ..Self::between(attempt.client, attempt.server, since)
        }
    }

    /// A connection from before the capture. Its client is unknown, so the lower port is taken for
    /// the server's.
    pub fn unseen(segment: &Segment, at: u64) -> Self {
        let (one, other) = (segment.source, segment.destination);
        let (client, server) = match one.port < other.port {
            true => (other, one),
            false => (one, other),
        };
        Finished {
            interface: segment.interface,
            ..Self::between(client, server, at)
        }
    }

    fn between(client: Address, server: Address, since: u64) -> Self {
        Finished {
            client,
            server,
            interface: 0,
            began: None,
            client_sequence: None,
            server_sequence: None,
            is_connection: true,
            since,
            is_contradicted: false,
            first_fin: None,
            ended: None,
        }
    }

    fn began_with(&self, segment: &Segment) -> bool {
        segment.source == self.client && self.client_sequence == Some(segment.sequence)
            || segment.source == self.server && self.server_sequence == Some(segment.sequence)
    }

    /// Applies a FIN or RST; returns the report if that ends the connection.
    pub fn close(&mut self, segment: &Segment, at: u64) -> Option<Close> {
        if self.ended.is_some() || !self.is_connection {
            return None;
        }
        let sender = Side::of(segment, self.client);
        if segment.flags.has(Flags::RST) {
            let by = self.first_fin.map_or(sender, |fin| fin.by);
            return Some(self.end(segment, at, How::Reset, by));
        }
        match self.first_fin {
            None => {
                let data = segment.sequence.wrapping_add(segment.payload_bytes);
                let (by, after) = (sender, data.wrapping_add(1));
                self.first_fin = Some(Fin { by, at, after });
                None
            }
            Some(fin) if fin.by == sender && self.client != self.server => None,
            Some(fin) => {
                let distance = segment.acknowledgement.wrapping_sub(fin.after);
                let by = match distance.cast_signed() >= 0 {
                    true => fin.by,
                    false => Side::Both,
                };
                Some(self.end(segment, at, How::Fin, by))
            }
        }
    }

    fn end(&mut self, segment: &Segment, at: u64, how: How, closed_by: Side) -> Close {
        self.ended = Some(at);
        let since = |then: u64| milliseconds(at.saturating_sub(then));
        Close {
            client: self.client,
            server: self.server,
            interface: None,
            closed_by,
            how,
            reset_by: (how == How::Reset).then(|| Side::of(segment, self.client)),
            ended: rfc3339(segment.time_ns),
            lived_ms: self.began.map(since),
            half_closed_ms: self.first_fin.map(|fin| since(fin.at)),
            packet: segment.number,
            interface_index: self.interface,
            ended_ns: segment.time_ns,
        }
    }
}

//! Connections whose handshake has ended: what still comes of them is no new one, and a SYN with
//! the same four numbers takes their place.

use std::collections::{HashMap, VecDeque};

use super::{
    Close, How, Side,
    attempt::{Attempt, distance},
    handshake::{milliseconds, written},
    pair::Pair,
};
use crate::model::{Address, End, Flags, Segment};

/// How many are remembered; the oldest go first.
pub const MOST: usize = 131_072;

/// One of them.
#[derive(Debug, Clone)]
pub struct Past {
    client: Address,
    server: Address,
    interface: u32,
    /// When its handshake began; `None` when that was not seen.
    began: Option<u64>,
    client_sequence: Option<u32>,
    /// The server's, where its SYN-ACK may still be repeated.
    server_sequence: Option<u32>,
    /// Its handshake came to a connection.
    pub is_connection: bool,
    /// When its handshake ended.
    pub since: u64,
    first_fin: Option<Fin>,
    /// When it ended.
    pub ended: Option<u64>,
    serial: u64,
}

#[derive(Debug, Clone, Copy)]
struct Fin {
    by: Address,
    at: u64,
    /// What acknowledges it.
    after: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Pasts {
    known: HashMap<Pair, Past>,
    order: VecDeque<(u64, Pair)>,
    serial: u64,
    /// How many live connections were forgotten for want of room.
    pub forgotten: u64,
}

impl Pasts {
    /// The one with these four numbers.
    pub fn find(&mut self, pair: &Pair) -> Option<&mut Past> {
        self.known.get_mut(pair)
    }

    /// Remembers one in the place of another with the same numbers.
    pub fn insert(&mut self, pair: Pair, past: Past) {
        self.serial += 1;
        let serial = self.serial;
        self.known.insert(pair, Past { serial, ..past });
        self.order.push_back((serial, pair));
        while self.known.len() > MOST || self.order.len() > 2 * MOST {
            let Some((serial, pair)) = self.order.pop_front() else {
                return;
            };
            if self
                .known
                .get(&pair)
                .is_some_and(|past| past.serial == serial)
                && let Some(gone) = self.known.remove(&pair)
            {
                self.forgotten += u64::from(gone.is_connection && gone.ended.is_none());
            }
        }
    }

    /// Takes out the one with these four numbers.
    pub fn remove(&mut self, pair: &Pair) -> Option<Past> {
        self.known.remove(pair)
    }
}

impl Past {
    /// What is left of a handshake. `is_connection` when it came to one.
    pub fn of(attempt: &Attempt, is_connection: bool, since: u64) -> Self {
        Past {
            client: attempt.client,
            server: attempt.server,
            interface: attempt.interface,
            began: Some(attempt.first),
            client_sequence: attempt.client_sequence(),
            server_sequence: attempt.server_sequence(),
            is_connection,
            since,
            first_fin: None,
            ended: attempt.reset.is_some().then_some(since),
            serial: 0,
        }
    }

    /// A connection that was there before the capture began; who was the client is not known, so
    /// the lower port is taken for the server's.
    pub fn unseen(segment: &Segment, at: u64) -> Self {
        let (one, other) = (segment.source, segment.destination);
        let (client, server) = match one.port < other.port {
            true => (other, one),
            false => (one, other),
        };
        Past {
            client,
            server,
            interface: segment.interface,
            began: None,
            client_sequence: None,
            server_sequence: None,
            is_connection: true,
            since: at,
            first_fin: None,
            ended: None,
            serial: 0,
        }
    }

    /// A SYN that is only another copy of the one that it began with.
    pub fn is_same_syn(&self, segment: &Segment) -> bool {
        segment.source == self.client && self.client_sequence == Some(segment.sequence)
            || segment.source == self.server && self.server_sequence == Some(segment.sequence)
    }

    /// A SYN-ACK that it was ended without.
    pub fn is_same_answer(&self, segment: &Segment) -> bool {
        segment.source == self.server && self.server_sequence == Some(segment.sequence)
            || segment.source == self.client && self.client_sequence == Some(segment.sequence)
    }

    /// Takes a FIN or RST. Gives what is to be said when that ends it.
    pub fn close(&mut self, segment: &Segment, at: u64) -> Option<Close> {
        if self.ended.is_some() || !self.is_connection {
            return None;
        }
        if segment.flags.has(Flags::RST) {
            let first = self.first_fin;
            let by = first.map_or(segment.source, |fin| fin.by);
            return Some(self.ends(segment, at, How::Reset, self.side(&by)));
        }
        match self.first_fin {
            None => {
                self.first_fin = Some(Fin {
                    by: segment.source,
                    at,
                    after: after(segment),
                });
                None
            }
            Some(fin) if fin.by == segment.source && self.client != self.server => None,
            Some(fin) => {
                let answers = distance(fin.after, segment.acknowledgement) >= 0;
                let by = match answers {
                    true => self.side(&fin.by),
                    false => Side::Both,
                };
                Some(self.ends(segment, at, How::Fin, by))
            }
        }
    }

    fn side(&self, end: &Address) -> Side {
        match *end == self.client {
            true => End::Client.into(),
            false => End::Server.into(),
        }
    }

    fn ends(&mut self, segment: &Segment, at: u64, how: How, closed_by: Side) -> Close {
        self.ended = Some(at);
        let since = |then: u64| milliseconds(at.saturating_sub(then));
        Close {
            client: self.client,
            server: self.server,
            interface: None,
            closed_by,
            how,
            reset_by: (how == How::Reset).then(|| self.side(&segment.source)),
            ended: written(segment.time_ns),
            lived_ms: self.began.map(since),
            half_closed_ms: self.first_fin.map(|fin| since(fin.at)),
            packet: segment.number,
            interface_index: self.interface,
            ended_ns: segment.time_ns,
        }
    }
}

fn after(fin: &Segment) -> u32 {
    fin.sequence.wrapping_add(fin.payload_bytes).wrapping_add(1)
}

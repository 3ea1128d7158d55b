//! Connections whose handshake has ended: what still comes of them is no new one, and a SYN with
//! the same four numbers takes their place.

use std::collections::{HashMap, VecDeque};

use super::{
    Close, How, Side,
    attempt::Attempt,
    handshake::{milliseconds, written},
    pair::Pair,
    sequence::distance,
};
use crate::model::{Address, End, Flags, Segment};

/// How many of those that ended last are remembered: a table of 2^18 is half full with them, and
/// one that is fuller grows when entries come and go.
const MOST: usize = 114_688;

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
    /// Its SYN-ACK came again after that.
    pub is_contradicted: bool,
    first_fin: Option<Fin>,
    /// When it ended.
    pub ended: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Fin {
    by: End,
    at: u64,
    /// What acknowledges it.
    after: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Pasts {
    /// Which each is, counted from the first that ever was.
    places: HashMap<Pair, u64>,
    /// Those that are remembered, in the order in which they came; `None` where one was taken out.
    kept: VecDeque<Option<Past>>,
    /// How many came before those.
    gone: u64,
    /// How many live connections were forgotten for want of room.
    pub forgotten: u64,
}

impl Pasts {
    /// The one with these four numbers.
    pub fn find(&mut self, pair: &Pair) -> Option<&mut Past> {
        let place = *self.places.get(pair)?;
        self.at(place)?.as_mut()
    }

    /// Remembers one in the place of another with the same numbers.
    pub fn insert(&mut self, pair: Pair, past: Past) {
        let place = self.gone + self.kept.len() as u64;
        let before = self.places.insert(pair, place);
        if let Some(replaced) = before.and_then(|before| self.at(before)) {
            *replaced = None;
        }
        self.kept.push_back(Some(past));
        if self.kept.len() > MOST {
            self.forget_oldest();
        }
    }

    /// Takes out the one with these four numbers.
    pub fn remove(&mut self, pair: &Pair) -> Option<Past> {
        let place = self.places.remove(pair)?;
        self.at(place)?.take()
    }

    fn at(&mut self, place: u64) -> Option<&mut Option<Past>> {
        let index = usize::try_from(place - self.gone).ok()?;
        self.kept.get_mut(index)
    }

    fn forget_oldest(&mut self) {
        let oldest = self.kept.pop_front().flatten();
        self.gone += 1;
        if let Some(past) = oldest {
            self.places.remove(&Pair::between(past.client, past.server));
            self.forgotten += u64::from(past.is_connection && past.ended.is_none());
        }
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
            is_contradicted: false,
            first_fin: None,
            ended: attempt.reset.is_some().then_some(since),
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
            is_contradicted: false,
            first_fin: None,
            ended: None,
        }
    }

    /// A SYN or SYN-ACK that is one of those it began with.
    pub fn began_with(&self, segment: &Segment) -> bool {
        segment.source == self.client && self.client_sequence == Some(segment.sequence)
            || segment.source == self.server && self.server_sequence == Some(segment.sequence)
    }

    /// Takes a FIN or RST. Gives what is to be said when that ends it.
    pub fn close(&mut self, segment: &Segment, at: u64) -> Option<Close> {
        if self.ended.is_some() || !self.is_connection {
            return None;
        }
        let sender = self.sender(segment);
        if segment.flags.has(Flags::RST) {
            let by = self.first_fin.map_or(sender, |fin| fin.by);
            return Some(self.ends(segment, at, How::Reset, by.into()));
        }
        match self.first_fin {
            None => {
                self.first_fin = Some(Fin {
                    by: sender,
                    at,
                    after: after(segment),
                });
                None
            }
            Some(fin) if fin.by == sender && self.client != self.server => None,
            Some(fin) => {
                let answers = distance(fin.after, segment.acknowledgement) >= 0;
                let by = match answers {
                    true => fin.by.into(),
                    false => Side::Both,
                };
                Some(self.ends(segment, at, How::Fin, by))
            }
        }
    }

    fn sender(&self, segment: &Segment) -> End {
        match segment.source == self.client {
            true => End::Client,
            false => End::Server,
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
            reset_by: (how == How::Reset).then(|| self.sender(segment).into()),
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

//! Listeners, their request sockets and the connections in their accept queues.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::{Endpoint, Families, Listener, Queue, RequestSocket, Waiting};

/// Sockets that others connect or send to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// The internet families that were asked for.
    pub families: Families,
    /// Every one of them: a request is attributed to the best match among all.
    pub sockets: Vec<Listener>,
    /// What earlier readings of this run saw of their limits.
    pub history: LimitHistory,
}

/// What earlier readings saw of accept-queue limits. The kernel keeps neither the backlog given to
/// listen(2) nor the cap at that time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitHistory {
    /// Values of `net.core.somaxconn` in earlier readings.
    pub somaxconn: BTreeSet<u32>,
    /// By socket cookie, the cap in force while the socket's limit changed to what it is now:
    /// `somaxconn` was the same before and after.
    pub set_under: BTreeMap<u64, u32>,
}

/// What the kernel's own structures say of one listener's queues, read at one time (BPF). It tells
/// the members of a SO_REUSEPORT group apart, which connections in tables do not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueContents {
    /// Connections in the accept queue.
    pub length: u32,
    /// How long the first of them has waited; `None` when none waits, or it was accepted meanwhile.
    pub oldest_wait_ms: Option<u64>,
    /// Those whose client has closed or reset them; `None` when the queue changed meanwhile, or this
    /// kernel does not let its members be read.
    pub abandoned: Option<u32>,
    /// Unread bytes of requests that arrived on them; `None` as for `abandoned`.
    pub bytes: Option<u64>,
    /// Request sockets of this listener.
    pub requests: u32,
    /// How many of them had their SYN-ACK retransmitted; `None` with TCP_DEFER_ACCEPT, where the
    /// kernel counts those with them that were answered.
    pub unanswered: Option<u32>,
}

/// Request sockets: SYN received, last ACK missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfOpen {
    /// Time since boot when they were counted. Counting walks every socket of the host, and is not
    /// repeated at every reading where that takes long.
    pub at: Duration,
    /// Sums by concrete local end.
    pub by_endpoint: Vec<(Endpoint, Requests)>,
}

/// Sums of request sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    pub count: u32,
    /// How many had their SYN-ACK retransmitted: it was not answered for a second.
    pub unanswered: u32,
    /// Number of addresses that they come from, [`Requests::MOST_PEERS`] or more at the most.
    pub peers: u32,
}

impl Requests {
    /// Addresses are told apart up to this number.
    pub const MOST_PEERS: u32 = 256;
    /// With fewer than this, where they come from is of no account: it makes no flood.
    pub const FEW: u32 = 16;

    /// Of two local ends, or of two parts of a walk, which may have peers in common.
    pub fn add(&mut self, other: Requests) {
        self.count += other.count;
        self.unanswered += other.unanswered;
        self.peers = self.peers.saturating_add(other.peers).min(Self::MOST_PEERS);
    }
}

/// Sums them up on a walk.
#[derive(Debug, Default)]
pub struct RequestTally {
    count: u32,
    unanswered: u32,
    peers: HashSet<IpAddr>,
}

impl RequestTally {
    pub fn add(&mut self, request: &RequestSocket) {
        self.count += 1;
        self.unanswered += u32::from(request.retransmits > 0);
        self.add_peer(request.peer);
    }

    pub fn merge(&mut self, other: RequestTally) {
        self.count += other.count;
        self.unanswered += other.unanswered;
        other.peers.into_iter().for_each(|peer| self.add_peer(peer));
    }

    pub fn finish(&self) -> Requests {
        Requests {
            count: self.count,
            unanswered: self.unanswered,
            peers: self.peers.len() as u32,
        }
    }

    fn add_peer(&mut self, peer: IpAddr) {
        if self.peers.len() < Requests::MOST_PEERS as usize {
            self.peers.insert(peer);
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingConnections {
    /// As many as were found.
    pub sockets: Vec<Waiting>,
    /// No connection was made and no queue changed its length while they were read, so that those
    /// which a queue counts and which were not found have been reset by their client.
    pub settled: bool,
}

impl LimitHistory {
    /// Adds what the step from one reading to the next shows: both are limits by socket cookie and
    /// the cap in force.
    pub fn observe(&mut self, before: &Limits, now: &Limits) {
        let is_new = |cookie: &u64, limit: u32| before.by_cookie.get(cookie) != Some(&limit);
        self.set_under.retain(|cookie, _| {
            let limit = now.by_cookie.get(cookie);
            limit.is_some_and(|limit| !is_new(cookie, *limit))
        });
        if let Some(cap) = now.somaxconn.filter(|_| now.somaxconn == before.somaxconn) {
            let set = now.by_cookie.iter();
            let set = set.filter(|(cookie, limit)| is_new(cookie, **limit));
            self.set_under.extend(set.map(|(cookie, _)| (*cookie, cap)));
        }
        self.somaxconn.extend(before.somaxconn);
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    pub somaxconn: Option<u32>,
    pub by_cookie: BTreeMap<u64, u32>,
}

impl Limits {
    pub fn of(listeners: &[Listener], somaxconn: Option<u32>) -> Self {
        let limit = |listener: &Listener| match listener.queue {
            Queue::Accept { limit, .. } => Some((listener.cookie, limit)),
            Queue::Receive { .. } => None,
        };
        Limits {
            somaxconn,
            by_cookie: listeners.iter().filter_map(limit).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cap under which the limit was seen to be set after readings of (cap, limit).
    fn set_under(readings: &[(u32, u32)]) -> Option<u32> {
        let mut history = LimitHistory::default();
        let mut before = Limits::default();
        for (cap, limit) in readings {
            let now = Limits {
                somaxconn: Some(*cap),
                by_cookie: BTreeMap::from([(7, *limit)]),
            };
            history.observe(&before, &now);
            before = now;
        }
        history.set_under.get(&7).copied()
    }

    #[test]
    fn a_limit_set_while_the_cap_stayed_was_set_under_it() {
        assert_eq!(set_under(&[(4096, 4096), (4096, 128)]), Some(4096));
        assert_eq!(
            set_under(&[(4096, 4096), (4096, 128), (200, 128)]),
            Some(4096)
        );
    }

    #[test]
    fn a_limit_first_seen_or_set_while_the_cap_moved_proves_nothing() {
        assert_eq!(set_under(&[(4096, 128)]), None);
        assert_eq!(set_under(&[(4096, 4096), (200, 200), (4096, 200)]), None);
        let moved = [(4096, 4096), (4096, 128), (200, 200), (4096, 200)];
        assert_eq!(set_under(&moved), None);
    }
}

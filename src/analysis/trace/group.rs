//! What the handshakes of one server, of one client, or of all come to.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use super::{CapturedOn, Handshake, Outcome, QueueSample, latency::Latencies};

/// No more groups than this are told apart.
const MOST: usize = 1024;
/// No more of them than this are listed.
const LISTED: usize = 20;

/// Handshakes by what they have in common.
#[derive(Debug)]
pub struct Groups<K> {
    known: HashMap<K, Group>,
    is_full: bool,
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Groups {
            known: HashMap::new(),
            is_full: false,
        }
    }
}

/// What some handshakes come to.
#[derive(Debug, Default)]
pub struct Group {
    /// How many ended.
    pub handshakes: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many ended how.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// From SYN to ACK, of those established.
    pub total: Latencies,
    /// From SYN to SYN-ACK.
    pub answer: Latencies,
    /// The accept queue when it was fullest.
    pub queue_max: Option<QueueSample>,
    /// Where they were captured; `None` when that is not known, or differs.
    pub captured_on: Option<CapturedOn>,
    is_mixed: bool,
}

impl<K: Eq + Hash + Ord + Copy> Groups<K> {
    /// Takes one, unless it is of one group too many.
    pub fn add(&mut self, key: K, handshake: &Handshake) {
        if let Some(group) = self.known.get_mut(&key) {
            return group.add(handshake);
        }
        if self.known.len() == MOST {
            self.is_full = true;
            return;
        }
        self.known.entry(key).or_default().add(handshake);
    }

    /// How many groups there are; `None` when they are too many.
    pub fn count(&self) -> Option<u64> {
        (!self.is_full).then_some(self.known.len() as u64)
    }

    /// Those with most failures, and among equals those of the highest rank.
    pub fn worst(&self, rank: impl Fn(&Group) -> u64) -> Vec<(&K, &Group)> {
        let mut all: Vec<_> = self.known.iter().collect();
        all.sort_by_cached_key(|(key, group)| Reverse((group.failed, rank(group), Reverse(**key))));
        all.truncate(LISTED);
        all
    }
}

impl Group {
    /// Takes one.
    pub fn add(&mut self, handshake: &Handshake) {
        let is_first = self.handshakes == 0;
        self.handshakes += 1;
        self.failed += u64::from(handshake.has_failed());
        *self.outcomes.entry(handshake.outcome).or_default() += 1;
        if let Some(milliseconds) = latency(handshake) {
            self.total.add(milliseconds);
        }
        if let Some(milliseconds) = handshake.syn_to_syn_ack_ms {
            self.answer.add(milliseconds);
        }
        self.queue_max = fuller(self.queue_max, handshake.listener_queue);
        self.is_mixed |= !is_first && self.captured_on != handshake.captured_on;
        self.captured_on = handshake.captured_on.filter(|_| !self.is_mixed);
    }
}

/// From SYN to ACK, of one established.
pub fn latency(handshake: &Handshake) -> Option<f64> {
    let is_established = handshake.outcome == Outcome::Established;
    handshake.total_ms.filter(|_| is_established)
}

fn fuller(one: Option<QueueSample>, other: Option<QueueSample>) -> Option<QueueSample> {
    let room = |sample: &QueueSample| Reverse(sample.room());
    one.into_iter().chain(other).max_by_key(room)
}

//! What all handshakes come to.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    hash::Hash,
    net::IpAddr,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    CapturedOn, Close, Handshake, How, Outcome, QueueSample, Rises, Side,
    latency::{Bar, Bars, Latencies, Percentiles},
};
use crate::model::Address;

/// No more servers and clients than this are told apart.
const MOST: usize = 1024;
/// No more of them than this are listed.
const LISTED: usize = 20;

/// What all handshakes come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// How many ended how.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many ended at all.
    pub handshakes: u64,
    /// How many of them were shown.
    pub shown: u64,
    /// How long the trace took, in milliseconds; of a file, from its first packet to its last.
    pub duration_ms: f64,
    /// Packets that were looked at.
    pub packets: u64,
    /// Packets that the kernel had no room for; `null` when they were read from a file.
    pub lost_by_kernel: Option<u64>,
    /// From SYN to ACK, of those established.
    pub latency_ms: Percentiles,
    /// The same as bars.
    pub histogram: Vec<Bar>,
    /// Why handshakes failed, the most frequent first.
    pub failures: Vec<Failure>,
    /// Who ended connections first, and how; `null` when that was not followed.
    pub closes: Option<Closes>,
    /// By server, those with most failures first; at most 20.
    pub listeners: Vec<ListenerSummary>,
    /// By client, those with most failures first, then the slowest; at most 20.
    pub peers: Vec<PeerSummary>,
    /// How many servers there are; `null` when they were too many to be told apart.
    pub listener_count: Option<u64>,
    /// How many clients there are; `null` when they were too many to be told apart.
    pub peer_count: Option<u64>,
    /// Unfinished handshakes that were forgotten for want of room; they are in none of these
    /// numbers.
    pub evicted: u64,
    /// Parts of fragmented TCP packets.
    pub fragments: u64,
    /// Packets that should be TCP and could not be read.
    pub undecodable: u64,
    /// What counters of the kernel rose by meanwhile, in the namespace that was captured; `null`
    /// when packets were read from a file, or the counters could not be.
    pub counters: Option<Rises>,
}

/// Handshakes that failed for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// How they ended.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

/// How connections ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Closes {
    /// Both ends sent FIN, the client first.
    pub by_client: u64,
    /// Both ends sent FIN, the server first.
    pub by_server: u64,
    /// FINs crossed each other.
    pub by_both: u64,
    /// An end sent RST.
    pub reset: u64,
}

/// What all handshakes with one server come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListenerSummary {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// How many ended.
    pub handshakes: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many ended how, those that did not occur left out.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// From SYN to ACK, of those established.
    pub latency_ms: Percentiles,
    /// From SYN to SYN-ACK.
    pub syn_to_syn_ack_ms: Percentiles,
    /// Its accept queue when it was fullest; `null` when it is not on this host.
    pub queue_max: Option<QueueSample>,
    /// Where its handshakes were captured; `null` when that is not known, or differs.
    pub captured_on: Option<CapturedOn>,
}

/// What all handshakes of one client come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PeerSummary {
    /// Its address.
    pub address: IpAddr,
    /// How many ended.
    pub handshakes: u64,
    /// How many of them failed.
    pub failed: u64,
    /// From SYN to ACK, of those established.
    pub latency_ms: Percentiles,
}

/// What is counted beside handshakes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Packets that were looked at.
    pub packets: u64,
    /// Packets that the kernel had no room for.
    pub lost_by_kernel: Option<u64>,
    /// Parts of fragmented TCP packets.
    pub fragments: u64,
    /// Packets that should be TCP and could not be read.
    pub undecodable: u64,
    /// How long the trace took, in milliseconds.
    pub duration_ms: f64,
    /// Ends of connections were followed.
    pub follows_closes: bool,
    /// Handshakes that were shown.
    pub shown: u64,
    /// Unfinished handshakes that were forgotten.
    pub evicted: u64,
    /// What counters rose by.
    pub counters: Option<Rises>,
}

/// Collects handshakes.
#[derive(Debug, Default)]
pub struct Collector {
    all: Group,
    bars: Bars,
    failures: HashMap<(Outcome, &'static str), u64>,
    closes: Closes,
    listeners: Groups<Address>,
    peers: Groups<IpAddr>,
}

#[derive(Debug)]
struct Groups<K> {
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

#[derive(Debug, Default)]
struct Group {
    handshakes: u64,
    failed: u64,
    outcomes: BTreeMap<Outcome, u64>,
    total: Latencies,
    answer: Latencies,
    queue_max: Option<QueueSample>,
    captured_on: Option<CapturedOn>,
    is_mixed: bool,
}

impl Collector {
    /// Takes one.
    pub fn add(&mut self, handshake: &Handshake) {
        self.all.add(handshake);
        if let Some(milliseconds) = latency(handshake) {
            self.bars.add(milliseconds);
        }
        if let Some(reason) = handshake.reason.filter(|_| handshake.has_failed()) {
            let key = (handshake.outcome, reason);
            *self.failures.entry(key).or_default() += 1;
        }
        self.listeners.add(handshake.server, handshake);
        self.peers.add(handshake.client.address, handshake);
    }

    /// Takes the end of a connection.
    pub fn add_close(&mut self, close: &Close) {
        let count = match (close.how, close.closed_by) {
            (How::Reset, _) => &mut self.closes.reset,
            (How::Fin, Side::Client) => &mut self.closes.by_client,
            (How::Fin, Side::Server) => &mut self.closes.by_server,
            (How::Fin, Side::Both) => &mut self.closes.by_both,
        };
        *count += 1;
    }

    fn failures(&self) -> Vec<Failure> {
        let failure = |((outcome, reason), count): (&(Outcome, &'static str), &u64)| Failure {
            outcome: *outcome,
            reason,
            count: *count,
        };
        let mut all: Vec<Failure> = self.failures.iter().map(failure).collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then(a.reason.cmp(b.reason)));
        all
    }

    /// What they come to.
    pub fn summary(&self, tally: Tally) -> Summary {
        let outcomes = Outcome::ALL.map(|outcome| {
            let count = self.all.outcomes.get(&outcome);
            (outcome, count.copied().unwrap_or(0))
        });
        let listeners = self.listeners.worst(|group| group.handshakes);
        // Positive numbers are in the order of their bits.
        let slowness = |group: &Group| group.total.percentiles().p90.map_or(0, f64::to_bits);
        let peers = self.peers.worst(slowness);
        Summary {
            outcomes: outcomes.into(),
            handshakes: self.all.handshakes,
            shown: tally.shown,
            duration_ms: tally.duration_ms,
            packets: tally.packets,
            lost_by_kernel: tally.lost_by_kernel,
            latency_ms: self.all.total.percentiles(),
            histogram: self.bars.all(),
            failures: self.failures(),
            closes: tally.follows_closes.then_some(self.closes),
            listeners: listeners.into_iter().map(listener).collect(),
            peers: peers.into_iter().map(peer).collect(),
            listener_count: self.listeners.count(),
            peer_count: self.peers.count(),
            evicted: tally.evicted,
            fragments: tally.fragments,
            undecodable: tally.undecodable,
            counters: tally.counters,
        }
    }
}

impl<K: Eq + Hash + Ord + Copy> Groups<K> {
    fn add(&mut self, key: K, handshake: &Handshake) {
        if let Some(group) = self.known.get_mut(&key) {
            return group.add(handshake);
        }
        if self.known.len() == MOST {
            self.is_full = true;
            return;
        }
        self.known.entry(key).or_default().add(handshake);
    }

    fn count(&self) -> Option<u64> {
        (!self.is_full).then_some(self.known.len() as u64)
    }

    /// Those with most failures, and among equals those of the highest rank.
    fn worst(&self, rank: impl Fn(&Group) -> u64) -> Vec<(&K, &Group)> {
        let mut all: Vec<_> = self.known.iter().collect();
        all.sort_by_cached_key(|(key, group)| Reverse((group.failed, rank(group), Reverse(**key))));
        all.truncate(LISTED);
        all
    }
}

impl Group {
    fn add(&mut self, handshake: &Handshake) {
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
fn latency(handshake: &Handshake) -> Option<f64> {
    let is_established = handshake.outcome == Outcome::Established;
    handshake.total_ms.filter(|_| is_established)
}

fn fuller(one: Option<QueueSample>, other: Option<QueueSample>) -> Option<QueueSample> {
    let room = |sample: &QueueSample| Reverse(sample.room());
    one.into_iter().chain(other).max_by_key(room)
}

fn listener((server, group): (&Address, &Group)) -> ListenerSummary {
    ListenerSummary {
        address: server.address,
        port: server.port,
        handshakes: group.handshakes,
        failed: group.failed,
        outcomes: group.outcomes.clone(),
        latency_ms: group.total.percentiles(),
        syn_to_syn_ack_ms: group.answer.percentiles(),
        queue_max: group.queue_max,
        captured_on: group.captured_on,
    }
}

fn peer((address, group): (&IpAddr, &Group)) -> PeerSummary {
    PeerSummary {
        address: *address,
        handshakes: group.handshakes,
        failed: group.failed,
        latency_ms: group.total.percentiles(),
    }
}

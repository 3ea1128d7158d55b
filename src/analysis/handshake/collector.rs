//! Counts handshakes by outcome, server and client.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use super::{
    latency::{Bars, Latencies},
    listeners::QueueSample,
    outcome::{CapturedOn, Outcome, Reason},
    row::Handshake,
    summary::{Failure, ListenerSummary, PeerSummary, Summary},
};

/// At most this many servers and clients are counted.
const MAX_GROUPS: usize = 1024;
/// At most this many servers and clients are listed.
const MAX_LISTED: usize = 20;

#[derive(Debug, Default)]
pub struct Collector {
    all: Group,
    bars: Bars,
    servers: Groups,
    clients: Groups,
}

impl Collector {
    pub fn add(&mut self, handshake: &Handshake) {
        self.all.add(handshake);
        self.bars.add(handshake.latency_ms());
        let (client, server) = (handshake.client, handshake.server);
        self.servers.add((server.address, server.port), handshake);
        self.clients.add((client.address, 0), handshake);
    }

    /// Completes a summary, of which `counted` has everything except handshakes.
    pub fn summary(&self, counted: Summary) -> Summary {
        let count = |outcome| self.all.outcomes.get(&outcome).copied().unwrap_or(0);
        let servers = self.servers.worst(|group| group.handshakes);
        // Positive numbers are in the order of their bits.
        let slowness = |group: &Group| group.total.percentiles().p90.map_or(0, f64::to_bits);
        let clients = self.clients.worst(slowness);
        let mut failures = self.all.reasons();
        failures.retain(|failure| failure.outcome.is_failure());
        Summary {
            outcomes: Outcome::ALL.map(|outcome| (outcome, count(outcome))).into(),
            handshakes: self.all.handshakes,
            latency_ms: self.all.total.percentiles(),
            histogram: self.bars.all(),
            failures,
            listeners: servers.into_iter().map(server_summary).collect(),
            peers: clients.into_iter().map(client_summary).collect(),
            listener_count: self.servers.count(),
            peer_count: self.clients.count(),
            ..counted
        }
    }
}

fn server_summary(((address, port), group): (&Key, &Group)) -> ListenerSummary {
    ListenerSummary {
        address: *address,
        port: *port,
        handshakes: group.handshakes,
        failed: group.failed,
        outcomes: group.outcomes.clone(),
        latency_ms: group.total.percentiles(),
        syn_to_syn_ack_ms: group.answer.percentiles(),
        queue_max: group.queue_max,
        captured_on: group.captured_on,
        reasons: group.reasons(),
    }
}

fn client_summary(((address, _), group): (&Key, &Group)) -> PeerSummary {
    PeerSummary {
        address: *address,
        handshakes: group.handshakes,
        failed: group.failed,
        latency_ms: group.total.percentiles(),
    }
}

/// The address and port of a server, or the address of a client and 0.
type Key = (IpAddr, u16);

#[derive(Debug, Default)]
struct Groups {
    known: HashMap<Key, Group>,
    is_full: bool,
}

impl Groups {
    fn add(&mut self, key: Key, handshake: &Handshake) {
        if self.known.len() < MAX_GROUPS || self.known.contains_key(&key) {
            self.known.entry(key).or_default().add(handshake);
        } else {
            self.is_full = true;
        }
    }

    /// `None` when there are more than are counted.
    fn count(&self) -> Option<u64> {
        (!self.is_full).then_some(self.known.len() as u64)
    }

    /// The groups with most failures, then with the highest rank.
    fn worst(&self, rank: impl Fn(&Group) -> u64) -> Vec<(&Key, &Group)> {
        let mut all: Vec<_> = self.known.iter().collect();
        all.sort_by_cached_key(|(key, group)| Reverse((group.failed, rank(group), Reverse(**key))));
        all.truncate(MAX_LISTED);
        all
    }
}

#[derive(Debug, Default)]
struct Group {
    handshakes: u64,
    failed: u64,
    outcomes: BTreeMap<Outcome, u64>,
    /// Of failed and of delayed handshakes.
    reasons: HashMap<(Outcome, Reason), u64>,
    /// From SYN to ACK, of established handshakes.
    total: Latencies,
    /// From SYN to SYN-ACK.
    answer: Latencies,
    queue_max: Option<QueueSample>,
    /// `None` where that is unknown or differs.
    captured_on: Option<CapturedOn>,
    is_mixed: bool,
}

impl Group {
    fn add(&mut self, handshake: &Handshake) {
        let is_first = self.handshakes == 0;
        let (outcome, has_failed) = (handshake.outcome, handshake.has_failed());
        self.handshakes += 1;
        self.failed += u64::from(has_failed);
        *self.outcomes.entry(outcome).or_default() += 1;
        let is_problem = has_failed || outcome == Outcome::Established;
        if let Some(reason) = handshake.reason.filter(|_| is_problem) {
            *self.reasons.entry((outcome, reason)).or_default() += 1;
        }
        self.total.add(handshake.latency_ms());
        self.answer.add(handshake.syn_to_syn_ack_ms);
        let queues = self.queue_max.into_iter().chain(handshake.listener_queue);
        self.queue_max = queues.max_by_key(|queue| Reverse(queue.room()));
        self.is_mixed |= !is_first && self.captured_on != handshake.captured_on;
        self.captured_on = handshake.captured_on.filter(|_| !self.is_mixed);
    }

    /// The most frequent first.
    fn reasons(&self) -> Vec<Failure> {
        let failure = |((outcome, reason), count): (&(Outcome, Reason), &u64)| Failure {
            outcome: *outcome,
            reason: *reason,
            count: *count,
        };
        let mut all: Vec<Failure> = self.reasons.iter().map(failure).collect();
        all.sort_by_key(|failure| (Reverse(failure.count), failure.reason, failure.outcome));
        all
    }
}

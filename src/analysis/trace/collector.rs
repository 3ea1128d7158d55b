//! Collects what becomes of handshakes and connections into a summary.

use std::{cmp::Reverse, collections::HashMap, net::IpAddr};

use super::{
    Close, Closes, Failure, Handshake, How, ListenerSummary, Outcome, PeerSummary, Side, Summary,
    Tally,
    group::{Group, Groups, latency},
    latency::Bars,
};
use crate::model::Address;

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
        all.sort_by_key(|failure| (Reverse(failure.count), failure.reason, failure.outcome));
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

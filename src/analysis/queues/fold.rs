//! The sockets of a SO_REUSEPORT group as one.

use std::collections::HashMap;

use super::{AcceptQueue, Fullest, ListenerReport, LocalReport, QueueReport, ReceiveQueue};
use crate::model::{Netns, Protocol};

impl QueueReport {
    /// Makes one element of the sockets that share an address: lengths, limits and drops added up,
    /// the state and fill those of the worst, so that one stuck member is seen among idle ones.
    pub fn fold(&mut self) {
        let mut places: HashMap<(Netns, (bool, bool), LocalReport), usize> = HashMap::new();
        let mut folded: Vec<ListenerReport> = Vec::new();
        for listener in std::mem::take(&mut self.listeners) {
            let kind = (is_udp(&listener), listener.v6only);
            let place = (listener.netns.clone(), kind, listener.local.clone());
            // Two unix sockets of one name are an old one and a new one, and no group.
            let known = places
                .get(&place)
                .filter(|_| listener.protocol != Protocol::Unix);
            match known {
                Some(at) => folded[*at].absorb(listener),
                None => {
                    places.insert(place, folded.len());
                    folded.push(listener);
                }
            }
        }
        self.listeners = folded;
    }
}

fn is_udp(listener: &ListenerReport) -> bool {
    listener.protocol == Protocol::Udp
}

impl Fullest {
    fn of(queue: &AcceptQueue) -> Self {
        Fullest {
            length: queue.length,
            limit: queue.limit,
        }
    }

    fn fill(&self) -> f64 {
        f64::from(self.length) / (f64::from(self.limit) + 1.0)
    }
}

impl ListenerReport {
    fn absorb(&mut self, other: ListenerReport) {
        self.state = self.state.max(other.state);
        self.drops = self
            .drops
            .zip(other.drops)
            .map(|(a, b)| a.saturating_add(b));
        self.drops_delta = self
            .drops_delta
            .zip(other.drops_delta)
            .map(|(a, b)| a.saturating_add(b));
        self.drops_per_second = self
            .drops_per_second
            .zip(other.drops_per_second)
            .map(|(a, b)| a + b);
        self.owners.extend(other.owners);
        self.owners_complete &= other.owners_complete;
        let own = || self.accept_queue.as_ref().map(Fullest::of);
        let fullest = [
            self.fullest.or_else(own),
            other.accept_queue.as_ref().map(Fullest::of),
        ];
        self.fullest = fullest
            .into_iter()
            .flatten()
            .max_by(|a, b| a.fill().total_cmp(&b.fill()));
        if let (Some(mine), Some(theirs)) = (&mut self.accept_queue, other.accept_queue) {
            mine.absorb(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.receive_queue, other.receive_queue) {
            mine.absorb(theirs);
        }
    }
}

impl AcceptQueue {
    fn absorb(&mut self, other: AcceptQueue) {
        self.length = self.length.saturating_add(other.length);
        self.limit = self.limit.saturating_add(other.limit);
        self.fill_ratio = self.fill_ratio.max(other.fill_ratio);
        self.oldest_wait_ms = self.oldest_wait_ms.max(other.oldest_wait_ms);
        self.abandoned = self.abandoned.zip(other.abandoned).map(|(a, b)| a + b);
        self.waiting_bytes = self
            .waiting_bytes
            .zip(other.waiting_bytes)
            .map(|(a, b)| a + b);
        if self.limit_set_by != other.limit_set_by {
            self.limit_set_by = None;
        }
    }
}

impl ReceiveQueue {
    fn absorb(&mut self, other: ReceiveQueue) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.limit_bytes = self
            .limit_bytes
            .zip(other.limit_bytes)
            .map(|(a, b)| a.saturating_add(b));
        let fills = self.fill_ratio.into_iter().chain(other.fill_ratio);
        self.fill_ratio = fills.reduce(f64::max);
    }
}

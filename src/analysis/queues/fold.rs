//! The sockets of a SO_REUSEPORT group as one row.

use std::{collections::HashMap, ops::Add};

use super::{
    AcceptQueue, Fullest, ListenerReport, LocalReport, QueueReport, ReceiveQueue, fill::fill_ratio,
};
use crate::model::{Netns, Protocol};

impl QueueReport {
    /// Joins the sockets that share an address into one element: lengths, limits and drops are added
    /// up; state and fill are the worst socket's, so that one stuck member shows among idle ones.
    pub fn fold(&mut self) {
        let mut places: HashMap<(Netns, (bool, bool), LocalReport), usize> = HashMap::new();
        let mut folded: Vec<ListenerReport> = Vec::new();
        for listener in std::mem::take(&mut self.listeners) {
            let kind = (listener.protocol == Protocol::Udp, listener.v6only);
            let place = (listener.netns.clone(), kind, listener.local.clone());
            // Two unix sockets of one name are an old one and a new one, not a group.
            let known = places.get(&place);
            match known.filter(|_| listener.protocol != Protocol::Unix) {
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

/// `None` unless both are known.
fn both<T>(one: Option<T>, other: Option<T>, join: impl Fn(T, T) -> T) -> Option<T> {
    one.zip(other).map(|(one, other)| join(one, other))
}

impl ListenerReport {
    fn absorb(&mut self, other: ListenerReport) {
        self.state = self.state.max(other.state);
        self.drops = both(self.drops, other.drops, u32::saturating_add);
        self.drops_delta = both(self.drops_delta, other.drops_delta, u32::saturating_add);
        self.drops_per_second = both(self.drops_per_second, other.drops_per_second, f64::add);
        let queue = |listener: &ListenerReport| {
            let queue = listener.accept_queue.as_ref()?;
            let (length, limit) = (queue.length, queue.limit);
            Some(Fullest { length, limit })
        };
        let fullest = [self.fullest.or_else(|| queue(self)), queue(&other)];
        let fill = |queue: &Fullest| fill_ratio(queue.length, queue.limit);
        let fullest = fullest.into_iter().flatten();
        self.fullest = fullest.max_by(|a, b| fill(a).total_cmp(&fill(b)));
        self.owners.extend(other.owners);
        self.owners_complete &= other.owners_complete;
        if let (Some(mine), Some(theirs)) = (&mut self.accept_queue, other.accept_queue) {
            mine.absorb(theirs);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.syn_queue, other.syn_queue) {
            mine.own_length = both(mine.own_length, theirs.own_length, u32::saturating_add);
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
        self.abandoned = both(self.abandoned, other.abandoned, u64::add);
        self.waiting_bytes = both(self.waiting_bytes, other.waiting_bytes, u64::add);
        if self.limit_set_by != other.limit_set_by {
            self.limit_set_by = None;
        }
    }
}

impl ReceiveQueue {
    fn absorb(&mut self, other: ReceiveQueue) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.limit_bytes = both(self.limit_bytes, other.limit_bytes, u32::saturating_add);
        let fills = self.fill_ratio.into_iter().chain(other.fill_ratio);
        self.fill_ratio = fills.reduce(f64::max);
    }
}

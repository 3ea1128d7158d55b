//! Accept queues over many samples.

use std::{collections::HashMap, time::Duration};

use super::{Cookie, QueueReport, Sampled};
use crate::{
    analysis::{Distribution, per_second},
    model::{Listener, Local, Netns, Queue},
};

/// The distribution of each listener's accept queue.
#[derive(Debug, Default)]
pub struct Samples {
    queues: HashMap<Key, Seen>,
    groups: Option<Groups>,
}

/// Inode of the network namespace, and the socket's cookie: before Linux 5.10 each namespace counts
/// its own.
type Key = (Option<u64>, Cookie);

#[derive(Debug, Default)]
struct Seen {
    lengths: Distribution,
    /// Number of samples in which the queue exceeded its limit.
    full: u64,
    last: u64,
    /// When it was first sampled, and last.
    time: Option<(Duration, Duration)>,
    /// Sum of the decreases from one sample to the next.
    accepted: u64,
    /// When the queue was last seen empty or shorter than before.
    moved: Option<Duration>,
    longest_pause: Duration,
}

/// The sockets of a network namespace that share an address, as one queue.
#[derive(Debug, Default)]
struct Groups {
    queues: HashMap<Place, Seen>,
    members: HashMap<Key, Place>,
}

/// Network namespace, address, and whether it is IPv6 alone.
type Place = (Netns, Local, Option<bool>);

impl Samples {
    /// Also samples each SO_REUSEPORT group, for a report that is folded.
    pub fn of_groups() -> Self {
        Samples {
            groups: Some(Groups::default()),
            ..Samples::default()
        }
    }

    /// `at` is the time since boot.
    pub fn add<'a>(
        &mut self,
        netns: &Netns,
        at: Duration,
        listeners: impl IntoIterator<Item = &'a Listener>,
    ) {
        let mut sums: HashMap<Place, (u64, bool)> = HashMap::new();
        for listener in listeners {
            let Queue::Accept { length, limit } = listener.queue else {
                continue;
            };
            let key = (netns.inode, Cookie(listener.cookie));
            let is_full = length > limit;
            self.queues
                .entry(key)
                .or_default()
                .add(at, length.into(), is_full);
            // Two unix sockets of one name are an old one and a new one, not a group.
            if let (Some(groups), Local::Inet(_)) = (&mut self.groups, &listener.local) {
                let place = (netns.clone(), listener.local.clone(), listener.v6only);
                let (sum, has_full) = sums.entry(place.clone()).or_default();
                *sum += u64::from(length);
                *has_full |= is_full;
                groups.members.insert(key, place);
            }
        }
        if let Some(groups) = &mut self.groups {
            for (place, (sum, is_full)) in sums {
                groups
                    .queues
                    .entry(place)
                    .or_default()
                    .add(at, sum, is_full);
            }
        }
    }

    /// Writes the spread of the samples into a report.
    pub fn fill(&self, report: &mut QueueReport) {
        self.fill_with(report, |key| self.queues.get(key));
        report.conclude();
    }

    /// [`Samples::fill`] for the groups of a folded report.
    pub fn fill_groups(&self, report: &mut QueueReport) {
        let Some(groups) = &self.groups else { return };
        self.fill_with(report, |key| {
            let place = groups.members.get(key);
            place.map_or(self.queues.get(key), |place| groups.queues.get(place))
        });
    }

    fn fill_with<'a>(&self, report: &mut QueueReport, seen: impl Fn(&Key) -> Option<&'a Seen>) {
        for listener in &mut report.listeners {
            if let Some(queue) = &mut listener.accept_queue {
                let key = (listener.netns.inode, listener.cookie);
                queue.sampled = seen(&key).and_then(sampled);
            }
        }
    }

    /// Number of sampled listeners that no longer exist.
    ///
    /// The inode is that of the network namespace.
    pub fn missing(&self, is_there: impl Fn(Option<u64>, u64) -> bool) -> u64 {
        let listeners = self.queues.keys();
        let missing = listeners.filter(|(inode, cookie)| !is_there(*inode, cookie.0));
        missing.count() as u64
    }
}

impl Seen {
    fn add(&mut self, at: Duration, length: u64, is_full: bool) {
        self.time = Some((self.time.map_or(at, |(began, _)| began), at));
        if length == 0 || length < self.last {
            self.accepted += self.last.saturating_sub(length);
            self.moved = None;
        }
        let pause = at.saturating_sub(*self.moved.get_or_insert(at));
        self.longest_pause = self.longest_pause.max(pause);
        self.last = length;
        self.lengths.add(length);
        self.full += u64::from(is_full);
    }
}

fn sampled(seen: &Seen) -> Option<Sampled> {
    let spread = seen.lengths.spread()?;
    let (began, ended) = seen.time?;
    let time = ended.saturating_sub(began);
    Some(Sampled {
        accepted_at_least_per_second: per_second(seen.accepted as f64, time),
        full_ratio: seen.full as f64 / spread.samples as f64,
        accepted_at_least: seen.accepted,
        longest_pause_ms: seen.longest_pause.as_millis() as u64,
        spread,
    })
}

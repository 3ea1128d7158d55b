//! The lengths of accept queues over the samples, for drawing.

use std::{collections::HashMap, time::Duration};

use crate::{
    analysis::queues::ListenerReport,
    model::{Listener, Netns, Queue},
};

/// Queues that are remembered; others are only counted in the spread of the report.
const MOST_QUEUES: usize = 64;
/// Samples of a queue, above which each two become one, the longer.
const MOST_SAMPLES: usize = 2048;

/// The length of one accept queue over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub subject: String,
    pub netns: Netns,
    pub limit: u32,
    /// Milliseconds since the first sample, and connections that waited.
    pub samples: Vec<(u64, u32)>,
}

/// Inode of the network namespace, and the socket's cookie: before Linux 5.10 each namespace counts
/// its own.
type Key = (Option<u64>, u64);

/// Collects the series of queues in which something waited.
#[derive(Debug, Default)]
pub struct AllSeries {
    /// The first sample of each namespace.
    began: HashMap<Option<u64>, Duration>,
    queues: HashMap<Key, Vec<(u64, u32)>>,
}

impl AllSeries {
    /// `at` is the time since boot.
    pub fn add<'a>(
        &mut self,
        netns: &Netns,
        at: Duration,
        listeners: impl IntoIterator<Item = &'a Listener>,
    ) {
        let began = *self.began.entry(netns.inode).or_insert(at);
        let at_ms = at.saturating_sub(began).as_millis() as u64;
        for listener in listeners {
            let Queue::Accept { length, .. } = listener.queue else {
                continue;
            };
            let key = (netns.inode, listener.cookie);
            let has_room = self.queues.len() < MOST_QUEUES;
            match self.queues.get_mut(&key) {
                Some(samples) => push(samples, (at_ms, length)),
                None if length > 0 && has_room => {
                    let was_empty = (at_ms > 0).then_some((0, 0));
                    let samples = was_empty.into_iter().chain([(at_ms, length)]);
                    self.queues.insert(key, samples.collect());
                }
                None => {}
            }
        }
    }

    /// Those of the listed listeners, the fullest first.
    pub fn of(&self, listeners: &[ListenerReport]) -> Vec<Series> {
        let series = |listener: &ListenerReport| {
            let key = (listener.netns.inode, listener.cookie.0);
            Some(Series {
                subject: listener.local.to_string(),
                netns: listener.netns.clone(),
                limit: listener.accept_queue.as_ref()?.limit,
                samples: self.queues.get(&key)?.clone(),
            })
        };
        let mut all: Vec<Series> = listeners.iter().filter_map(series).collect();
        all.sort_by(|one, other| other.fullest().total_cmp(&one.fullest()));
        all
    }
}

impl Series {
    /// The longest length, of what the queue takes.
    pub fn fullest(&self) -> f64 {
        let longest = self.samples.iter().map(|(_, length)| *length).max();
        f64::from(longest.unwrap_or(0)) / (f64::from(self.limit) + 1.0)
    }
}

fn push(samples: &mut Vec<(u64, u32)>, sample: (u64, u32)) {
    if samples.len() >= MOST_SAMPLES {
        let longer = |pair: &[(u64, u32)]| pair.iter().copied().max_by_key(|sample| sample.1);
        *samples = samples.chunks(2).filter_map(longer).collect();
    }
    samples.push(sample);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Family};

    #[test]
    fn a_queue_was_empty_before_something_waited_but_not_before_the_first_sample() {
        let endpoint = Endpoint {
            family: Family::V4,
            address: [127, 0, 0, 1].into(),
            port: 8080,
            interface: 0,
        };
        let listener = |cookie, length| Listener {
            queue: Queue::Accept { length, limit: 9 },
            cookie,
            ..Listener::idle(endpoint, 1)
        };
        let mut all = AllSeries::default();
        for (inode, first) in [(1, 10_u64), (2, 11)] {
            let netns = Netns {
                inode: Some(inode),
                ..Netns::default()
            };
            let [full, later] = [inode, inode + 100];
            let at = |ms| Duration::from_millis(first + ms);
            all.add(&netns, at(0), &[listener(full, 3), listener(later, 0)]);
            all.add(&netns, at(20), &[listener(full, 3), listener(later, 4)]);
            assert_eq!(all.queues[&(Some(inode), full)], [(0, 3), (20, 3)]);
            assert_eq!(all.queues[&(Some(inode), later)], [(0, 0), (20, 4)]);
        }
    }

    #[test]
    fn a_series_stays_short_and_keeps_its_peak() {
        let mut samples = Vec::new();
        for at in 0..100_000 {
            push(&mut samples, (at, u32::from(at == 777)));
        }
        assert!(samples.len() <= MOST_SAMPLES, "{}", samples.len());
        assert!(samples.contains(&(777, 1)));
        assert!(samples.is_sorted());
    }
}

//! Accept queues over many samples.

use std::collections::HashMap;

use super::{Cookie, QueueReport, Sampled};
use crate::{
    analysis::Distribution,
    model::{Listener, Queue},
};

/// The distribution of each listener's accept queue.
#[derive(Debug, Default)]
pub struct Samples {
    queues: HashMap<Cookie, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lengths: Distribution,
    /// Number of samples in which the queue exceeded its limit.
    full: u64,
}

impl Samples {
    pub fn add<'a>(&mut self, listeners: impl IntoIterator<Item = &'a Listener>) {
        for listener in listeners {
            if let Queue::Accept { length, limit } = listener.queue {
                let seen = self.queues.entry(Cookie(listener.cookie)).or_default();
                seen.lengths.add(length.into());
                seen.full += u64::from(length > limit);
            }
        }
    }

    /// Writes the spread of the samples into a report.
    pub fn fill(&self, report: &mut QueueReport) {
        for listener in &mut report.listeners {
            if let Some(queue) = &mut listener.accept_queue {
                queue.sampled = self.queues.get(&listener.cookie).and_then(sampled);
            }
        }
        report.conclude();
    }

    /// Number of sampled listeners that no longer exist.
    pub fn missing(&self, is_there: impl Fn(u64) -> bool) -> u64 {
        self.queues
            .keys()
            .filter(|cookie| !is_there(cookie.0))
            .count() as u64
    }
}

fn sampled(seen: &Seen) -> Option<Sampled> {
    let spread = seen.lengths.spread()?;
    Some(Sampled {
        full_ratio: seen.full as f64 / spread.samples as f64,
        spread,
    })
}

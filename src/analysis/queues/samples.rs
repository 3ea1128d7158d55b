//! Queues sampled fast for a while, so that bursts between two slow looks are seen.

use std::collections::HashMap;

use super::{Cookie, QueueReport, Sampled};
use crate::{
    analysis::Distribution,
    model::{Listener, Queue},
};

/// The spread of each listener's accept queue.
#[derive(Debug, Default)]
pub struct Samples {
    lengths: HashMap<Cookie, Distribution>,
}

impl Samples {
    /// Takes one look at every listener.
    pub fn add<'a>(&mut self, listeners: impl IntoIterator<Item = &'a Listener>) {
        for listener in listeners {
            if let Queue::Accept { length, .. } = listener.queue {
                self.lengths
                    .entry(Cookie(listener.cookie))
                    .or_default()
                    .add(length.into());
            }
        }
    }

    /// Puts the spread into the listeners of a report.
    pub fn fill(&self, report: &mut QueueReport) {
        for listener in &mut report.listeners {
            let Some(queue) = &mut listener.accept_queue else {
                continue;
            };
            let lengths = self.lengths.get(&listener.cookie);
            queue.sampled = lengths.and_then(|lengths| sampled(lengths, queue.limit));
        }
    }

    /// How many listeners were seen of which none is there any more.
    pub fn missing(&self, is_there: impl Fn(u64) -> bool) -> u64 {
        self.lengths
            .keys()
            .filter(|cookie| !is_there(cookie.0))
            .count() as u64
    }
}

fn sampled(lengths: &Distribution, limit: u32) -> Option<Sampled> {
    Some(Sampled {
        samples: lengths.samples(),
        minimum: lengths.minimum()?,
        mean: lengths.mean()?,
        p95: lengths.percentile(95)?,
        maximum: lengths.maximum()?,
        full_ratio: lengths.share_above(limit.into())?,
    })
}

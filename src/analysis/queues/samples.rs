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
    queues: HashMap<Cookie, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lengths: Distribution,
    /// In how many samples the queue exceeded the limit that it had then.
    full: u64,
}

impl Samples {
    /// Takes one look at every listener.
    pub fn add<'a>(&mut self, listeners: impl IntoIterator<Item = &'a Listener>) {
        for listener in listeners {
            if let Queue::Accept { length, limit } = listener.queue {
                let seen = self.queues.entry(Cookie(listener.cookie)).or_default();
                seen.lengths.add(length.into());
                seen.full += u64::from(length > limit);
            }
        }
    }

    /// Puts the spread into the listeners of a report.
    pub fn fill(&self, report: &mut QueueReport) {
        for listener in &mut report.listeners {
            let Some(queue) = &mut listener.accept_queue else {
                continue;
            };
            queue.sampled = self.queues.get(&listener.cookie).and_then(sampled);
        }
        report.conclude();
    }

    /// How many listeners were seen of which none is there any more.
    pub fn missing(&self, is_there: impl Fn(u64) -> bool) -> u64 {
        self.queues
            .keys()
            .filter(|cookie| !is_there(cookie.0))
            .count() as u64
    }
}

fn sampled(seen: &Seen) -> Option<Sampled> {
    let lengths = &seen.lengths;
    Some(Sampled {
        samples: lengths.samples(),
        minimum: lengths.minimum()?,
        mean: lengths.mean()?,
        p95: lengths.percentile(95)?,
        maximum: lengths.maximum()?,
        full_ratio: seen.full as f64 / lengths.samples() as f64,
    })
}

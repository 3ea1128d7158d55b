//! Counters sampled fast for a while, and the spread of their rates.

use std::{collections::HashMap, time::Duration};

use super::{CounterSampled, CountersReport, Kind, Reading, catalogue};
use crate::{
    analysis::{Distribution, change},
    model::CounterId,
};

/// The spread of each counter's changes, and of each gauge's levels.
#[derive(Debug, Default)]
pub struct Samples {
    spread: HashMap<(Option<u64>, CounterId), Distribution>,
    last: Option<Reading>,
    elapsed: Duration,
}

impl Samples {
    /// Takes one more reading, this long after the one before.
    pub fn add(&mut self, now: Reading, elapsed: Duration) {
        if let Some(before) = self.last.take() {
            self.elapsed += elapsed;
            self.compare(&before, &now);
        }
        self.last = Some(now);
    }

    fn compare(&mut self, before: &Reading, now: &Reading) {
        for namespace in &now.namespaces {
            let inode = namespace.netns.inode;
            let same = before
                .namespaces
                .iter()
                .find(|other| other.netns.inode == inode);
            let earlier = same.map(|other| other.counters.by_id()).unwrap_or_default();
            for (id, value) in &namespace.counters.values {
                let sample = match kind(id) {
                    Kind::Gauge => Some(*value),
                    Kind::Counter => earlier.get(id).and_then(|then| change(*then, *value)),
                };
                if let Some(sample) = sample.and_then(|sample| u64::try_from(sample).ok()) {
                    self.spread
                        .entry((inode, id.clone()))
                        .or_default()
                        .add(sample);
                }
            }
        }
    }

    /// Puts the spread into the counters of a report. Rates are changes over the mean interval.
    pub fn fill(&self, report: &mut CountersReport) {
        for counter in &mut report.counters {
            let id = CounterId {
                table: counter.table.clone(),
                name: counter.name.clone(),
            };
            let Some(spread) = self.spread.get(&(counter.netns.inode, id)) else {
                continue;
            };
            let interval = self.elapsed.as_secs_f64() / spread.samples() as f64;
            let scale = match counter.kind {
                Kind::Gauge => 1.0,
                Kind::Counter if interval > 0.0 => interval.recip(),
                Kind::Counter => continue,
            };
            counter.sampled = sampled(spread, scale);
        }
    }
}

fn kind(id: &CounterId) -> Kind {
    catalogue::entry(&id.kernel_name()).map_or(Kind::Counter, |entry| entry.kind)
}

fn sampled(spread: &Distribution, scale: f64) -> Option<CounterSampled> {
    Some(CounterSampled {
        samples: spread.samples(),
        minimum: spread.minimum()? as f64 * scale,
        mean: spread.mean()? * scale,
        p95: spread.percentile(95)? as f64 * scale,
        maximum: spread.maximum()? as f64 * scale,
    })
}

//! Counters over many samples.

use std::{collections::HashMap, time::Duration};

use super::{CountersReport, Kind, catalogue};
use crate::{
    analysis::{Distribution, Spread, change, per_second},
    model::{CounterId, Snapshot},
};

/// A distribution counts whole numbers: rates in thousandths.
const PARTS: f64 = 1000.0;

/// The distribution of each counter's rate, and of each gauge's level.
#[derive(Debug, Default)]
pub struct Samples {
    spread: HashMap<(Option<u64>, CounterId), Distribution>,
    last: Option<Snapshot>,
}

impl Samples {
    /// Adds a reading, taken `elapsed` after the previous one.
    pub fn add(&mut self, now: Snapshot, elapsed: Duration) {
        if let Some(before) = self.last.take() {
            self.compare(&before, &now, elapsed);
        }
        self.last = Some(now);
    }

    fn compare(&mut self, before: &Snapshot, now: &Snapshot, elapsed: Duration) {
        for namespace in &now.namespaces {
            let inode = namespace.netns.inode;
            let same = before.namespace(&namespace.netns);
            let earlier = same.map(|other| other.counters.by_id()).unwrap_or_default();
            for (id, value) in &namespace.counters.values {
                let level = match kind(id) {
                    Kind::Gauge => Some(*value as f64),
                    Kind::Counter => earlier
                        .get(id)
                        .and_then(|then| change(*then, *value))
                        .and_then(|delta| per_second(delta as f64, elapsed)),
                };
                if let Some(level) = level.filter(|level| *level >= 0.0) {
                    let spread = self.spread.entry((inode, id.clone())).or_default();
                    spread.add((level * PARTS).round() as u64);
                }
            }
        }
    }

    /// Writes the spread of the samples into a report.
    pub fn fill(&self, report: &mut CountersReport) {
        for counter in &mut report.counters {
            let id = CounterId::new(counter.table.clone(), counter.name.clone());
            let spread = self.spread.get(&(counter.netns.inode, id));
            counter.sampled = spread.and_then(sampled).map(Box::new);
            // Intervals differ a little, so the exact mean is the whole change over the whole time.
            if let (Some(sampled), Some(mean)) = (&mut counter.sampled, counter.per_second) {
                sampled.mean = mean;
            }
        }
    }
}

fn kind(id: &CounterId) -> Kind {
    let entry = catalogue::entry(&id.kernel_name());
    entry.map(|entry| entry.kind).unwrap_or_default()
}

fn sampled(parts: &Distribution) -> Option<Spread<f64>> {
    let parts = parts.spread()?;
    Some(Spread {
        samples: parts.samples,
        minimum: parts.minimum as f64 / PARTS,
        mean: parts.mean / PARTS,
        p95: parts.p95 as f64 / PARTS,
        maximum: parts.maximum as f64 / PARTS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::counters::{Selection, report},
        model::{Counters, NetnsSnapshot},
    };

    fn reading(drops: i128) -> Snapshot {
        let id = CounterId::new("TcpExt", "ListenDrops");
        let counters = Counters {
            values: vec![(id, drops)],
        };
        let namespace = NetnsSnapshot {
            counters,
            ..NetnsSnapshot::default()
        };
        Snapshot {
            namespaces: vec![namespace],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_steady_rate_is_steady_however_long_each_interval_was() {
        let mut samples = Samples::default();
        for (drops, milliseconds) in [(0, 0), (10, 100), (110, 1000), (120, 100)] {
            samples.add(reading(drops), Duration::from_millis(milliseconds));
        }
        let mut report = report(&reading(120), None, &Selection::All, false);
        samples.fill(&mut report);
        let sampled = report.counters[0].sampled.as_ref().unwrap();
        assert_eq!(
            (sampled.samples, sampled.minimum, sampled.maximum),
            (3, 100.0, 100.0)
        );
    }
}

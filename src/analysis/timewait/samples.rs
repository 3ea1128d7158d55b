//! Timewait sockets over many samples.

use std::collections::HashMap;

use super::{GroupReport, Side, TimewaitReport, TimewaitSampled};
use crate::analysis::Distribution;

type Key = (Option<u64>, Option<String>, Option<Side>);

/// How many there were, of each group and in all.
#[derive(Debug, Default)]
pub struct Samples {
    groups: HashMap<Key, Distribution>,
    all: Distribution,
}

impl Samples {
    /// Takes one.
    pub fn add(&mut self, report: &TimewaitReport) {
        self.all.add(report.count);
        for group in &report.groups {
            self.groups.entry(key(group)).or_default().add(group.count);
        }
    }

    /// Puts the spread into a report. A group that was not there counted none then.
    pub fn fill(&mut self, report: &mut TimewaitReport) {
        report.sampled = sampled(&self.all);
        for group in &mut report.groups {
            let seen = self.groups.entry(key(group)).or_default();
            for _ in seen.samples()..self.all.samples() {
                seen.add(0);
            }
            group.sampled = sampled(seen);
        }
    }
}

fn key(group: &GroupReport) -> Key {
    (group.netns.inode, group.key.clone(), group.side)
}

fn sampled(seen: &Distribution) -> Option<TimewaitSampled> {
    Some(TimewaitSampled {
        samples: seen.samples(),
        minimum: seen.minimum()?,
        mean: seen.mean()?,
        p95: seen.percentile(95)?,
        maximum: seen.maximum()?,
    })
}

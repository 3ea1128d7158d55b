//! Timewait sockets over many samples.

use super::{GroupReport, Side, TimewaitReport};
use crate::analysis::{Distribution, Sampling, Spreads};

type Key = (Option<u64>, Option<String>, Option<Side>);

/// The number of timewait sockets, of each group and in all.
#[derive(Debug, Default)]
pub struct Samples {
    groups: Spreads<Key>,
    all: Distribution,
}

impl Sampling<TimewaitReport> for Samples {
    fn add(&mut self, report: &TimewaitReport) {
        self.all.add(report.totals.count);
        let counts = report.groups.iter().map(|group| (key(group), group.count));
        self.groups.add(counts);
    }

    fn fill(&mut self, report: &mut TimewaitReport) {
        report.sampled = self.all.spread();
        for group in &mut report.groups {
            group.sampled = self.groups.of(key(group));
        }
    }
}

fn key(group: &GroupReport) -> Key {
    (group.netns.inode, group.key.clone(), group.side)
}

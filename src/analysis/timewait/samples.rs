//! Timewait sockets over many samples.

use super::{GroupReport, Side, TimewaitReport};
use crate::analysis::{Distribution, Sampling, Spreads};

type Key = (Option<u64>, Option<String>, Option<Side>);

/// How many there were, of each group and in all.
#[derive(Debug, Default)]
pub struct Samples {
    groups: Spreads<Key>,
    all: Distribution,
}

impl Sampling<TimewaitReport> for Samples {
    fn add(&mut self, report: &TimewaitReport) {
        self.all.add(report.count);
        let groups = report.groups.iter();
        self.groups
            .add(groups.map(|group| (key(group), group.count)));
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

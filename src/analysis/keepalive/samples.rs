//! Connections without keepalive over many samples.

use super::{GroupReport, KeepaliveReport, Row};
use crate::analysis::{Sampling, Spreads};

type Key = (Option<u64>, Option<String>, Option<u32>);

/// The number of connections without keepalive in each group.
#[derive(Debug, Default)]
pub struct Samples(Spreads<Key>);

impl Sampling<KeepaliveReport> for Samples {
    fn add(&mut self, report: &KeepaliveReport) {
        let groups = report.groups.iter().filter_map(Row::group);
        self.0
            .add(groups.map(|group| (key(group), group.not_enabled)));
    }

    fn fill(&mut self, report: &mut KeepaliveReport) {
        for row in &mut report.groups {
            if let Row::Group(group) = row {
                group.sampled = self.0.of(key(group));
            }
        }
    }
}

fn key(group: &GroupReport) -> Key {
    (group.netns.inode, group.key.clone(), group.pid)
}

//! Connections without keepalive over many samples.

use super::{KeepaliveReport, Row};
use crate::analysis::{Sampling, Spreads, sockets::GroupName};

/// The number of connections without keepalive in each group.
#[derive(Debug, Default)]
pub struct Samples(Spreads<GroupName>);

impl Sampling<KeepaliveReport> for Samples {
    fn add(&mut self, report: &KeepaliveReport) {
        let groups = report.groups.iter().filter_map(Row::group);
        self.0
            .add(groups.map(|group| (group.name.clone(), group.not_enabled)));
    }

    /// The last report is one more sample.
    fn fill(&mut self, report: &mut KeepaliveReport) {
        self.add(report);
        for row in &mut report.groups {
            if let Row::Group(group) = row {
                group.sampled = self.0.of(group.name.clone());
            }
        }
    }
}

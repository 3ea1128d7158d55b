//! Connections without keepalive over many samples.

use super::{GroupReport, KeepaliveReport, Row};
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
        let present = report.groups.iter().filter_map(Row::group);
        let gone = self.0.beside(present.map(|group| &group.name)).into_iter();
        let gone = gone.map(|name| GroupReport {
            name,
            ..GroupReport::default()
        });
        report.groups.extend(gone.map(Box::new).map(Row::Group));
        for row in &mut report.groups {
            if let Row::Group(group) = row {
                group.sampled = self.0.of(group.name.clone());
            }
        }
    }
}

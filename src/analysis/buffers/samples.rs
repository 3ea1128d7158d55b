//! The memory of groups over many samples.

use super::{BuffersReport, GroupReport};
use crate::analysis::{Distribution, Sampling, Spreads, sockets::GroupName};

/// The memory of each group, and of all connections.
#[derive(Debug, Default)]
pub struct Samples {
    groups: Spreads<GroupName>,
    all: Distribution,
}

impl Sampling<BuffersReport> for Samples {
    fn add(&mut self, report: &BuffersReport) {
        self.all.add(report.totals.total_bytes());
        let groups = report.groups.iter();
        self.groups
            .add(groups.map(|group| (group.name.clone(), group.total_bytes())));
    }

    /// The last report is one more sample. The groups are sorted by what they took on average.
    fn fill(&mut self, report: &mut BuffersReport) {
        self.add(report);
        report.totals.sampled = self.all.spread();
        let present = report.groups.iter().map(|group| &group.name);
        let gone = self.groups.beside(present).into_iter();
        report.groups.extend(gone.map(|name| GroupReport {
            name,
            ..GroupReport::default()
        }));
        for group in &mut report.groups {
            group.sampled = self.groups.of(group.name.clone());
        }
        report.groups.sort_by(|one, other| {
            let mean = |group: &GroupReport| group.sampled.as_ref().map_or(0.0, |s| s.mean);
            mean(other).total_cmp(&mean(one))
        });
    }
}

//! The size of groups over many samples.

use std::time::Duration;

use super::{GroupReport, StatesReport};
use crate::analysis::{Slopes, Spreads, sockets::GroupName};

/// The size of each group at each sample.
#[derive(Debug, Default)]
pub struct Samples {
    sizes: Spreads<GroupName>,
    slopes: Slopes<GroupName>,
}

impl Samples {
    /// `since`: the time since the previous sample.
    pub fn add(&mut self, report: &StatesReport, since: Duration) {
        let sizes = || {
            let groups = report.groups.iter();
            groups.map(|group| (group.name.clone(), group.total))
        };
        self.sizes.add(sizes());
        self.slopes.add(since, sizes());
    }

    /// The last report is one more sample of the sizes.
    pub fn fill(&mut self, report: &mut StatesReport) {
        let groups = report.groups.iter();
        self.sizes
            .add(groups.map(|group| (group.name.clone(), group.total)));
        let present = report.groups.iter().map(|group| &group.name);
        let gone = self.sizes.beside(present).into_iter();
        // What the first reading had is there: it changed since.
        let gone = gone.map(|name| GroupReport {
            name,
            delta: Some(0),
            ..GroupReport::default()
        });
        report.groups.extend(gone);
        for group in &mut report.groups {
            if let Some(slope) = self.slopes.per_second(&group.name) {
                group.growth_per_minute = Some(slope * 60.0);
            }
            group.sampled = self.sizes.of(group.name.clone());
        }
    }
}

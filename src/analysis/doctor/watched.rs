//! What samples show between the first reading and the last.

use super::{Reports, series::AllSeries};
use crate::{
    analysis::{Sampling as _, fds, queues},
    model::Snapshot,
};

#[derive(Debug, Default)]
pub struct Watched {
    queues: queues::Samples,
    fds: fds::Samples,
    series: AllSeries,
    samples: u64,
}

impl Watched {
    /// Adds a snapshot of listeners, of processes or of both.
    pub fn add(&mut self, sample: &Snapshot) {
        for namespace in &sample.namespaces {
            let (netns, sockets) = (&namespace.netns, namespace.sockets());
            self.queues.add(netns, namespace.at, sockets);
            self.series.add(namespace.at, sockets);
        }
        self.samples += u64::from(!sample.namespaces.is_empty());
        if sample.processes.is_some() {
            let report = fds::report(sample, None, &fds::Selection::default());
            self.fds.add(&report);
        }
    }

    pub(super) fn fill(&self, reports: &mut Reports) {
        if self.samples > 0 {
            self.queues.fill(&mut reports.queues);
            reports.series = self.series.of(&reports.queues.listeners);
        }
    }
}

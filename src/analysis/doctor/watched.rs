//! What samples show between the first reading and the last.

use std::collections::HashSet;

use super::{Reports, series::AllSeries};
use crate::{
    analysis::{Sampling as _, counters, fds, queues},
    model::{Listener, Queue, Snapshot},
};

#[derive(Debug, Default)]
pub struct Watched {
    queues: queues::Samples,
    fds: fds::Samples,
    cookies: counters::CookieSamples,
    series: AllSeries,
    samples: u64,
    /// Inodes of listeners in whose queue something waited in the last sample…
    waiting: HashSet<u32>,
    /// … and of those in which it did in two samples, one after the other.
    suspects: HashSet<u32>,
}

/// Listeners whose owners are examined.
const MOST_SUSPECTS: usize = 32;

impl Watched {
    /// Listeners in whose queue connections waited in two samples, one after the other, that this
    /// was not said of before.
    pub fn new_suspects(&mut self, sample: &Snapshot) -> Vec<u32> {
        let sockets = sample.namespaces.iter().flat_map(|part| part.sockets());
        let is_waiting = |listener: &&Listener| {
            matches!(listener.queue, Queue::Accept { length: 1.., .. }) && listener.inode != 0
        };
        let waiting = sockets.filter(is_waiting).map(|listener| listener.inode);
        let waiting: HashSet<u32> = waiting.collect();
        let stayed = waiting.intersection(&self.waiting).copied();
        let new: Vec<u32> = stayed
            .filter(|inode| self.suspects.len() < MOST_SUSPECTS && self.suspects.insert(*inode))
            .collect();
        self.waiting = waiting;
        new
    }

    pub fn suspects(&self) -> impl Iterator<Item = u32> {
        self.suspects.iter().copied()
    }

    /// Adds a snapshot of listeners, and of processes and counters where it has them.
    pub fn add(&mut self, sample: &Snapshot) {
        for namespace in &sample.namespaces {
            let (netns, sockets) = (&namespace.netns, namespace.sockets());
            self.queues.add(netns, namespace.at, sockets);
            self.series.add(netns, namespace.at, sockets);
            self.cookies.add(namespace);
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
            // A process that ended is no gap in what was looked at.
            let incomplete = std::mem::take(&mut reports.fds.incomplete);
            self.fds.clone().fill(&mut reports.fds);
            reports.fds.incomplete = incomplete;
            self.cookies.fill(&mut reports.counters);
            reports.series = self.series.of(&reports.queues.listeners);
        }
    }
}

//! A reading, and the one before, to a report.

use std::{cmp::Reverse, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ListenerReport, LocalReport, Selection, State,
    findings::findings,
    incomplete,
    join::{Earlier, Join},
};
use crate::{
    analysis::{Finding, Report, holders::unfound},
    model::{Incomplete, Snapshot},
};

/// Every shown listener, the one in most trouble first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct QueueReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What it concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// How many listeners there are, shown or not.
    #[serde(skip)]
    pub there: usize,
    /// How long before this reading the SYN queues were counted; `null` when they were not.
    pub syn_age_ms: Option<u64>,
    /// One element for each socket.
    pub listeners: Vec<ListenerReport>,
}

impl Report for QueueReport {
    const SCHEMA: &'static str = "queues/v1";

    fn incomplete(&self) -> &[Incomplete] {
        &self.incomplete
    }

    fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// Joins what was read and compares it with the limits and, for changes, with the reading before.
pub fn report(
    now: &Snapshot,
    before: Option<(&Snapshot, Duration)>,
    selection: &Selection,
) -> QueueReport {
    let mut listeners: Vec<ListenerReport> = Vec::new();
    for namespace in &now.namespaces {
        let earlier = before.and_then(|(reading, elapsed)| {
            let reading = reading.namespace(&namespace.netns)?;
            Some(Earlier { reading, elapsed })
        });
        let join = Join::new(now, namespace, earlier.as_ref());
        listeners.extend(
            namespace
                .sockets()
                .iter()
                .filter(|listener| selection.may_show(listener))
                .map(|listener| join.listener(listener)),
        );
    }
    // What is hidden because its owner is not known must be said, too.
    let owners = now
        .owners
        .as_ref()
        .and_then(|owners| unfound(owners, listeners.len(), ownerless(&listeners)));
    listeners.retain(|listener| selection.shows(listener));
    let unknown = incomplete::unknown(now, &listeners);
    listeners.sort_by_cached_key(trouble);
    let ages = now
        .namespaces
        .iter()
        .filter_map(|namespace| namespace.half_open.as_ref())
        .map(|half_open| now.at.saturating_sub(half_open.at));
    let mut report = QueueReport {
        incomplete: now
            .incomplete
            .iter()
            .cloned()
            .chain(owners)
            .chain(unknown)
            .collect(),
        findings: Vec::new(),
        there: now
            .namespaces
            .iter()
            .map(|namespace| namespace.sockets().len())
            .sum(),
        syn_age_ms: ages.map(|age| age.as_millis() as u64).max(),
        listeners,
    };
    report.conclude();
    report
}

impl QueueReport {
    /// Makes the findings; of the sockets themselves, before any are folded, sorted or left out.
    pub(super) fn conclude(&mut self) {
        self.findings = findings(self);
    }
}

fn ownerless(listeners: &[ListenerReport]) -> usize {
    let is_ownerless = |l: &&ListenerReport| l.owners.is_empty() && l.inode != 0;
    listeners.iter().filter(is_ownerless).count()
}

/// Sorts the worst first; what is alike stays in the order of addresses.
fn trouble(listener: &ListenerReport) -> impl Ord + use<> {
    let fill = listener.fill_ratio().unwrap_or(0.0);
    let local = match &listener.local {
        LocalReport::Inet { address, port, .. } => (0, Some((*port, *address)), None),
        LocalReport::Unix { path } => (1, None, Some(path.clone())),
    };
    let urgent = listener.state >= State::Full;
    (
        Reverse(urgent.then_some(listener.state)),
        Reverse(listener.drops_delta.filter(|delta| *delta > 0)),
        Reverse(listener.state),
        Reverse((fill * 1e6) as u64),
        Reverse(listener.drops),
        listener.netns.clone(),
        local,
        listener.cookie,
    )
}

impl ListenerReport {
    /// How full its queue is, whichever it has; `None` when the limit is unknown.
    pub fn fill_ratio(&self) -> Option<f64> {
        match (&self.accept_queue, &self.receive_queue) {
            (Some(accept), _) => Some(accept.fill_ratio),
            (None, Some(receive)) => receive.fill_ratio,
            (None, None) => None,
        }
    }
}

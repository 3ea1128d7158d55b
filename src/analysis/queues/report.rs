//! Snapshots to a report of listeners.

use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    ListenerReport, LocalReport, Selection, State, findings::findings, incomplete::unknown,
    join::Join,
};
use crate::{
    analysis::{Finding, Previous, elsewhere::elsewhere, incomplete::unfound, of_netns},
    model::{Incomplete, Snapshot},
};

/// Every selected listener, the worst first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct QueueReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// What stands in namespaces that the report does not cover.
    #[serde(skip)]
    pub elsewhere: Vec<Finding>,
    /// Number of listeners, selected or not.
    #[serde(skip)]
    pub there: usize,
    /// Age of the oldest count of SYN queues; `null` when they were not counted.
    pub syn_age_ms: Option<u64>,
    /// One element per socket.
    pub listeners: Vec<ListenerReport>,
}

is_report!(QueueReport, "queues/v1");

/// Compares listeners with their limits and, for changes, with the previous reading.
pub fn report(now: &Snapshot, before: Previous<'_>, selection: &Selection) -> QueueReport {
    let mut listeners: Vec<ListenerReport> = Vec::new();
    for namespace in &now.namespaces {
        let join = Join::new(now, namespace, of_netns(before, namespace));
        let sockets = namespace.sockets().iter();
        let sockets = sockets.filter(|listener| selection.may_show(listener));
        listeners.extend(sockets.map(|listener| join.listener(listener)));
    }
    // Counted before `retain`: a listener may be left out because its owner is not known.
    let owners = now.owners.as_ref();
    let owners = owners.and_then(|owners| {
        unfound(
            owners,
            listeners.len(),
            ownerless(&listeners),
            "sockdiag queues",
        )
    });
    listeners.retain(|listener| selection.shows(listener));
    listeners.sort_by_cached_key(urgency);
    let namespaces = now.namespaces.iter();
    let half_open = namespaces.clone().flat_map(|netns| &netns.half_open);
    let ages = half_open.map(|half_open| now.at.saturating_sub(half_open.at));
    let incomplete = now.incomplete.iter().cloned().chain(owners);
    let mut report = QueueReport {
        incomplete: incomplete.chain(unknown(now, &listeners)).collect(),
        findings: Vec::new(),
        elsewhere: elsewhere(now, "queues", |there| judge(there, selection)),
        there: namespaces.map(|namespace| namespace.sockets().len()).sum(),
        syn_age_ms: ages.map(|age| age.as_millis() as u64).max(),
        listeners,
    };
    report.conclude();
    report
}

impl QueueReport {
    /// Applies the rules to the sockets themselves, before any are folded, sorted or left out.
    pub(super) fn conclude(&mut self) {
        self.findings = findings(self);
    }
}

/// The owners and units in other namespaces are not read.
fn judge(there: &Snapshot, selection: &Selection) -> Vec<Finding> {
    match selection.needs_owners() {
        true => Vec::new(),
        false => report(there, None, selection).findings,
    }
}

fn ownerless(listeners: &[ListenerReport]) -> usize {
    let is_ownerless = |l: &&ListenerReport| l.owners.is_empty() && l.inode != 0;
    listeners.iter().filter(is_ownerless).count()
}

/// Sorts the worst first, and equals by address.
fn urgency(listener: &ListenerReport) -> impl Ord + use<> {
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
    /// How full its accept queue or receive buffer is; `None` when the limit is unknown.
    pub fn fill_ratio(&self) -> Option<f64> {
        match (&self.accept_queue, &self.receive_queue) {
            (Some(accept), _) => Some(accept.fill_ratio),
            (None, Some(receive)) => receive.fill_ratio,
            (None, None) => None,
        }
    }
}

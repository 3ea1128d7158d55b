//! Readings of ports to a report.

use std::{cmp::Reverse, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    By, Capacity, Namespace, Pressure, Reusable, TupleReport,
    findings::findings,
    gone::gone,
    group::fold,
    incomplete::{missing, untold},
    line::{Taken, holders, rows},
    process::by_process,
};
use crate::{
    analysis::{Finding, Report, change, per_second},
    model::{Address, Families, Incomplete, Netns, Owner, Owners, Snapshot},
};

/// Every tuple that holds ephemeral ports, the fullest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct PortsReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What it concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// How long before this report the sockets were read. Where reading them takes long, it is not
    /// repeated at every refresh.
    pub age_ms: u64,
    /// What makes a line.
    pub by: By,
    /// The ports that clients may be given; `null` where several namespaces were asked.
    pub range: Option<RangeReport>,
    /// Ports of the range held by sockets that are bound and no more; `null` before Linux 6.8, and
    /// where several namespaces were asked.
    pub bound_only: Option<u64>,
    /// Each network namespace that was asked.
    pub namespaces: Vec<NamespaceReport>,
    /// One element for each tuple, or group of them.
    pub tuples: Vec<TupleReport>,
}

/// `ip_local_port_range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RangeReport {
    /// The lowest port.
    pub low: u16,
    /// The highest.
    pub high: u16,
    /// How many there are.
    pub size: u64,
    /// How many of them are never chosen (ip_local_reserved_ports).
    pub reserved: u64,
    /// How many may be chosen.
    pub usable: u64,
}

/// What holds for all tuples of a network namespace.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NamespaceReport {
    /// Which it is.
    pub netns: Netns,
    /// The ports that clients may be given.
    pub range: RangeReport,
    /// Ports of the range that listeners have; connect(2) chooses none of them for any destination.
    pub listeners: u64,
    /// The same for sockets that are bound and no more; `null` before Linux 6.8.
    pub bound_only: Option<u64>,
    /// Ports of the range that listeners and bound sockets have for every destination, each once;
    /// before Linux 6.8 those of listeners alone.
    pub blocked: u64,
    /// How near it is to running out for every destination, by those alone.
    pub state: Pressure,
    /// Who holds sockets that are bound and no more, the oldest eight of them.
    pub binders: Vec<Owner>,
    /// Ports of the range held by connections that were probably bound before connect(2).
    pub bound_first: u64,
    /// `tcp_timestamps`, without which (0) `tcp_tw_reuse` does nothing.
    pub tcp_timestamps: Option<u32>,
    /// `tcp_tw_reuse`: 0 never, 1 always, 2 on loopback.
    pub tcp_tw_reuse: Option<u32>,
    /// How old a TIME_WAIT must be to be taken over; `null` before Linux 6.14, where it is a second.
    pub tcp_tw_reuse_delay_ms: Option<u32>,
    /// Connections begun a second, of all tuples and outside of the range, too (`ActiveOpens`).
    pub active_opens_per_second: Option<f64>,
}

impl Report for PortsReport {
    const SCHEMA: &'static str = "ports/v1";

    fn incomplete(&self) -> &[Incomplete] {
        &self.incomplete
    }

    fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// What is reported.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection {
    /// What makes a line.
    pub by: By,
    /// Of destinations.
    pub families: Families,
}

/// Sets what is in use against what there is and, for changes, against the reading before.
pub fn report(
    now: &Snapshot,
    before: Option<(&Snapshot, Duration)>,
    selection: Selection,
) -> PortsReport {
    let by = selection.by;
    let mut report = PortsReport {
        incomplete: now.incomplete.clone(),
        age_ms: now.walk_age().unwrap_or_default().as_millis() as u64,
        by,
        ..PortsReport::default()
    };
    for namespace in now.namespaces.iter().filter_map(Namespace::of) {
        let earlier = before.and_then(|(snapshot, elapsed)| {
            let earlier = Namespace::of(snapshot.namespace(&namespace.snapshot.netns)?)?;
            let between = namespace.holders.at.saturating_sub(earlier.holders.at);
            let elapsed = if between.is_zero() { elapsed } else { between };
            Some((earlier, elapsed))
        });
        let earlier = earlier
            .as_ref()
            .map(|(earlier, elapsed)| (earlier, *elapsed));
        report.add(&namespace, earlier, now.owners.as_ref());
    }
    if let [only] = &report.namespaces[..] {
        report.range = Some(only.range);
        report.bound_only = only.bound_only;
    }
    let is_wanted = |end: Address| selection.families.has(end.address);
    report
        .tuples
        .retain(|row| row.destination.is_none_or(is_wanted));
    report.incomplete.extend(missing(now, by));
    report.incomplete.extend(untold(&report.tuples));
    report.tuples = fold(report.tuples, by);
    report.tuples.retain(|row| row.tuples > 0);
    report.sort();
    report.conclude();
    report
}

impl PortsReport {
    fn add(
        &mut self,
        namespace: &Namespace<'_>,
        earlier: Option<(&Namespace<'_>, Duration)>,
        owners: Option<&Owners>,
    ) {
        let taken = Taken::new(namespace);
        self.namespaces
            .push(summary(namespace, earlier, &taken, owners));
        let rows = rows(namespace, earlier, &taken, owners);
        self.tuples.extend(match (self.by, owners) {
            (By::Process, Some(owners)) => by_process(&rows, namespace.holders, owners),
            _ => rows,
        });
        let compares_ends = matches!(self.by, By::Source | By::Destination);
        if let Some((earlier, _)) = earlier.filter(|_| compares_ends) {
            self.tuples.extend(gone(namespace, earlier, &taken));
        }
    }

    /// Sorts the fullest first.
    pub(super) fn sort(&mut self) {
        self.tuples.sort_by_cached_key(pressure);
    }

    /// Makes the findings, once all else is filled in.
    pub(super) fn conclude(&mut self) {
        self.findings = findings(self);
    }
}

fn summary(
    now: &Namespace<'_>,
    before: Option<(&Namespace<'_>, Duration)>,
    taken: &Taken,
    owners: Option<&Owners>,
) -> NamespaceReport {
    let capacity = &now.capacity;
    let (left, likely) = (capacity.blocked.left(), taken.blocked.left());
    let opens = before.and_then(|(earlier, elapsed)| {
        let opens = |namespace: &Namespace<'_>| {
            let counters = &namespace.snapshot.counters;
            counters.value("Tcp", "ActiveOpens")
        };
        let elapsed = now.snapshot.elapsed_since(earlier.snapshot, elapsed);
        per_second(change(opens(earlier)?, opens(now)?)? as f64, elapsed)
    });
    NamespaceReport {
        netns: now.snapshot.netns.clone(),
        range: range(capacity),
        listeners: capacity.listeners.len() as u64,
        bound_only: capacity.bound.as_ref().map(|ports| ports.len() as u64),
        blocked: capacity.usable() - left,
        state: Pressure::of(capacity.usable(), left, likely, Reusable::Surely(0)),
        binders: holders(&now.holders.binders, owners),
        bound_first: taken.ports.len() as u64,
        tcp_timestamps: capacity.limits.tcp_timestamps,
        tcp_tw_reuse: capacity.limits.tcp_tw_reuse,
        tcp_tw_reuse_delay_ms: capacity.limits.tcp_tw_reuse_delay_ms,
        active_opens_per_second: opens,
    }
}

fn range(capacity: &Capacity) -> RangeReport {
    RangeReport {
        low: *capacity.range.start(),
        high: *capacity.range.end(),
        size: capacity.size(),
        reserved: capacity.reserved.len() as u64,
        usable: capacity.usable(),
    }
}

fn pressure(row: &TupleReport) -> impl Ord + use<> {
    (
        Reverse(row.state),
        row.process.is_none(),
        row.room(),
        Reverse(row.used),
        row.netns.clone(),
        row.destination,
        row.source,
        row.process.clone(),
    )
}

//! Snapshots to a report of ephemeral ports.

use std::{cmp::Reverse, net::IpAddr};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    By, Namespace, Pressure, Reusable, TupleReport,
    findings::findings,
    group::fold,
    incomplete::{missing, unknown_choice},
    line::{Taken, gone, holders, rows},
    process::by_process,
};
use crate::{
    analysis::{Finding, Previous, change, elsewhere::elsewhere, per_second},
    model::{
        Address, Families, Filter, Incomplete, Netns, NetnsSnapshot, Owner, Owners, Snapshot,
        filter::{End, View},
    },
};

/// Every tuple that uses ephemeral ports, the fullest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct PortsReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Number of tuples, selected or not.
    #[serde(skip)]
    pub there: usize,
    /// What stands in namespaces that the report does not cover.
    #[serde(skip)]
    pub elsewhere: Vec<Finding>,
    /// Age of the table scan: one that takes long is not repeated at every refresh.
    pub age_ms: u64,
    /// What a row of `tuples` stands for.
    pub by: By,
    /// The ephemeral range; `null` for several namespaces.
    pub range: Option<RangeReport>,
    /// Ports of the range that sockets are bound to without a connection; `null` before Linux 6.8
    /// and for several namespaces.
    pub bound_only: Option<u64>,
    /// One element per network namespace that was read.
    pub namespaces: Vec<NamespaceReport>,
    /// One element per tuple, or group of tuples.
    pub tuples: Vec<TupleReport>,
}

/// `ip_local_port_range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RangeReport {
    /// The lowest port.
    pub low: u16,
    /// The highest port.
    pub high: u16,
    /// Number of ports.
    pub size: u64,
    /// Ports that are never chosen (ip_local_reserved_ports).
    pub reserved: u64,
    /// Ports that may be chosen.
    pub usable: u64,
}

/// What applies to all tuples of a network namespace.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NamespaceReport {
    /// The network namespace.
    pub netns: Netns,
    /// The ephemeral range.
    pub range: RangeReport,
    /// Ports of the range that listeners have: connect(2) never chooses them.
    pub listeners: u64,
    /// Ports of the range that sockets are bound to without a connection; `null` before Linux 6.8.
    pub bound_only: Option<u64>,
    /// Ports of the range that listeners and bound sockets take from every destination, each counted
    /// once; before Linux 6.8 ports of listeners alone.
    pub blocked: u64,
    /// How near `blocked` alone is to the size of the range.
    pub state: Pressure,
    /// Owners of the eight oldest sockets that are bound without a connection.
    pub binders: Vec<Owner>,
    /// Ports of the range of connections that were probably bound before connect(2).
    pub bound_first: u64,
    /// `tcp_timestamps`, without which (0) `tcp_tw_reuse` does nothing.
    pub tcp_timestamps: Option<u32>,
    /// `tcp_tw_reuse`: 0 never, 1 always, 2 on loopback.
    pub tcp_tw_reuse: Option<u32>,
    /// Age from which a TIME_WAIT may be taken over; `null` before Linux 6.14: one second.
    pub tcp_tw_reuse_delay_ms: Option<u32>,
    /// Connections opened per second by connect(2), from any port (`ActiveOpens`).
    pub active_opens_per_second: Option<f64>,
}

is_report!(PortsReport, "ports/v1");

#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub by: By,
    /// Address families of the destinations.
    pub families: Families,
    pub filter: Filter,
}

/// A tuple has a local address, but no single local port.
impl View for TupleReport {
    fn address(&self, end: End) -> Option<Address> {
        match end {
            End::Local => None,
            End::Peer => self.destination,
        }
    }

    fn host(&self, end: End) -> Option<IpAddr> {
        match end {
            End::Local => self.source,
            End::Peer => Some(self.destination?.address),
        }
    }
}

/// Compares the ports in use with the ports there are and, for changes, with the previous reading.
pub fn report(now: &Snapshot, before: Previous<'_>, selection: Selection) -> PortsReport {
    let by = selection.by;
    let mut report = PortsReport {
        incomplete: now.incomplete.clone(),
        age_ms: now.walk_age().unwrap_or_default().as_millis() as u64,
        by,
        elsewhere: elsewhere(now, "ports", |there| judge(there, selection.clone())),
        ..PortsReport::default()
    };
    for namespace in now.namespaces.iter().filter_map(Namespace::of) {
        let earlier = before.and_then(|(snapshot, elapsed)| {
            let earlier = Namespace::of(snapshot.namespace(&namespace.snapshot.netns)?)?;
            let between = namespace.holders.at.saturating_sub(earlier.holders.at);
            let elapsed = if between.is_zero() { elapsed } else { between };
            Some((earlier, elapsed))
        });
        let earlier = earlier.as_ref().map(|(then, elapsed)| (then, *elapsed));
        report.add(&namespace, earlier, now.owners.as_deref());
    }
    if let [only] = &report.namespaces[..] {
        report.range = Some(only.range);
        report.bound_only = only.bound_only;
    }
    let has = |end: Address| selection.families.has(end.address);
    report.tuples.retain(|row| row.destination.is_none_or(has));
    report.there = report.tuples.len();
    report.tuples.retain(|row| selection.filter.accepts(row));
    report.incomplete.extend(missing(now, by));
    report.incomplete.extend(unknown_choice(&report.tuples));
    report.tuples = fold(report.tuples, by);
    report.tuples.retain(|row| row.tuples > 0);
    report.conclude();
    report
}

fn judge(there: &Snapshot, selection: Selection) -> Vec<Finding> {
    let by = By::Tuple;
    report(there, None, Selection { by, ..selection }).findings
}

impl PortsReport {
    fn add(
        &mut self,
        namespace: &Namespace<'_>,
        earlier: Previous<'_, Namespace<'_>>,
        owners: Option<&Owners>,
    ) {
        let taken = Taken::new(namespace);
        let summary = summary(namespace, earlier, &taken, owners);
        self.namespaces.push(summary);
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

    /// Sorts the rows, the fullest first, and applies the rules to them.
    pub(super) fn conclude(&mut self) {
        self.tuples.sort_by_cached_key(pressure);
        self.findings = findings(self);
    }
}

fn summary(
    now: &Namespace<'_>,
    before: Previous<'_, Namespace<'_>>,
    taken: &Taken,
    owners: Option<&Owners>,
) -> NamespaceReport {
    let capacity = &now.capacity;
    let (left, likely) = (capacity.blocked.left, taken.blocked.left);
    let opens = before.and_then(|(earlier, elapsed)| {
        let opens = |snapshot: &NetnsSnapshot| snapshot.counters.value("Tcp", "ActiveOpens");
        let opened = change(opens(earlier.snapshot)?, opens(now.snapshot)?)?;
        let elapsed = now.snapshot.elapsed_since(earlier.snapshot, elapsed);
        per_second(opened as f64, elapsed)
    });
    let range = RangeReport {
        low: *capacity.range.start(),
        high: *capacity.range.end(),
        size: capacity.size(),
        reserved: capacity.reserved.len() as u64,
        usable: capacity.usable(),
    };
    NamespaceReport {
        netns: now.snapshot.netns.clone(),
        range,
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

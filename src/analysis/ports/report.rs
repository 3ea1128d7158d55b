//! Readings of ports to a report.

use std::{cmp::Reverse, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Blocked, By, Capacity, NamespaceReading, Oldest, Pressure, Reading, Reusable, States, Tuple,
    TupleKey, TupleReport,
    gone::gone,
    group::fold,
    inferred::{Choice, choices},
    outlook::outlook,
    process::by_process,
};
use crate::{
    analysis::{Address, Report, change, holders::unfound, per_second},
    model::{Incomplete, Netns, Owner, Owners, PortSet},
};

/// Every tuple that holds ephemeral ports, the fullest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct PortsReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
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
}

/// Sets what is held against what there is and, for changes, against the reading before.
pub fn report(now: &Reading, before: Option<(&Reading, Duration)>, by: By) -> PortsReport {
    let mut report = PortsReport {
        incomplete: now.incomplete.clone(),
        by,
        ..PortsReport::default()
    };
    for namespace in &now.namespaces {
        let earlier = before.and_then(|(reading, elapsed)| {
            let same = |other: &&NamespaceReading| other.netns.inode == namespace.netns.inode;
            let earlier = reading.namespaces.iter().find(same)?;
            Some((earlier, elapsed))
        });
        let taken = Taken::new(namespace);
        let owners = now.owners.as_ref();
        report
            .namespaces
            .push(summary(namespace, earlier, &taken, owners));
        let rows = rows(namespace, earlier, &taken, now.owners.as_ref());
        report.tuples.extend(match (by, &now.owners) {
            (By::Process, Some(owners)) => by_process(&rows, &namespace.tally, owners),
            _ => rows,
        });
        if let Some((earlier, _)) = earlier.filter(|_| matches!(by, By::Source | By::Destination)) {
            report.tuples.extend(gone(namespace, earlier, &taken));
        }
    }
    if let [only] = &report.namespaces[..] {
        report.range = Some(only.range);
        report.bound_only = only.bound_only;
    }
    report.incomplete.extend(missing(now, by));
    report.incomplete.extend(untold(&report.tuples));
    report.tuples = fold(report.tuples, by);
    report.tuples.retain(|row| row.tuples > 0);
    report.sort();
    report
}

impl PortsReport {
    /// Sorts the fullest first.
    pub(super) fn sort(&mut self) {
        self.tuples.sort_by_cached_key(pressure);
    }
}

/// What bind(2) probably gave to connections of a namespace, and how each tuple's ports were chosen.
pub struct Taken {
    choices: Vec<Choice>,
    ports: PortSet,
    /// What is blocked for sure, and those.
    blocked: Blocked,
}

impl Taken {
    fn new(namespace: &NamespaceReading) -> Self {
        let choices = choices(&namespace.tally, &namespace.capacity);
        let mut ports = PortSet::default();
        for choice in &choices {
            if let Choice::BoundFirst(bound) = choice {
                ports.extend(bound.iter());
            }
        }
        let mut blocked = namespace.capacity.blocked.clone();
        blocked.add(&ports);
        Taken {
            choices,
            ports,
            blocked,
        }
    }
}

fn summary(
    now: &NamespaceReading,
    before: Option<(&NamespaceReading, Duration)>,
    taken: &Taken,
    owners: Option<&Owners>,
) -> NamespaceReport {
    let capacity = &now.capacity;
    let (left, likely) = (capacity.blocked.left(), taken.blocked.left());
    let opens = before.and_then(|(earlier, elapsed)| {
        let opens = change(earlier.active_opens?, now.active_opens?)?;
        per_second(opens as f64, elapsed)
    });
    NamespaceReport {
        netns: now.netns.clone(),
        range: range(capacity),
        listeners: capacity.listeners.len() as u64,
        bound_only: capacity.bound.as_ref().map(|ports| ports.len() as u64),
        blocked: capacity.usable() - left,
        state: Pressure::of(capacity.usable(), left, likely, Reusable::Surely(0)),
        binders: holders(&now.binders, owners),
        bound_first: taken.ports.len() as u64,
        tcp_timestamps: capacity.limits.tcp_timestamps,
        tcp_tw_reuse: capacity.limits.tcp_tw_reuse,
        tcp_tw_reuse_delay_ms: capacity.limits.tcp_tw_reuse_delay_ms,
        active_opens_per_second: opens,
    }
}

fn holders(sockets: &Oldest, owners: Option<&Owners>) -> Vec<Owner> {
    let found = sockets.inodes().iter();
    let found = found.filter_map(|inode| owners?.by_inode.get(inode));
    found.flatten().cloned().collect()
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

/// A line for each tuple, in the order of the tally.
fn rows(
    now: &NamespaceReading,
    before: Option<(&NamespaceReading, Duration)>,
    taken: &Taken,
    owners: Option<&Owners>,
) -> Vec<TupleReport> {
    let tuples = now.tally.tuples().iter().zip(&taken.choices);
    tuples
        .map(|((key, tuple), choice)| {
            let mut row = row(now, key, tuple, choice, taken);
            if let Some((earlier, elapsed)) = before {
                let then = earlier.tally.get(key);
                let outlook = outlook(tuple, then, elapsed, &row);
                row.delta = Some(outlook.delta);
                row.per_second = outlook.per_second;
                row.full_in_seconds = outlook.full_in_seconds;
            }
            if let Some(owners) = owners {
                row.owners = holders(&tuple.sockets, Some(owners));
                row.owners_complete = Some(owners.complete && tuple.sockets.are_all());
            }
            row
        })
        .collect()
}

/// The line of a tuple, without what is known by comparison.
pub fn row(
    namespace: &NamespaceReading,
    key: &TupleKey,
    tuple: &Tuple,
    choice: &Choice,
    taken: &Taken,
) -> TupleReport {
    let capacity = &namespace.capacity;
    let usable = capacity.usable();
    let held = collides_with(namespace, key, tuple);
    let free = capacity.blocked.free(&held);
    let free_likely = taken.blocked.free(&held);
    let (bound_first, window) = match choice {
        Choice::Connect => (Some(0), None),
        Choice::Untold => (None, None),
        Choice::BoundFirst(bound) => (Some(bound.len() as u64), None),
        Choice::Window(window) => (Some(0), Some(*window)),
    };
    let reusable = Reusable::of(tuple, &taken.blocked);
    // Of an odd number of ports each connect(2) overlooks one.
    let sure = free_likely.saturating_sub(capacity.size() % 2);
    TupleReport {
        netns: namespace.netns.clone(),
        source: Some(key.source),
        destination: Some(Address {
            address: key.destination,
            port: key.port,
        }),
        interface: interface(namespace, key.interface),
        tuples: 1,
        state: Pressure::of(usable, free, sure, reusable),
        used: tuple.used(),
        free,
        free_likely,
        reusable: reusable.count(),
        used_ratio: used_ratio(usable, free),
        states: States::of(tuple),
        bound_first,
        window,
        ..TupleReport::default()
    }
}

/// A socket that is bound to a device gets no port that an unbound one has towards the same end.
fn collides_with(namespace: &NamespaceReading, key: &TupleKey, tuple: &Tuple) -> PortSet {
    let mut ports = tuple.ports.clone();
    if key.interface != 0 {
        let unbound = namespace.tally.get(&TupleKey {
            interface: 0,
            ..*key
        });
        ports.extend(unbound.into_iter().flat_map(|tuple| tuple.ports.iter()));
    }
    ports
}

fn interface(namespace: &NamespaceReading, index: u32) -> Option<String> {
    let name = || namespace.interfaces.get(&index).cloned();
    (index != 0).then(|| name().unwrap_or_else(|| format!("if{index}")))
}

/// Of no port at all, all are used.
pub fn used_ratio(usable: u64, free: u64) -> f64 {
    match usable {
        0 => 1.0,
        _ => usable.saturating_sub(free) as f64 / usable as f64,
    }
}

/// Of these tuples it is not known whether they take ports from all others.
fn untold(rows: &[TupleReport]) -> Option<Incomplete> {
    let untold = rows.iter().filter(|row| row.bound_first.is_none()).count();
    let why = "more than half of the range is held, so the ports do not tell whether bind() gave \
               them before connect(); if so, they are taken for every destination";
    (untold > 0).then(|| Incomplete::counted("bound_first", why, untold as u64))
}

fn missing(now: &Reading, by: By) -> Vec<Incomplete> {
    let mut missing = Vec::new();
    let untold = now.namespaces.iter().filter(|n| n.capacity.bound.is_none());
    let untold = untold.count() as u64;
    if untold > 0 {
        let why = "ports of sockets that are bound and no more: only Linux 6.8 and later tell";
        missing.push(Incomplete::counted("bound_only", why, untold));
    }
    if let Some(owners) = &now.owners {
        let unheld = unheld(now, owners, by);
        missing.extend(
            (unheld > 0)
                .then(|| unfound(owners, unheld, unheld))
                .flatten(),
        );
    }
    missing
}

/// Tuples with live connections, or connections by process, of which no holder was found.
fn unheld(now: &Reading, owners: &Owners, by: By) -> usize {
    let is_unheld = |inodes: &[u32]| {
        !inodes.is_empty()
            && !inodes
                .iter()
                .any(|inode| owners.by_inode.contains_key(inode))
    };
    let tallies = now.namespaces.iter().map(|namespace| &namespace.tally);
    match by {
        By::Process => tallies
            .flat_map(|tally| tally.held())
            .filter(|socket| is_unheld(&[socket.inode]))
            .count(),
        _ => tallies
            .flat_map(|tally| tally.tuples())
            .filter(|(_, tuple)| is_unheld(tuple.sockets.inodes()))
            .count(),
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

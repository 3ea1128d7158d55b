//! Snapshots to a report of timewait sockets.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Bar, By, Flow, GroupReport, Kept, Namespace,
    findings::findings,
    group::{Holders, Name, groups, row, size},
};
use crate::{
    analysis::{
        Finding, Previous, Spread, change, elsewhere::elsewhere, finding::worst_first,
        incomplete::unfound,
    },
    model::{Address, Families, Filter, Incomplete, Netns, NetnsSnapshot, Owners, Snapshot},
};

/// The width of a bar, and the time over which the drain is averaged.
const TEN_SECONDS: usize = 10;
/// The kernel's timers fire some seconds late (kernel/time/timer.c).
const LATE_SECONDS: usize = 1;

/// Closed connections that the kernel keeps, the largest group first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TimewaitReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Age of the table scan: one that takes long is not repeated at every refresh.
    pub age_ms: u64,
    /// What the groups have in common.
    pub by: By,
    /// Of all namespaces; what concerns the limit is `null` for several.
    #[serde(flatten)]
    pub totals: Totals,
    /// Change of `count` since the previous reading.
    pub delta: Option<i64>,
    /// Sockets that end per second by their timers, averaged over ten seconds from the next one on.
    pub drain_per_second: f64,
    /// Sockets by the time they have left.
    pub left: Vec<Bar>,
    /// `count` over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
    /// One element per network namespace that was read.
    pub namespaces: Vec<NamespaceReport>,
    /// The source and destination between which timewait sockets hold the most ephemeral ports.
    pub fullest: Option<Fullest>,
    /// One element per group.
    pub groups: Vec<GroupReport>,
}

/// Timewait sockets of one network namespace.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NamespaceReport {
    /// The network namespace.
    pub netns: Netns,
    #[serde(flatten)]
    pub totals: Totals,
}

/// How many there are, and how many there may be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Totals {
    /// Timewait sockets: in TIME_WAIT, or in FIN_WAIT2 without an owner (sockstat `tw`).
    pub count: u64,
    /// Timewait sockets in FIN_WAIT2.
    pub fin_wait_2: u64,
    /// `tcp_max_tw_buckets`; this and the next three are `null` for several namespaces together.
    pub limit: Option<u32>,
    /// count ÷ limit.
    pub fill_ratio: Option<f64>,
    /// Connections closed without a TIME_WAIT since the namespace was created, for lack of a bucket
    /// or of memory (`TCPTimeWaitOverflow`).
    pub overflows: Option<i128>,
    /// Change of `overflows` since the previous reading.
    pub overflows_delta: Option<i128>,
}

/// A source, a destination, and the ports in TIME_WAIT between them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Fullest {
    /// The network namespace.
    pub netns: Netns,
    /// Local address.
    pub source: IpAddr,
    /// Remote address and port.
    pub destination: Address,
    /// Ports that timewait sockets hold.
    pub count: u64,
    /// Ports that connect(2) may choose for one destination.
    pub usable: u64,
}

impl Fullest {
    /// count ÷ usable.
    pub fn ratio(&self) -> f64 {
        self.count as f64 / (self.usable as f64).max(1.0)
    }
}

is_report!(TimewaitReport, "timewait/v1");

#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub by: By,
    /// Address families of the groups. Sums cover both, as the limit does.
    pub families: Families,
    /// Which flows the groups contain. Sums cover all.
    pub filter: Filter,
}

impl Selection {
    pub(super) fn shows(&self, flow: &Flow) -> bool {
        self.families.has(flow.peer) && self.filter.accepts(flow)
    }
}

/// Counts and groups timewait sockets and, for changes, compares with the previous reading.
pub fn report(now: &Snapshot, before: Previous<'_>, selection: Selection) -> TimewaitReport {
    let mut report = TimewaitReport {
        incomplete: now.incomplete.clone(),
        age_ms: now.walk_age().unwrap_or_default().as_millis() as u64,
        by: selection.by,
        ..TimewaitReport::default()
    };
    let mut all = Kept::default();
    for namespace in now.namespaces.iter().filter_map(Namespace::of) {
        let earlier = before.and_then(|(snapshot, _)| {
            Namespace::of(snapshot.namespace(&namespace.snapshot.netns)?)
        });
        let mut kept = Kept::default();
        namespace
            .flows
            .iter()
            .for_each(|(_, flow)| kept.merge(flow));
        let (earlier, owners) = (earlier.as_ref(), now.owners.as_deref());
        let count = kept.left.count();
        let summary = summary(namespace.snapshot, count, kept.fin_wait_2, earlier);
        report.namespaces.push(summary);
        all.merge(&kept);
        let groups = rows(&namespace, earlier, owners, &selection);
        report.groups.extend(groups);
        let fuller = report.fullest.into_iter().chain(fullest(&namespace));
        report.fullest = fuller.max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    }
    let kept = all.left.count();
    report.totals.count = kept;
    report.totals.fin_wait_2 = all.fin_wait_2;
    report.delta = before.map(|(earlier, _)| kept as i64 - count(earlier) as i64);
    let soon = all.left.between(LATE_SECONDS, LATE_SECONDS + TEN_SECONDS);
    report.drain_per_second = soon as f64 / TEN_SECONDS as f64;
    report.left = bars(&all);
    report.complete();
    report.incomplete.extend(unheld(now, &report.groups));
    report.findings = findings(&report);
    report.findings.extend(elsewhere(now, "timewait", judge));
    worst_first(&mut report.findings);
    report
}

/// By the numbers of sockets and the limits, as the sockets in other namespaces are not read.
fn judge(there: &Snapshot) -> Vec<Finding> {
    let count = |namespace: &NetnsSnapshot| namespace.timewait_sockets().unwrap_or(0);
    let summary = |namespace| summary(namespace, count(namespace), 0, None);
    let namespaces = there.namespaces.iter().map(summary).collect();
    findings(&TimewaitReport {
        namespaces,
        ..TimewaitReport::default()
    })
}

impl TimewaitReport {
    /// Fills in what follows from the rest.
    fn complete(&mut self) {
        if let [only] = &self.namespaces[..] {
            self.totals = only.totals.clone();
        }
        for group in &mut self.groups {
            group.share_ratio = group.count as f64 / self.totals.count as f64;
        }
        self.groups.sort_by_cached_key(size);
    }
}

fn count(snapshot: &Snapshot) -> u64 {
    let parts = snapshot.namespaces.iter();
    let parts = parts.filter_map(|namespace| namespace.time_waits.as_deref());
    let kept = parts.flat_map(|part| &part.flows);
    kept.map(|(_, kept)| kept.left.count()).sum()
}

/// Groups that have a listener or a live connection, but no owner of one was found.
fn unheld(now: &Snapshot, groups: &[GroupReport]) -> Option<Incomplete> {
    let owners = now.owners.as_ref()?;
    let is_unheld = |group: &&GroupReport| group.has_sockets && group.likely_owners.is_empty();
    let unheld = groups.iter().filter(is_unheld).count();
    let missing = unfound(owners, 0, unheld, "sockdiag timewait")?;
    let what = "likely_owners".to_owned();
    Some(Incomplete { what, ..missing })
}

fn summary(
    now: &NetnsSnapshot,
    count: u64,
    fin_wait_2: u64,
    before: Option<&Namespace<'_>>,
) -> NamespaceReport {
    let limit = now.settings.ports.tcp_max_tw_buckets;
    let buckets = limit.filter(|limit| *limit > 0);
    let lost = |part: &NetnsSnapshot| part.counters.value("TcpExt", "TCPTimeWaitOverflow");
    let overflows = lost(now).zip(before.and_then(|before| lost(before.snapshot)));
    let totals = Totals {
        count,
        fin_wait_2,
        limit,
        fill_ratio: buckets.map(|limit| count as f64 / f64::from(limit)),
        overflows: lost(now),
        overflows_delta: overflows.and_then(|(now, before)| change(before, now)),
    };
    let netns = now.netns.clone();
    NamespaceReport { netns, totals }
}

fn rows(
    namespace: &Namespace<'_>,
    before: Option<&Namespace<'_>>,
    owners: Option<&Owners>,
    selection: &Selection,
) -> Vec<GroupReport> {
    let holders = Holders::new(namespace, owners);
    let earlier = before.map(|before| groups(before, selection));
    let change = |name: &Name, count: u64| {
        let then = earlier.as_ref()?.get(name);
        Some(count as i64 - then.map_or(0, |(kept, _)| kept.left.count() as i64))
    };
    let groups = groups(namespace, selection).into_iter();
    groups
        .map(|(name, (kept, flows))| GroupReport {
            by: selection.by,
            delta: change(&name, kept.left.count()),
            ..row(name, &kept, &flows, namespace, &holders)
        })
        .collect()
}

/// Flows of which this host was the client: each is a tuple of `ports`.
fn fullest(namespace: &Namespace<'_>) -> Option<Fullest> {
    let limits = &namespace.snapshot.settings.ports;
    let range = limits.range.clone()?;
    let usable = range.len() as u64 - limits.reserved.within(&range).len() as u64;
    let tuples = namespace.flows.iter().filter_map(|(flow, kept)| {
        Some(Fullest {
            netns: namespace.snapshot.netns.clone(),
            source: flow.local,
            destination: flow.destination()?,
            count: kept.left.count(),
            usable,
        })
    });
    tuples.max_by_key(|tuple| (tuple.count, tuple.destination))
}

fn bars(kept: &Kept) -> Vec<Bar> {
    let tens = (0..6).map(|ten| ten * TEN_SECONDS);
    tens.map(|from| {
        let to = from + TEN_SECONDS;
        let end = if to == 60 { usize::MAX } else { to };
        Bar {
            from_seconds: from as u64,
            to_seconds: to as u64,
            count: kept.left.between(from, end),
        }
    })
    .collect()
}

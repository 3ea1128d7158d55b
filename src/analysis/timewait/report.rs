//! Readings of timewait sockets to a report.

use std::{net::IpAddr, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Bar, By, GroupReport, Kept, Namespace,
    findings::findings,
    group::{Holders, Name, groups, row, size},
};
use crate::{
    analysis::{Finding, Report, Spread, change, holders::unfound},
    model::{Address, Families, Incomplete, Netns, NetnsSnapshot, Owners, Snapshot},
};

/// The width of a bar, and of the time whose drain is told.
const TEN_SECONDS: usize = 10;
/// The kernel's timers are late by up to some seconds, so that more stand at the end of their time
/// than run out in the next second (kernel/time/timer.c).
const LATE_SECONDS: usize = 1;

/// What is kept of closed connections, the largest group first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TimewaitReport {
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
    /// Timewait sockets: in TIME_WAIT, or in FIN_WAIT2 without an owner (sockstat `tw`).
    pub count: u64,
    /// How many of them are in FIN_WAIT2.
    pub fin_wait_2: u64,
    /// `tcp_max_tw_buckets`; `null` where several namespaces were asked, as the next three.
    pub limit: Option<u32>,
    /// Count of limit.
    pub fill_ratio: Option<f64>,
    /// Connections that vanished without a TIME_WAIT since the namespace was made, for want of a
    /// bucket or of memory (`TCPTimeWaitOverflow`).
    pub overflows: Option<i128>,
    /// The change since the reading before.
    pub overflows_delta: Option<i128>,
    /// Change of `count` since the reading before.
    pub delta: Option<i64>,
    /// How many run out a second, over ten seconds from the next one on, by their timers.
    pub drain_per_second: f64,
    /// How many have how much left.
    pub left: Vec<Bar>,
    /// How `count` was spread over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
    /// Each network namespace that was asked.
    pub namespaces: Vec<NamespaceReport>,
    /// The source and destination that hold most ephemeral ports by timewait sockets alone.
    pub fullest: Option<Fullest>,
    /// One element for each group.
    pub groups: Vec<GroupReport>,
}

/// What one network namespace keeps.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NamespaceReport {
    /// Which it is.
    pub netns: Netns,
    /// How many.
    pub count: u64,
    /// How many of them in FIN_WAIT2.
    pub fin_wait_2: u64,
    /// `tcp_max_tw_buckets`.
    pub limit: Option<u32>,
    /// Count of limit.
    pub fill_ratio: Option<f64>,
    /// `TCPTimeWaitOverflow`.
    pub overflows: Option<i128>,
    /// The change since the reading before.
    pub overflows_delta: Option<i128>,
}

/// A source and a destination, and the ports that are kept between them.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Fullest {
    /// The network namespace.
    pub netns: Netns,
    /// Local address.
    pub source: IpAddr,
    /// Where the connections went.
    pub destination: Address,
    /// How many ports timewait sockets hold.
    pub count: u64,
    /// How many there are for one destination.
    pub usable: u64,
}

impl Fullest {
    /// The share of the ports that is held so.
    pub fn ratio(&self) -> f64 {
        self.count as f64 / (self.usable as f64).max(1.0)
    }
}

impl Report for TimewaitReport {
    const SCHEMA: &'static str = "timewait/v1";

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
    /// Of peers. Lines are made of these alone; the limit is one for both, and so are the sums.
    pub families: Families,
}

/// Sums and groups what is kept and, for changes, compares it with the reading before.
pub fn report(
    now: &Snapshot,
    before: Option<(&Snapshot, Duration)>,
    selection: Selection,
) -> TimewaitReport {
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
        let kept = namespace.kept();
        let summary = summary(namespace.snapshot, &kept, earlier.as_ref());
        report.namespaces.push(summary);
        all.merge(&kept);
        let owners = now.owners.as_ref();
        let lines = lines(&namespace, earlier.as_ref(), owners, selection);
        report.groups.extend(lines);
        let fuller = report.fullest.into_iter().chain(fullest(&namespace));
        report.fullest = fuller.max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    }
    report.count = all.left.count();
    report.fin_wait_2 = all.fin_wait_2;
    report.delta = before.map(|(earlier, _)| report.count as i64 - count(earlier) as i64);
    let soon = all.left.between(LATE_SECONDS, LATE_SECONDS + TEN_SECONDS);
    report.drain_per_second = soon as f64 / TEN_SECONDS as f64;
    report.left = bars(&all);
    report.settle();
    report.incomplete.extend(unheld(now, &report.groups));
    report.findings = findings(&report);
    report
}

impl TimewaitReport {
    /// Fills in what follows from the rest: what is one namespace's where one was asked, shares,
    /// the order.
    fn settle(&mut self) {
        if let [only] = &self.namespaces[..] {
            self.limit = only.limit;
            self.fill_ratio = only.fill_ratio;
            self.overflows = only.overflows;
            self.overflows_delta = only.overflows_delta;
        }
        for group in &mut self.groups {
            group.share_ratio = group.count as f64 / self.count as f64;
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

impl Namespace<'_> {
    fn kept(&self) -> Kept {
        let mut all = Kept::default();
        self.flows.iter().for_each(|(_, kept)| all.merge(kept));
        all
    }
}

/// Groups that have a listener or a live connection whose holder was not found.
fn unheld(now: &Snapshot, groups: &[GroupReport]) -> Option<Incomplete> {
    let owners = now.owners.as_ref()?;
    let is_unheld = |group: &&GroupReport| group.has_sockets && group.likely_owners.is_empty();
    let unheld = groups.iter().filter(is_unheld).count();
    let missing = (unheld > 0)
        .then(|| unfound(owners, unheld, unheld))
        .flatten()?;
    Some(Incomplete {
        what: "likely_owners".to_owned(),
        ..missing
    })
}

fn summary(now: &NetnsSnapshot, kept: &Kept, before: Option<&Namespace<'_>>) -> NamespaceReport {
    let (count, limit) = (kept.left.count(), now.settings.ports.tcp_max_tw_buckets);
    let lost = |part: &NetnsSnapshot| part.counters.value("TcpExt", "TCPTimeWaitOverflow");
    let overflows = lost(now).zip(before.and_then(|before| lost(before.snapshot)));
    NamespaceReport {
        netns: now.netns.clone(),
        count,
        fin_wait_2: kept.fin_wait_2,
        limit,
        fill_ratio: limit
            .filter(|limit| *limit > 0)
            .map(|limit| count as f64 / f64::from(limit)),
        overflows: lost(now),
        overflows_delta: overflows.and_then(|(now, before)| change(before, now)),
    }
}

fn lines(
    namespace: &Namespace<'_>,
    before: Option<&Namespace<'_>>,
    owners: Option<&Owners>,
    selection: Selection,
) -> Vec<GroupReport> {
    let holders = Holders::new(namespace, owners);
    let earlier = before.map(|before| groups(before, selection));
    let change = |name: &Name, count: u64| {
        let then = earlier.as_ref()?.get(name);
        Some(count as i64 - then.map_or(0, |(kept, _)| kept.left.count() as i64))
    };
    let lines = groups(namespace, selection).into_iter();
    lines
        .map(|(name, (kept, flows))| GroupReport {
            by: selection.by,
            delta: change(&name, kept.left.count()),
            ..row(name, &kept, &flows, namespace, &holders)
        })
        .collect()
}

/// Of the flows of a client: each is a tuple of `ports`.
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

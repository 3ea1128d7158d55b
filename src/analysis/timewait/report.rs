//! Readings of timewait sockets to a report.

use std::{net::IpAddr, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Bar, By, GroupReport, NamespaceReading, Reading,
    group::{Holders, Name, Question, groups, row, size},
    tally::Kept,
};
use crate::{
    analysis::{Finding, Report, Spread, change, holders::unfound},
    model::{Address, Family, Incomplete, Netns},
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

/// Sums and groups what is kept and, for changes, compares it with the reading before.
/// Lines are made of the wanted family alone; the limit is one for both, and so are the sums.
pub fn report(
    now: &Reading,
    before: Option<(&Reading, Duration)>,
    by: By,
    family: Option<Family>,
) -> TimewaitReport {
    let mut report = TimewaitReport {
        incomplete: now.incomplete.clone(),
        by,
        ..TimewaitReport::default()
    };
    let mut all = Kept::default();
    for namespace in &now.namespaces {
        let same = |other: &&NamespaceReading| other.netns.inode == namespace.netns.inode;
        let earlier = before.and_then(|(reading, _)| reading.namespaces.iter().find(same));
        let kept = kept(namespace);
        report.namespaces.push(summary(namespace, &kept, earlier));
        all.merge(&kept);
        let question = Question { by, family };
        report
            .groups
            .extend(lines(namespace, earlier, now, question));
        let fuller = report.fullest.into_iter().chain(fullest(namespace));
        report.fullest = fuller.max_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    }
    report.count = all.left.count();
    report.fin_wait_2 = all.fin_wait_2;
    report.delta = before.map(|(earlier, _)| {
        let earlier = earlier.namespaces.iter().map(|one| kept(one).left.count());
        report.count as i64 - earlier.sum::<u64>() as i64
    });
    let soon = all.left.between(LATE_SECONDS, LATE_SECONDS + TEN_SECONDS);
    report.drain_per_second = soon as f64 / TEN_SECONDS as f64;
    report.left = bars(&all);
    if let [only] = &report.namespaces[..] {
        report.limit = only.limit;
        report.fill_ratio = only.fill_ratio;
        report.overflows = only.overflows;
        report.overflows_delta = only.overflows_delta;
    }
    for group in &mut report.groups {
        group.share_ratio = group.count as f64 / report.count as f64;
    }
    report.groups.sort_by_cached_key(size);
    report.incomplete.extend(unheld(now, &report.groups));
    report
}

/// Groups that have a listener or a live connection whose holder was not found.
fn unheld(now: &Reading, groups: &[GroupReport]) -> Option<Incomplete> {
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

fn kept(namespace: &NamespaceReading) -> Kept {
    let mut all = Kept::default();
    namespace
        .tally
        .flows()
        .for_each(|(_, kept)| all.merge(kept));
    all
}

fn summary(
    now: &NamespaceReading,
    kept: &Kept,
    before: Option<&NamespaceReading>,
) -> NamespaceReport {
    let (count, limit) = (kept.left.count(), now.limits.tcp_max_tw_buckets);
    let overflows = now
        .overflows
        .zip(before.and_then(|before| before.overflows));
    NamespaceReport {
        netns: now.netns.clone(),
        count,
        fin_wait_2: kept.fin_wait_2,
        limit,
        fill_ratio: limit
            .filter(|limit| *limit > 0)
            .map(|limit| count as f64 / f64::from(limit)),
        overflows: now.overflows,
        overflows_delta: overflows.and_then(|(now, before)| change(before, now)),
    }
}

fn lines(
    namespace: &NamespaceReading,
    before: Option<&NamespaceReading>,
    now: &Reading,
    question: Question,
) -> Vec<GroupReport> {
    let holders = Holders::new(namespace, now.owners.as_ref());
    let earlier = before.map(|before| groups(before, question));
    let change = |name: &Name, count: u64| {
        let then = earlier.as_ref()?.get(name);
        Some(count as i64 - then.map_or(0, |(kept, _)| kept.left.count() as i64))
    };
    let lines = groups(namespace, question).into_iter();
    lines
        .map(|(name, (kept, flows))| GroupReport {
            by: question.by,
            delta: change(&name, kept.left.count()),
            ..row(name, &kept, &flows, namespace, &holders)
        })
        .collect()
}

/// Of the flows of a client: each is a tuple of `ports`.
fn fullest(namespace: &NamespaceReading) -> Option<Fullest> {
    let range = namespace.limits.range.clone()?;
    let usable = range.len() as u64 - namespace.limits.reserved.within(&range).len() as u64;
    let tuples = namespace.tally.flows().filter_map(|(flow, kept)| {
        Some(Fullest {
            netns: namespace.netns.clone(),
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

//! Readings of timewait sockets to a report.

use std::{net::IpAddr, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Bar, By, GroupReport, NamespaceReading, Reading,
    group::{Holders, Name, groups, row, size},
    tally::Kept,
};
use crate::{
    analysis::{Address, Report, Spread, change},
    model::{Incomplete, Netns},
};

/// The horizon of the drain rate, and the width of a bar.
const SOON_SECONDS: usize = 10;

/// What is kept of closed connections, the largest group first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct TimewaitReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
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
    /// How many run out a second, over the next ten seconds, by their timers.
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

impl Report for TimewaitReport {
    const SCHEMA: &'static str = "timewait/v1";

    fn incomplete(&self) -> &[Incomplete] {
        &self.incomplete
    }
}

/// Sums and groups what is kept and, for changes, compares it with the reading before.
pub fn report(now: &Reading, before: Option<(&Reading, Duration)>, by: By) -> TimewaitReport {
    let mut report = TimewaitReport {
        incomplete: now.incomplete.clone(),
        by,
        ..TimewaitReport::default()
    };
    let mut all = Kept::default();
    let mut earlier_count = 0;
    for namespace in &now.namespaces {
        let same = |other: &&NamespaceReading| other.netns.inode == namespace.netns.inode;
        let earlier = before.and_then(|(reading, _)| reading.namespaces.iter().find(same));
        let kept = kept(namespace);
        report.namespaces.push(summary(namespace, &kept, earlier));
        earlier_count += earlier.map_or(0, |earlier| self::kept(earlier).left.count());
        all.merge(&kept);
        report.groups.extend(lines(namespace, earlier, now, by));
        report.fullest = report
            .fullest
            .into_iter()
            .chain(fullest(namespace))
            .max_by_key(|f| f.count);
    }
    report.count = all.left.count();
    report.fin_wait_2 = all.fin_wait_2;
    report.delta = before.map(|_| report.count as i64 - earlier_count as i64);
    report.drain_per_second = all.left.within(SOON_SECONDS as f64) / SOON_SECONDS as f64;
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
    report
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
    by: By,
) -> Vec<GroupReport> {
    let holders = Holders::new(namespace, now.owners.as_ref());
    let earlier = before.map(|before| groups(before, by));
    let change = |name: &Name, count: u64| {
        let then = earlier.as_ref()?.get(name);
        Some(count as i64 - then.map_or(0, |(kept, _)| kept.left.count() as i64))
    };
    let lines = groups(namespace, by).into_iter();
    lines
        .map(|(name, (kept, flows))| GroupReport {
            by,
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
    let tens = (0..6).map(|ten| ten * SOON_SECONDS);
    tens.map(|from| {
        let to = from + SOON_SECONDS;
        let end = if to == 60 { usize::MAX } else { to };
        Bar {
            from_seconds: from as u64,
            to_seconds: to as u64,
            count: kept.left.between(from, end),
        }
    })
    .collect()
}

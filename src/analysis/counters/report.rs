//! Readings of counters to a report.

use std::{collections::HashSet, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Entry, Kind, Scope, Selection, Why, catalogue, findings::findings, why::why};
use crate::{
    analysis::{Finding, Report, change, per_second},
    model::{CounterId, Incomplete, Netns, NetnsSnapshot, Snapshot, kernel_name},
};

/// The chosen counters, by group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct CountersReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What it concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// One element for each counter and namespace.
    pub counters: Vec<CounterReport>,
    /// Why listeners dropped, one element for each namespace (`--why`); empty when not asked for.
    pub why: Vec<Why>,
}

impl Report for CountersReport {
    const SCHEMA: &'static str = "counters/v1";

    fn incomplete(&self) -> &[Incomplete] {
        &self.incomplete
    }

    fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// One number of the kernel.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CounterReport {
    /// The network namespace it was read in.
    pub netns: Arc<Netns>,
    /// As the kernel writes it.
    pub name: Arc<str>,
    /// The table it stands in: `TcpExt`, `Tcp`, `snmp6`, `sockstat.TCP`…
    pub table: Arc<str>,
    /// The problem that it speaks of: `accept_queue`, `syn_queue`, `retransmission`…
    pub group: &'static str,
    /// Whether it only rises.
    pub kind: Kind,
    /// Counted in the namespace, or on the whole host though it is read in one.
    pub scope: Scope,
    /// The number; `null` when this kernel does not print it.
    pub value: Option<i128>,
    /// The change since the reading before; `null` when a counter went backwards.
    pub delta: Option<i128>,
    /// The same as a rate; `null` for gauges.
    pub per_second: Option<f64>,
    /// How the rate was spread over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Box<CounterSampled>>,
    /// What it means in one line; `null` when this program does not know it.
    pub meaning: Option<&'static str>,
    /// It rises although nothing is wrong.
    #[serde(skip)]
    pub is_harmless: bool,
    /// Its place in the catalogue; a counter that is not there comes last in its group.
    #[serde(skip)]
    pub(super) order: usize,
}

impl CounterReport {
    /// The one-word name that `nstat` prints: `TcpExtListenDrops`.
    pub fn kernel_name(&self) -> String {
        kernel_name(&self.table, &self.name)
    }
}

/// A counter's rate, or a gauge's level, over many samples.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CounterSampled {
    /// How many.
    pub samples: u64,
    /// The smallest.
    pub minimum: f64,
    /// The mean.
    pub mean: f64,
    /// 95 of 100 samples do not exceed this.
    pub p95: f64,
    /// The largest.
    pub maximum: f64,
}

/// Picks the chosen counters and, where there is a reading before, compares them with it.
pub fn report(
    now: &Snapshot,
    before: Option<(&Snapshot, Duration)>,
    selection: &Selection,
    with_why: bool,
) -> CountersReport {
    let mut report = CountersReport {
        incomplete: now.incomplete.clone(),
        ..CountersReport::default()
    };
    for namespace in &now.namespaces {
        let earlier = before.and_then(|(reading, elapsed)| {
            let earlier = reading.namespace(&namespace.netns)?;
            Some((earlier, namespace.elapsed_since(earlier, elapsed)))
        });
        let start = report.counters.len();
        of_namespace(namespace, earlier, selection, &mut report.counters);
        absent(namespace, selection, &mut report);
        report.counters[start..].sort_unstable_by(|a, b| {
            let by_name = || a.kernel_name().cmp(&b.kernel_name());
            a.order.cmp(&b.order).then_with(by_name)
        });
        if with_why {
            report.why.push(why(namespace, earlier));
        }
    }
    report.findings = findings(&report);
    report
}

fn of_namespace(
    now: &NetnsSnapshot,
    before: Option<(&NetnsSnapshot, Duration)>,
    selection: &Selection,
    counters: &mut Vec<CounterReport>,
) {
    let earlier = before
        .map(|(before, _)| before.counters.by_id())
        .unwrap_or_default();
    if *selection == Selection::All {
        counters.reserve(now.counters.values.len());
    }
    let netns = Arc::new(now.netns.clone());
    let chosen = now.counters.values.iter().filter_map(|(id, value)| {
        // Most are 0 and need not be looked up.
        if *value == 0 && *selection == Selection::Trouble {
            return None;
        }
        let name = id.kernel_name();
        let entry = catalogue::entry(&name);
        let is_harmless = is_harmless(&name, now.settings.listen.tcp_syncookies);
        is_chosen(selection, &name, entry.as_ref(), is_harmless).then(|| {
            let mut counter = counter(&netns, id, entry, Some(*value));
            counter.is_harmless = is_harmless;
            if let Some((then, (_, elapsed))) = earlier.get(id).zip(before) {
                compare(&mut counter, *then, *value, elapsed);
            }
            counter
        })
    });
    counters.extend(chosen);
}

fn compare(counter: &mut CounterReport, before: i128, now: i128, elapsed: Duration) {
    counter.delta = match counter.kind {
        Kind::Gauge => Some(now - before),
        Kind::Counter => change(before, now),
    };
    if counter.kind == Kind::Counter {
        counter.per_second = counter
            .delta
            .and_then(|delta| per_second(delta as f64, elapsed));
    }
}

/// With tcp_syncookies = 2 every SYN is answered with a cookie and counted as if the SYN queue were
/// full.
fn is_harmless(name: &str, tcp_syncookies: Option<u32>) -> bool {
    tcp_syncookies == Some(2) && name == "TcpExtTCPReqQFullDoCookies"
}

fn is_chosen(selection: &Selection, name: &str, entry: Option<&Entry>, is_harmless: bool) -> bool {
    match selection {
        Selection::All => true,
        Selection::Named { all, .. } => all.contains(name),
        Selection::Trouble => entry.is_some_and(|entry| entry.trouble) && !is_harmless,
    }
}

/// Counters that were named and that this kernel does not print: unknown, not 0.
fn absent(now: &NetnsSnapshot, selection: &Selection, report: &mut CountersReport) {
    let Selection::Named { exact: names, .. } = selection else {
        return;
    };
    let printed: HashSet<String> = now
        .counters
        .values
        .iter()
        .map(|(id, _)| id.kernel_name())
        .collect();
    let missing: Vec<Entry> = names
        .iter()
        .filter(|name| !printed.contains(*name))
        .filter_map(|name| catalogue::entry(name))
        .collect();
    if missing.is_empty() {
        return;
    }
    let count = missing.len() as u64;
    let netns = Arc::new(now.netns.clone());
    report.counters.extend(missing.into_iter().map(|entry| {
        let id = CounterId::from(entry.kernel_name);
        counter(&netns, &id, Some(entry), None)
    }));
    report.incomplete.push(Incomplete::counted(
        "counters",
        "not counted by this kernel",
        count,
    ));
}

fn counter(
    netns: &Arc<Netns>,
    id: &CounterId,
    entry: Option<Entry>,
    value: Option<i128>,
) -> CounterReport {
    CounterReport {
        netns: netns.clone(),
        name: id.name.clone(),
        table: id.table.clone(),
        group: entry.map_or(group(id), |entry| entry.group),
        kind: entry.map_or(Kind::Counter, |entry| entry.kind),
        scope: entry.map_or(Scope::Netns, |entry| entry.scope),
        value,
        delta: None,
        per_second: None,
        sampled: None,
        meaning: entry.map(|entry| entry.meaning),
        is_harmless: false,
        order: entry.map_or_else(|| catalogue::last_of(group(id)), |entry| entry.order),
    }
}

/// ICMP messages are counted by type (`IcmpMsg: InType3`, `Icmp6OutType133`), each in a name of its
/// own that appears when the first one passes.
fn group(id: &CounterId) -> &'static str {
    let by_type = &*id.table == "IcmpMsg" || id.name.starts_with("Icmp6");
    if by_type { "icmp" } else { "other" }
}

//! Snapshots to a report of counters.

use std::{collections::HashSet, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Entry, Kind, Scope, Selection, Why, catalogue, findings::findings, why::why};
use crate::{
    analysis::{Finding, Previous, Spread, change, incomplete::counted, of_netns, per_second},
    model::{CounterId, Incomplete, Netns, NetnsSnapshot, Snapshot, kernel_name},
};

/// The selected counters, by group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct CountersReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// One element for each counter and namespace.
    pub counters: Vec<CounterReport>,
    /// Why listeners dropped, one element for each namespace (`--why`); empty when not asked for.
    pub why: Vec<Why>,
}

is_report!(CountersReport, "counters/v1");

/// A counter or gauge of the kernel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct CounterReport {
    /// The network namespace it was read in.
    pub netns: Arc<Netns>,
    /// As the kernel writes it.
    pub name: Arc<str>,
    /// The table it stands in: `TcpExt`, `Tcp`, `snmp6`, `sockstat.TCP`…
    pub table: Arc<str>,
    /// The area that it counts in: `accept_queue`, `syn_queue`, `retransmission`…
    pub group: &'static str,
    /// Whether it only rises.
    pub kind: Kind,
    /// Whether it counts in the namespace, or on the whole host though it is read in a namespace.
    pub scope: Scope,
    /// `null` when this kernel does not print it.
    pub value: Option<i128>,
    /// Change since the previous reading; `null` when a counter went backwards.
    pub delta: Option<i128>,
    /// `delta` as a rate; `null` for gauges.
    pub per_second: Option<f64>,
    /// Its rate or, of a gauge, its level over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Box<Spread<f64>>>,
    /// What it means in one line; `null` where the catalogue lacks it.
    pub meaning: Option<&'static str>,
    /// It rises although nothing is wrong.
    #[serde(skip)]
    pub is_harmless: bool,
    /// Position in the catalogue; a counter that is not there comes last in its group.
    #[serde(skip)]
    pub(super) order: usize,
}

impl CounterReport {
    /// The one-word name that `nstat` prints: `TcpExtListenDrops`.
    pub fn kernel_name(&self) -> String {
        kernel_name(&self.table, &self.name)
    }
}

/// Reports the selected counters and, where there is a previous reading, their change since then.
pub fn report(
    now: &Snapshot,
    before: Previous<'_>,
    selection: &Selection,
    with_why: bool,
) -> CountersReport {
    let mut report = CountersReport {
        incomplete: now.incomplete.clone(),
        ..CountersReport::default()
    };
    for namespace in &now.namespaces {
        let earlier = of_netns(before, namespace);
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
    before: Previous<'_, NetnsSnapshot>,
    selection: &Selection,
    counters: &mut Vec<CounterReport>,
) {
    let earlier = before.map(|(before, _)| before.counters.by_id());
    let earlier = earlier.unwrap_or_default();
    if *selection == Selection::All {
        counters.reserve(now.counters.values.len());
    }
    let netns = Arc::new(now.netns.clone());
    let chosen = now.counters.values.iter().filter_map(|(id, value)| {
        // Most counters are 0, and looking them up would cost more than all else here.
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
    if counter.kind == Kind::Gauge {
        counter.delta = Some(now - before);
        return;
    }
    counter.delta = change(before, now);
    let rate = |delta| per_second(delta as f64, elapsed);
    counter.per_second = counter.delta.and_then(rate);
}

/// With tcp_syncookies = 2 every SYN gets a cookie, and counts as if the SYN queue were full.
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

/// Adds counters that were named but that this kernel does not print: unknown, not 0.
fn absent(now: &NetnsSnapshot, selection: &Selection, report: &mut CountersReport) {
    let Selection::Named { exact: names, .. } = selection else {
        return;
    };
    let values = now.counters.values.iter();
    let printed: HashSet<String> = values.map(|(id, _)| id.kernel_name()).collect();
    let missing = names.difference(&printed);
    let missing: Vec<Entry> = missing.filter_map(|name| catalogue::entry(name)).collect();
    let why = "not counted by this kernel";
    let incomplete = counted("counters", why, missing.len());
    report.incomplete.extend(incomplete);
    let netns = Arc::new(now.netns.clone());
    report.counters.extend(missing.into_iter().map(|entry| {
        let id = CounterId::from(entry.kernel_name);
        counter(&netns, &id, Some(entry), None)
    }));
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
        group: entry.map_or_else(|| catalogue::group(id), |entry| entry.group),
        kind: entry.map(|entry| entry.kind).unwrap_or_default(),
        scope: entry.map(|entry| entry.scope).unwrap_or_default(),
        value,
        meaning: entry.map(|entry| entry.meaning),
        order: entry.map_or_else(
            || catalogue::last_of(catalogue::group(id)),
            |entry| entry.order,
        ),
        ..CounterReport::default()
    }
}

//! The table of `counters`.

use std::io;

use sockdiag::analysis::counters::{CounterReport, CountersReport, Drops, Kind, Scope, Why};

use super::{Align, Cell, Column, Listed, Narrower, Tabular, Value, View, keys, several};
use crate::render::prom::{self, Labels, Series};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<CounterReport>; 16] = [
    Column::new("netns", "NETNS", Left, |c, _| Cell::text(c.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("group", "GROUP", Left, |c, _| words(c.group), "the problem it indicates"),
    Column::new("counter", "COUNTER", Left, |c, _| Cell::text(c.kernel_name()), "the kernel's name, with the table"),
    Column::new("name", "NAME", Left, |c, _| Cell::text(c.name.to_string()), "the kernel's name, without the table"),
    Column::new("table", "TABLE", Left, |c, _| Cell::text(c.table.to_string()), "the table that the kernel prints it in"),
    Column::new("value", "TOTAL", Right, |c, _| Cell::count(c.value), "total since the namespace was created; the present value of a gauge"),
    Column::change("delta", "Δ", Right, |c, _| Cell::known(c.delta, Value::Change), "change since the previous reading"),
    Column::change("per_second", "/s", Right, |c, _| Cell::known(c.per_second, Value::Decimal), "change per second since the previous reading"),
    Column::sampled("minimum", "MIN/s", Right, |c, _| Cell::known(c.sampled.as_ref(), |s| Value::Decimal(s.minimum)), "smallest rate of all samples; of a gauge, its value"),
    Column::sampled("mean", "MEAN/s", Right, |c, _| Cell::known(c.sampled.as_ref(), |s| Value::Decimal(s.mean)), "mean rate"),
    Column::sampled("p95", "P95/s", Right, |c, _| Cell::known(c.sampled.as_ref(), |s| Value::Decimal(s.p95)), "95 of 100 samples do not exceed this rate"),
    Column::sampled("maximum", "MAX/s", Right, |c, _| Cell::known(c.sampled.as_ref(), |s| Value::Decimal(s.maximum)), "largest rate of all samples"),
    Column::sampled("samples", "SAMPLES", Right, |c, _| Cell::count(c.sampled.as_ref().map(|s| s.samples)), "number of samples"),
    Column::new("kind", "KIND", Left, |c, _| Cell::word(if c.kind == Kind::Gauge { "gauge" } else { "counter" }), "counter (only rises) or gauge (may fall)"),
    Column::new("scope", "SCOPE", Left, |c, _| Cell::word(scope(c)), "netns, or host if counted for the whole host"),
    Column::new("meaning", "MEANING", Left, meaning, "meaning of the counter"),
];

#[rustfmt::skip]
static SERIES: [Series<CounterReport>; 2] = [
    Series::counter("sockdiag_kernel_events_total", "Counters of /proc/net/netstat, snmp and snmp6, by the kernel's names.", labels, |counter| of_kind(counter, Kind::Counter)),
    Series::gauge("sockdiag_kernel_level", "Levels of /proc/net/snmp, sockstat and sockstat6, by the kernel's names.", labels, |counter| of_kind(counter, Kind::Gauge)),
];

impl Tabular for CountersReport {
    type Row = CounterReport;

    const COLUMNS: &'static [Column<CounterReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] =
        &[Narrower::Drop("group minimum p95 mean maximum per_second")];

    fn notes(&self, view: &View) -> Vec<String> {
        self.why.iter().flat_map(|why| explain(why, view)).collect()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &SERIES, &self.counters)
    }
}

impl Listed for CountersReport {
    const NARROWEST_LAST: usize = 45;

    fn rows(&self) -> &[CounterReport] {
        &self.counters
    }

    fn rows_mut(&mut self) -> &mut Vec<CounterReport> {
        &mut self.counters
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        keys(&[
            (several(&self.counters, |a, b| a.netns != b.netns), "netns"),
            (true, "group counter value"),
            (view.changes, "delta per_second"),
            (view.sampled, "minimum mean p95 maximum"),
            (true, "meaning"),
        ])
    }

    /// Only problems are listed, unless others are asked for.
    fn is_quiet(_: &CounterReport) -> bool {
        false
    }

    fn identity(row: &CounterReport) -> String {
        format!("{:?} {}", row.netns.inode, row.kernel_name())
    }

    fn nothing(&self) -> String {
        "no problem counter is non-zero (--all shows every counter)".to_owned()
    }
}

/// `ListenDrops` broken down by cause; also since the previous reading when there is one.
fn explain(why: &Why, view: &View) -> Vec<String> {
    let delta = why.delta.as_ref().filter(|_| view.changes);
    let total = sentence("since the namespace was created", &why.total);
    let delta = delta.map(|delta| sentence("since the previous reading", delta));
    std::iter::once(total).chain(delta).collect()
}

fn sentence(since: &str, drops: &Drops) -> String {
    let number = |part: Option<i128>| Cell::count(part).value.shown();
    format!(
        "ListenDrops {since}: {} = {} accept queue full + {} SYN queue full + {} other",
        number(drops.listen_drops),
        number(drops.overflows),
        number(drops.syn_queue_full),
        number(drops.other),
    )
}

fn words(group: &'static str) -> Cell {
    match group.contains('_') {
        true => Cell::text(group.replace('_', " ")),
        false => Cell::word(group),
    }
}

fn scope(counter: &CounterReport) -> &'static str {
    match counter.scope {
        Scope::Netns => "netns",
        Scope::Host => "host",
    }
}

fn meaning(counter: &CounterReport, _: &View) -> Cell {
    match (counter.meaning, counter.scope) {
        (None, _) => Value::Missing.into(),
        (Some(meaning), Scope::Netns) => Cell::word(meaning),
        (Some(meaning), Scope::Host) => Cell::text(format!("[whole host] {meaning}")),
    }
}

fn of_kind(counter: &CounterReport, kind: Kind) -> Option<f64> {
    let value = counter.value.filter(|_| counter.kind == kind);
    value.map(|value| value as f64)
}

fn labels(counter: &CounterReport) -> Labels {
    vec![
        ("netns", counter.netns.label()),
        ("table", counter.table.to_string()),
        ("name", counter.name.to_string()),
        ("scope", scope(counter).to_owned()),
    ]
}

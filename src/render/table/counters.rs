//! The table of `counters`.

use std::io;

use sockdiag::analysis::counters::{CounterReport, CountersReport, Drops, Kind, Scope, Why};

use super::{Align, Cell, Column, Listed, Narrower, Rising, Tabular, Value, View};
use crate::render::{
    Tone,
    prom::{self, Labels, Series},
};

use Align::{Left, Right};
use Rising::Neutral;

#[rustfmt::skip]
static COLUMNS: [Column<CounterReport>; 16] = [
    Column::new("netns", "NETNS", Left, Neutral, netns, "network namespace: its name, or its number"),
    Column::new("group", "GROUP", Left, Neutral, |c, _| words(c.group), "the problem it indicates"),
    Column::new("counter", "COUNTER", Left, Neutral, |c, _| Cell::text(c.kernel_name()), "the kernel's name, with the table"),
    Column::new("name", "NAME", Left, Neutral, |c, _| Cell::text(c.name.to_string()), "the kernel's name, without the table"),
    Column::new("table", "TABLE", Left, Neutral, |c, _| Cell::text(c.table.to_string()), "the table that the kernel prints it in"),
    Column::new("value", "TOTAL", Right, Neutral, |c, _| Cell::count(c.value), "total since the namespace was created; the present value of a gauge"),
    Column::new("delta", "Δ", Right, Neutral, delta, "change since the previous reading"),
    Column::new("per_second", "/s", Right, Neutral, |c, _| decimal(c.per_second), "change per second since the previous reading"),
    Column::new("minimum", "MIN/s", Right, Neutral, |c, _| decimal(c.sampled.as_ref().map(|s| s.minimum)), "smallest rate of all samples; of a gauge, its value"),
    Column::new("mean", "MEAN/s", Right, Neutral, |c, _| decimal(c.sampled.as_ref().map(|s| s.mean)), "mean rate"),
    Column::new("p95", "P95/s", Right, Neutral, |c, _| decimal(c.sampled.as_ref().map(|s| s.p95)), "95 of 100 samples do not exceed this rate"),
    Column::new("maximum", "MAX/s", Right, Neutral, |c, _| decimal(c.sampled.as_ref().map(|s| s.maximum)), "largest rate of all samples"),
    Column::new("samples", "SAMPLES", Right, Neutral, |c, _| Cell::count(c.sampled.as_ref().map(|s| s.samples)), "number of samples"),
    Column::new("kind", "KIND", Left, Neutral, |c, _| Cell::word(if c.kind == Kind::Gauge { "gauge" } else { "counter" }), "counter (only rises) or gauge (may fall)"),
    Column::new("scope", "SCOPE", Left, Neutral, |c, _| Cell::word(scope(c)), "netns, or host if counted for the whole host"),
    Column::new("meaning", "MEANING", Left, Neutral, meaning, "what it means"),
];

#[rustfmt::skip]
static SERIES: [Series<CounterReport>; 2] = [
    Series::counter("sockdiag_kernel_events_total", "Counters of /proc/net/netstat, snmp and snmp6, by the kernel's names.", labels, |counter| of_kind(counter, Kind::Counter)),
    Series::gauge("sockdiag_kernel_level", "Levels of /proc/net/snmp, sockstat and sockstat6, by the kernel's names.", labels, |counter| of_kind(counter, Kind::Gauge)),
];

static NARROWER: [Narrower; 6] = [
    Narrower::Drop("group"),
    Narrower::Drop("minimum"),
    Narrower::Drop("p95"),
    Narrower::Drop("mean"),
    Narrower::Drop("maximum"),
    Narrower::Drop("per_second"),
];

impl Tabular for CountersReport {
    type Row = CounterReport;

    fn columns() -> &'static [Column<CounterReport>] {
        &COLUMNS
    }

    fn narrower() -> &'static [Narrower] {
        &NARROWER
    }

    fn notes(&self, view: &View) -> Vec<String> {
        self.why.iter().flat_map(|why| explain(why, view)).collect()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &SERIES, &self.counters)
    }
}

impl Listed for CountersReport {
    fn rows(&self) -> &[CounterReport] {
        &self.counters
    }

    fn rows_mut(&mut self) -> &mut Vec<CounterReport> {
        &mut self.counters
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let mut neighbours = self.counters.windows(2);
        let several = neighbours.any(|pair| pair[0].netns != pair[1].netns);
        let mut keys = Vec::new();
        keys.extend(several.then_some("netns"));
        keys.extend(["group", "counter", "value"]);
        keys.extend(if view.changes {
            &["delta", "per_second"][..]
        } else {
            &[]
        });
        keys.extend(if view.sampled {
            &["minimum", "mean", "p95", "maximum"][..]
        } else {
            &[]
        });
        keys.push("meaning");
        keys
    }

    fn identity(row: &CounterReport) -> String {
        format!("{:?} {}", row.netns.inode, row.kernel_name())
    }

    fn nothing(&self) -> String {
        "no problem counter is non-zero (--all shows every counter)".to_owned()
    }

    fn narrowest_last() -> usize {
        45
    }
}

/// `ListenDrops` broken down by cause; also since the previous reading when there is one.
fn explain(why: &Why, view: &View) -> Vec<String> {
    let mut lines = vec![sentence("since the namespace was created", &why.total)];
    if view.changes {
        lines.extend(
            why.delta
                .as_ref()
                .map(|delta| sentence("since the previous reading", delta)),
        );
    }
    lines
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

/// A group without its underscore; most have none.
fn words(group: &'static str) -> Cell {
    match group.contains('_') {
        true => Cell::text(group.replace('_', " ")),
        false => Cell::word(group),
    }
}

fn netns(counter: &CounterReport, _: &View) -> Cell {
    Cell::text(counter.netns.label())
}

fn scope(counter: &CounterReport) -> &'static str {
    match counter.scope {
        Scope::Netns => "netns",
        Scope::Host => "host",
    }
}

fn decimal(number: Option<f64>) -> Cell {
    number.map_or(Value::Missing, Value::Decimal).into()
}

fn delta(counter: &CounterReport, _: &View) -> Cell {
    let tone = if counter.delta.unwrap_or(0) != 0 {
        Tone::Warning
    } else {
        Tone::Plain
    };
    Cell::from(counter.delta.map_or(Value::Missing, Value::Change)).tone(tone)
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

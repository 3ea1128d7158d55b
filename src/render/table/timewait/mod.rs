//! The table of `timewait`.

mod metrics;
mod notes;
#[cfg(test)]
mod tests;

use std::io;

use sockdiag::analysis::timewait::{By, GroupReport, InferredFrom, Side, TimewaitReport};

use super::{
    Align, Cell, Column, Listed, Narrower, Tabular, Value, View, keys, owners::owners, several,
};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<GroupReport>; 19] = [
    Column::new("netns", "NETNS", Left, |g, _| Cell::text(g.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("service", "SERVICE", Left, |g, _| key(g, By::Service), "the destination of outgoing connections, or the listener of incoming ones"),
    Column::new("destination", "DESTINATION", Left, |g, _| key(g, By::Destination), "the destination of outgoing connections, or the client's address"),
    Column::new("dport", "REMOTE PORT", Left, |g, _| key(g, By::Dport), "the peer's port, if it belongs to a service"),
    Column::new("source", "SOURCE", Left, |g, _| key(g, By::Source), "the local address"),
    Column::new("sport", "LOCAL PORT", Left, |g, _| key(g, By::Sport), "the local port, if it belongs to a service"),
    Column::new("listener", "LISTENER", Left, |g, _| key(g, By::Listener), "the listener that accepted the connections"),
    Column::new("count", "COUNT", Right, |g, _| Cell::count(Some(g.count)), "connections in TIME_WAIT, or in FIN_WAIT2 without an owner"),
    Column::new("share", "SHARE", Right, |g, _| Value::Ratio(g.share_ratio).into(), "share of all"),
    Column::sampled("minimum", "COUNT MIN", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::count(s.minimum)), "fewest of all samples"),
    Column::sampled("mean", "MEAN", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::Decimal(s.mean)), "mean number"),
    Column::sampled("p95", "P95", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::count(s.p95)), "95 of 100 samples do not exceed this"),
    Column::sampled("maximum", "MAX", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::count(s.maximum)), "most of all samples"),
    Column::sampled("samples", "SAMPLES", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::count(s.samples)), "number of samples"),
    Column::change("delta", "Δ", Right, |g, _| Cell::known(g.delta, Value::change), "change since the previous reading"),
    Column::new("median_left", "MEDIAN LEFT", Right, |g, _| Cell::known(g.median_left_seconds, |seconds| Value::Milliseconds(seconds * 1000)), "half of them expire within this time"),
    Column::new("side", "SIDE", Left, |g, _| Cell::known(g.side, |side| Value::Word(side.word())), "whether this host was client or server: the end that closes first keeps the TIME_WAIT"),
    Column::new("inferred_from", "INFERRED FROM", Left, |g, _| Cell::known(g.inferred_from, inferred_from), "how the likely owner was inferred: from a live socket to the same destination, or the listener"),
    Column::new("likely_owner", "LIKELY OWNER", Left, likely_owner, "owner of the listener, or of a live connection to the same destination; a TIME_WAIT has no owner"),
];

/// Empty in the columns of other `--by` values.
fn key(group: &GroupReport, by: By) -> Cell {
    if group.by != by {
        return Value::Missing.into();
    }
    let none = || match group.side {
        Some(Side::Client) => "(this host was the client)",
        Some(Side::Server) => "(this host was the server)",
        None => "(side not known)",
    };
    match &group.key {
        Some(key) => Cell::text(key),
        None => Cell::name(none(), ""),
    }
}

/// A TIME_WAIT has no owner, so the word shows that this one is a conclusion.
fn likely_owner(group: &GroupReport, _: &View) -> Cell {
    let mut cell = owners(&group.likely_owners);
    if let Value::Processes { all, .. } = &mut cell.value
        && let Some((_, tail)) = all.last_mut()
    {
        tail.push_str(", inferred");
    }
    cell
}

fn inferred_from(from: InferredFrom) -> Value {
    Value::Word(match from {
        InferredFrom::LiveSocket => "live_socket",
        InferredFrom::Listener => "listener",
    })
}

impl Tabular for TimewaitReport {
    type Row = GroupReport;

    const COLUMNS: &'static [Column<GroupReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("mean p95 minimum delta share netns"),
        Narrower::Shorten("service destination source listener"),
        Narrower::LastResort("likely_owner side"),
    ];

    fn notes(&self, _: &View) -> Vec<String> {
        notes::notes(self)
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        metrics::write(self, out)
    }
}

impl Listed for TimewaitReport {
    const QUIET: &'static str = "smaller";

    fn rows(&self) -> &[GroupReport] {
        &self.groups
    }

    fn rows_mut(&mut self) -> &mut Vec<GroupReport> {
        &mut self.groups
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let by = match self.by {
            By::Service => "service",
            By::Destination => "destination",
            By::Dport => "dport",
            By::Source => "source",
            By::Sport => "sport",
            By::Listener => "listener",
        };
        keys(&[
            (several(&self.groups, |a, b| a.netns != b.netns), "netns"),
            (true, by),
            (view.sampled, "minimum mean p95 maximum"),
            (!view.sampled, "count share"),
            (view.changes, "delta"),
            (true, "median_left side likely_owner"),
        ])
    }

    /// TIME_WAIT alone is no problem.
    fn is_quiet(_: &GroupReport) -> bool {
        true
    }

    fn identity(row: &GroupReport) -> String {
        format!("{:?} {:?} {:?}", row.netns.inode, row.key, row.side)
    }

    fn heading(&self, view: &View) -> Vec<String> {
        notes::heading(self, view)
    }

    fn nothing(&self) -> String {
        match self.totals.count {
            0 => "no TIME_WAIT or orphaned FIN_WAIT2 sockets".to_owned(),
            there => format!("none of {there} TIME_WAIT and orphaned FIN_WAIT2 sockets matches"),
        }
    }
}

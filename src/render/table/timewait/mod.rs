//! The table of `timewait`.

mod metrics;
mod notes;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, io};

use sockdiag::analysis::{
    Spread,
    timewait::{By, GroupReport, InferredFrom, Side, TimewaitReport},
};

use super::{Align, Cell, Column, Listed, Narrower, Rising, Tabular, Value, View, who::owners};

use Align::{Left, Right};
use Rising::Neutral;

#[rustfmt::skip]
static COLUMNS: [Column<GroupReport>; 19] = [
    Column::new("netns", "NETNS", Left, Neutral, |g, _| Cell::text(g.netns.label()), "network namespace: its name, or its number"),
    Column::new("service", "SERVICE", Left, Neutral, |g, _| key(g, By::Service), "the destination of outgoing connections, or the listener of incoming ones"),
    Column::new("destination", "DESTINATION", Left, Neutral, |g, _| key(g, By::Destination), "the destination of outgoing connections, or the client's address"),
    Column::new("dport", "REMOTE PORT", Left, Neutral, |g, _| key(g, By::Dport), "the peer's port, if it belongs to a service"),
    Column::new("source", "SOURCE", Left, Neutral, |g, _| key(g, By::Source), "the local address"),
    Column::new("sport", "LOCAL PORT", Left, Neutral, |g, _| key(g, By::Sport), "the local port, if it belongs to a service"),
    Column::new("listener", "LISTENER", Left, Neutral, |g, _| key(g, By::Listener), "the listener that accepted the connections"),
    Column::new("count", "COUNT", Right, Neutral, |g, _| Cell::count(Some(g.count)), "connections in TIME_WAIT, or in FIN_WAIT2 without an owner"),
    Column::new("share", "SHARE", Right, Neutral, |g, _| Value::Ratio(g.share_ratio).into(), "share of all"),
    Column::new("minimum", "COUNT MIN", Right, Neutral, |g, _| sampled(g, |s| Value::Count(s.minimum.into())), "fewest of all samples"),
    Column::new("mean", "MEAN", Right, Neutral, |g, _| sampled(g, |s| Value::Decimal(s.mean)), "mean number"),
    Column::new("p95", "P95", Right, Neutral, |g, _| sampled(g, |s| Value::Count(s.p95.into())), "95 of 100 samples do not exceed this"),
    Column::new("maximum", "MAX", Right, Neutral, |g, _| sampled(g, |s| Value::Count(s.maximum.into())), "most of all samples"),
    Column::new("samples", "SAMPLES", Right, Neutral, |g, _| sampled(g, |s| Value::Count(s.samples.into())), "number of samples"),
    Column::new("delta", "Δ", Right, Neutral, |g, _| g.delta.map_or(Value::Missing, |delta| Value::Change(delta.into())).into(), "change since the previous reading"),
    Column::new("median_left", "MEDIAN LEFT", Right, Neutral, median_left, "half of them expire within this time"),
    Column::new("side", "SIDE", Left, Neutral, |g, _| g.side.map_or(Value::Missing, |side| Value::Text(side.word().to_owned())).into(), "whether this host was client or server: the end that closes first keeps the TIME_WAIT"),
    Column::new("inferred_from", "INFERRED FROM", Left, Neutral, inferred_from, "how the likely owner was inferred: from a live socket to the same destination, or the listener"),
    Column::new("likely_owner", "LIKELY OWNER", Left, Neutral, likely_owner, "owner of the listener, or of a live connection to the same destination; a TIME_WAIT has no owner"),
];

static NARROWER: [Narrower; 8] = [
    Narrower::Drop("mean"),
    Narrower::Drop("p95"),
    Narrower::Drop("minimum"),
    Narrower::Drop("delta"),
    Narrower::Drop("share"),
    Narrower::Drop("netns"),
    Narrower::LastResort("likely_owner"),
    Narrower::LastResort("side"),
];

/// Empty where lines were made by something else.
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

/// A word says that it is none of the kernel's.
fn likely_owner(group: &GroupReport, _: &View) -> Cell {
    let mut cell = owners(&group.likely_owners);
    if let Value::Both { shown, .. } = &mut cell.value {
        shown.push_str(", inferred");
    }
    cell
}

fn sampled(group: &GroupReport, value: fn(&Spread) -> Value) -> Cell {
    group.sampled.as_ref().map_or(Value::Missing, value).into()
}

fn median_left(group: &GroupReport, _: &View) -> Cell {
    let seconds = group.median_left_seconds;
    seconds
        .map_or(Value::Missing, |seconds| {
            Value::Milliseconds(seconds * 1000)
        })
        .into()
}

fn inferred_from(group: &GroupReport, _: &View) -> Cell {
    let word = |from| match from {
        InferredFrom::LiveSocket => "live_socket",
        InferredFrom::Listener => "listener",
    };
    let from = group.inferred_from.map(word);
    from.map_or(Value::Missing, |word| Value::Text(word.to_owned()))
        .into()
}

impl Tabular for TimewaitReport {
    type Row = GroupReport;

    fn columns() -> &'static [Column<GroupReport>] {
        &COLUMNS
    }

    fn narrower() -> &'static [Narrower] {
        &NARROWER
    }

    fn notes(&self, _: &View) -> Vec<String> {
        notes::notes(self)
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        metrics::write(self, out)
    }
}

impl Listed for TimewaitReport {
    fn rows(&self) -> &[GroupReport] {
        &self.groups
    }

    fn rows_mut(&mut self) -> &mut Vec<GroupReport> {
        &mut self.groups
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let namespaces: BTreeSet<_> = self.groups.iter().map(|group| &group.netns).collect();
        let mut keys = Vec::new();
        keys.extend((namespaces.len() > 1).then_some("netns"));
        keys.push(match self.by {
            By::Service => "service",
            By::Destination => "destination",
            By::Dport => "dport",
            By::Source => "source",
            By::Sport => "sport",
            By::Listener => "listener",
        });
        if view.sampled {
            keys.extend(["minimum", "mean", "p95", "maximum"]);
        } else {
            keys.extend(["count", "share"]);
        }
        keys.extend(view.changes.then_some("delta"));
        keys.extend(["median_left", "side", "likely_owner"]);
        keys
    }

    fn identity(row: &GroupReport) -> String {
        format!("{:?} {:?} {:?}", row.netns.inode, row.key, row.side)
    }

    fn heading(&self, view: &View) -> Vec<String> {
        notes::heading(self, view)
    }

    fn nothing(&self) -> String {
        "no TIME_WAIT or orphaned FIN_WAIT2 sockets".to_owned()
    }
}

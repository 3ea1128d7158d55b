//! The table of `keepalive`.

use std::io;

use sockdiag::{
    analysis::{
        keepalive::{ConnectionReport, GroupReport, KeepaliveReport, NamespaceReport, Row},
        sockets::By,
    },
    model::Owner,
};

use super::{
    Align, Cell, Column, Listed, Narrower, Tabular, Value, View, ends, groups, keys,
    owners::owners, several,
};
use crate::render::{
    prom::{self, Labels, Series},
    text,
};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<Row>; 20] = [
    Column::new("netns", "NETNS", Left, |r, _| Cell::text(r.netns().label()), "network namespace: its name, or its inode number"),
    Column::new("group", "GROUP", Left, |r, view| r.group().map_or(Value::Missing.into(), |g| groups::cell(&g.name, view)), "what the connections have in common, by --by"),
    Column::new("sockets", "SOCKETS", Right, |r, _| Cell::count(r.group().map(|g| g.sockets)), "connections in ESTABLISHED and CLOSE_WAIT"),
    Column::new("enabled", "ON", Right, |r, _| Cell::count(r.group().map(|g| g.enabled)), "connections with keepalive"),
    Column::new("not_enabled", "OFF", Right, |r, _| Cell::count(r.group().map(|g| g.not_enabled)), "connections without keepalive"),
    Column::new("unknown", "HIDDEN", Right, |r, _| Cell::count(r.group().map(|g| g.unknown)), "connections of which another timer hides whether they have keepalive"),
    Column::sampled("minimum", "OFF MIN", Right, |r, _| sampled(r, |s| Value::count(s.minimum)), "fewest connections without keepalive of all samples"),
    Column::sampled("mean", "MEAN", Right, |r, _| sampled(r, |s| Value::Decimal(s.mean)), "mean number of connections without keepalive"),
    Column::sampled("p95", "P95", Right, |r, _| sampled(r, |s| Value::count(s.p95)), "95 of 100 samples do not exceed this"),
    Column::sampled("maximum", "MAX", Right, |r, _| sampled(r, |s| Value::count(s.maximum)), "most connections without keepalive of all samples"),
    Column::new("oldest_idle_without", "OFF IDLE", Right, |r, _| milliseconds(r.group().and_then(|g| g.oldest_idle_without_ms)), "longest time without data of a connection without keepalive"),
    Column::new("state", "STATE", Left, |r, _| Cell::known(r.connection(), |c| Value::Word(c.socket.state.name())), "state of the connection"),
    Column::new("local", "LOCAL", Left, |r, view| ends::end(r.connection().map(|c| &c.socket.local), view), "address it is bound to"),
    Column::new("peer", "PEER", Left, |r, view| ends::end(r.connection().and_then(|c| c.socket.peer.as_ref()), view), "the peer's address"),
    Column::new("keepalive", "KEEPALIVE", Left, |r, _| r.connection().map_or(Value::Missing.into(), enabled), "whether keepalive is on; hidden where another timer runs"),
    Column::new("idle", "IDLE", Right, |r, _| milliseconds(idle(r)), "time since data was last sent or received; of a group, the longest"),
    Column::new("expires", "NEXT PROBE", Right, |r, _| milliseconds(expires(r)), "time until the next keepalive probe; of a group, the first"),
    Column::new("detection", "DETECTED IN", Right, |r, _| detection(r), "time after which a dead peer is noticed, the longest of a group, if each is known; ~ where it is inferred from net.ipv4.tcp_keepalive_*; in CSV in milliseconds"),
    Column::new("detection_inferred", "INFERRED", Left, |r, _| Cell::known(detected(r), |(_, inferred)| Value::truth(inferred)), "whether the time of detection is inferred"),
    Column::new("owner", "OWNER", Left, |r, _| owners(holders(r)), "processes that have it open"),
];

/// When this host's own conntrack forgets a connection, which no other device tells.
fn conntrack(report: &KeepaliveReport) -> Option<String> {
    let [only] = &report.namespaces[..] else {
        return None;
    };
    let seconds = only.conntrack_established_seconds?;
    let time = text::duration(seconds.saturating_mul(1000));
    Some(format!(
        "conntrack of this host forgets a connection without packets after {time}"
    ))
}

fn sampled(row: &Row, of: fn(&sockdiag::analysis::Spread) -> Value) -> Cell {
    let group = row.group();
    Cell::known(group.and_then(|group| group.sampled.as_ref()), of)
}

fn milliseconds(time: Option<u32>) -> Cell {
    Cell::known(time, |ms| Value::Milliseconds(ms.into()))
}

fn idle(row: &Row) -> Option<u32> {
    match row {
        Row::Group(group) => group.oldest_idle_ms,
        Row::Connection(connection) => connection.keepalive.idle_ms,
    }
}

fn expires(row: &Row) -> Option<u32> {
    match row {
        Row::Group(group) => group.expires_ms,
        Row::Connection(connection) => connection.keepalive.expires_ms,
    }
}

fn enabled(connection: &ConnectionReport) -> Cell {
    Value::Word(match connection.keepalive.enabled {
        Some(true) => "on",
        Some(false) => "off",
        None => "hidden",
    })
    .into()
}

/// Seconds until a dead peer is noticed, and whether they are inferred.
fn detected(row: &Row) -> Option<(u64, bool)> {
    let (seconds, inferred) = match row {
        Row::Group(group) => (group.detection_seconds, group.detection_inferred),
        Row::Connection(one) => (
            one.keepalive.detection_seconds,
            one.keepalive.detection_inferred,
        ),
    };
    Some((seconds?, inferred))
}

fn detection(row: &Row) -> Cell {
    Cell::known(detected(row), |(seconds, inferred)| {
        let mark = if inferred { "~" } else { "" };
        let shown = format!("{mark}{seconds}s");
        // As the other times of CSV.
        let milliseconds = seconds.saturating_mul(1000);
        Value::ranked(shown, milliseconds.to_string(), seconds as f64)
    })
}

fn holders(row: &Row) -> &[Owner] {
    row.connection().map_or(&[], |one| &one.socket.owners)
}

#[rustfmt::skip]
static GROUPS: [Series<(Labels, u64)>; 1] = [
    Series::gauge("sockdiag_keepalive_sockets", "Connections in ESTABLISHED and CLOSE_WAIT by whether TCP keepalive is enabled.", |(labels, _)| labels.clone(), |(_, count)| Some(*count as f64)),
];

#[rustfmt::skip]
static NAMESPACES: [Series<NamespaceReport>; 1] = [
    Series::gauge("sockdiag_keepalive_default_detection_seconds", "Time after which a dead peer is noticed by net.ipv4.tcp_keepalive_*.", |n| vec![("netns", n.netns.label())], |n| n.defaults.detection_seconds.map(|s| s as f64)),
];

fn counts(group: &GroupReport) -> [(Labels, u64); 3] {
    let labels = |enabled: &str| {
        let mut labels = groups::labels(&group.name);
        labels.push(("enabled", enabled.to_owned()));
        labels
    };
    [
        (labels("true"), group.enabled),
        (labels("false"), group.not_enabled),
        (labels("unknown"), group.unknown),
    ]
}

fn all_counts(report: &KeepaliveReport) -> Vec<(Labels, u64)> {
    let mut all = GroupReport::default();
    (all.enabled, all.not_enabled, all.unknown) =
        (report.enabled, report.not_enabled, report.unknown);
    match report.by {
        By::Socket => counts(&all).to_vec(),
        _ => {
            let groups = report.groups.iter().filter_map(Row::group);
            groups.flat_map(counts).collect()
        }
    }
}

impl Tabular for KeepaliveReport {
    type Row = Row;

    const COLUMNS: &'static [Column<Row>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("netns mean p95 state"),
        Narrower::Shorten("group local peer"),
        Narrower::LastResort("expires owner idle"),
    ];

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &NAMESPACES, &self.namespaces)?;
        prom::write(out, &GROUPS, &all_counts(self))
    }
}

impl Listed for KeepaliveReport {
    const QUIET: &'static str = "more";

    fn rows(&self) -> &[Row] {
        match self.by {
            By::Socket => &self.sockets,
            _ => &self.groups,
        }
    }

    fn rows_mut(&mut self) -> &mut Vec<Row> {
        match self.by {
            By::Socket => &mut self.sockets,
            _ => &mut self.groups,
        }
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let of_sockets = self.by == By::Socket;
        keys(&[
            (several(self.rows(), |a, b| a.netns() != b.netns()), "netns"),
            (of_sockets, "state local peer keepalive idle"),
            (!of_sockets, "group sockets enabled"),
            (!of_sockets && !view.sampled, "not_enabled"),
            (!of_sockets && view.sampled, "minimum mean p95 maximum"),
            (!of_sockets && self.unknown > 0, "unknown"),
            (!of_sockets, "oldest_idle_without"),
            (true, "expires detection"),
            (of_sockets, "owner"),
        ])
    }

    /// A connection without keepalive alone is no problem.
    fn is_quiet(_: &Row) -> bool {
        true
    }

    fn identity(row: &Row) -> String {
        match row {
            Row::Group(group) => format!("{:?}", group.name),
            Row::Connection(connection) => connection.socket.identity(),
        }
    }

    fn heading(&self, _: &View) -> Vec<String> {
        let defaults = self.defaults;
        let times = defaults.idle_seconds.zip(defaults.interval_seconds);
        let known = times.zip(defaults.probes).zip(defaults.detection_seconds);
        let known = known.map(|(((idle, interval), probes), all)| {
            format!("net.ipv4.tcp_keepalive_*: {idle} + {interval} × {probes} = {all} seconds")
        });
        let default = known.unwrap_or_else(|| match self.namespaces.len() {
            0 | 1 => "net.ipv4.tcp_keepalive_* could not be read".to_owned(),
            _ => {
                "net.ipv4.tcp_keepalive_* differ between namespaces (-o json lists them)".to_owned()
            }
        });
        let (on, off) = (text::grouped(self.enabled), text::grouped(self.not_enabled));
        let hidden = match self.unknown {
            0 => String::new(),
            unknown => format!(", {} hidden", text::grouped(unknown)),
        };
        let first = format!("keepalive: {on} on, {off} off{hidden}; {default}");
        [first].into_iter().chain(conntrack(self)).collect()
    }

    fn nothing(&self) -> String {
        "no connection in ESTABLISHED or CLOSE_WAIT matches".to_owned()
    }
}

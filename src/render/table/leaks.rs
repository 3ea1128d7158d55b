//! The table of `leaks`.

use std::{io, slice};

use sockdiag::analysis::leaks::{LeakKind, LeakReport, LeaksReport};

use super::{
    Align, Cell, Column, Listed, Narrower, Tabular, Value, View, ends, keys, owners::owners,
    several,
};
use crate::render::{
    prom::{self, Labels, Series},
    text,
};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<LeakReport>; 12] = [
    Column::new("netns", "NETNS", Left, |l, _| Cell::text(l.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("kind", "KIND", Left, |l, _| Cell::word(l.kind.word()), "why the sockets are left over"),
    Column::new("states", "STATES", Left, |l, _| Cell::text(states(l)), "the states that they are in"),
    Column::new("side", "SIDE", Left, |l, _| Cell::word(l.side.word()), "whether this host is client or server"),
    Column::new("service", "SERVICE", Left, |l, view| ends::address(Some(l.service), view), "the listener here, or the service elsewhere"),
    Column::new("count", "COUNT", Right, |l, _| Cell::count(Some(l.count)), "sockets of this kind and service"),
    Column::new("oldest", "OLDEST", Right, |l, _| Cell::known(l.oldest_seconds, |age| Value::Milliseconds((age * 1000.0) as u64)), "how long the oldest has been so, at least"),
    Column::new("growth", "Δ/MIN", Right, |l, _| Cell::known(l.growth_per_minute, Value::Decimal), "change between the two readings, per minute"),
    Column::new("unread", "UNREAD", Right, |l, _| Cell::known(Some(l.unread_bytes), Value::Bytes), "bytes that wait to be read"),
    Column::new("peer", "OLDEST PEER", Left, |l, view| ends::address(l.samples.first().map(|sample| sample.peer), view), "the peer of the oldest"),
    Column::new("owner", "OWNER", Left, |l, _| owners(&l.owners), "processes that have them open, or some where there are more than 256; of connections that wait for accept(), those that listen"),
    Column::new("meaning", "USUALLY", Left, |l, _| Cell::word(l.meaning), "what it usually means"),
];

fn states(leak: &LeakReport) -> String {
    let names = leak.states.keys().map(|state| state.name());
    names.collect::<Vec<_>>().join(",")
}

fn labels(leak: &LeakReport) -> Labels {
    vec![
        ("netns", leak.netns.label()),
        ("kind", leak.kind.word().to_owned()),
        ("side", leak.side.word().to_owned()),
        ("service", leak.service.to_string()),
        ("unread", (leak.unread_bytes > 0).to_string()),
        ("held", leak.held.to_string()),
    ]
}

#[rustfmt::skip]
static SERIES: [Series<LeakReport>; 2] = [
    Series::gauge("sockdiag_leaks", "Sockets that are left over, by kind and service.", labels, |leak| Some(leak.count as f64)),
    Series::gauge("sockdiag_leaks_oldest_seconds", "How long the oldest has been so, at least.", labels, |leak| leak.oldest_seconds),
];

#[rustfmt::skip]
static ORPHANS: [Series<LeaksReport>; 2] = [
    Series::gauge("sockdiag_orphans", "Connections of the host that no process holds, without those in TIME_WAIT (orphan of /proc/net/sockstat).", |_| Vec::new(), |report| report.orphans.map(|count| count as f64)),
    Series::gauge("sockdiag_orphans_limit", "net.ipv4.tcp_max_orphans.", |_| Vec::new(), |report| report.max_orphans.map(|limit| limit as f64)),
];

impl Tabular for LeaksReport {
    type Row = LeakReport;

    const COLUMNS: &'static [Column<LeakReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("netns peer states side unread growth"),
        Narrower::Shorten("service"),
        Narrower::LastResort("owner"),
    ];

    /// What each kind usually means, once.
    fn notes(&self, _: &View) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for leak in &self.leaks {
            let unread = match leak.kind {
                LeakKind::CloseWait if leak.unread_bytes > 0 => " with unread data",
                _ => "",
            };
            let note = format!("{}{unread}: {}", leak.kind.word(), leak.meaning);
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        notes
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &SERIES, &self.leaks)?;
        prom::write(out, &ORPHANS, slice::from_ref(self))
    }
}

/// The kind does not tell the state.
fn is_of_several_states(leak: &LeakReport) -> bool {
    matches!(leak.kind, LeakKind::FinWait | LeakKind::Orphan)
}

impl Listed for LeaksReport {
    const QUIET: &'static str = "more";

    fn rows(&self) -> &[LeakReport] {
        &self.leaks
    }

    fn rows_mut(&mut self) -> &mut Vec<LeakReport> {
        &mut self.leaks
    }

    fn shown(&self, _: &View) -> Vec<&'static str> {
        keys(&[
            (several(&self.leaks, |a, b| a.netns != b.netns), "netns"),
            (true, "kind"),
            (self.leaks.iter().any(is_of_several_states), "states"),
            (true, "side service count oldest growth"),
            (
                self.leaks.iter().any(|leak| leak.unread_bytes > 0),
                "unread",
            ),
            (true, "peer owner"),
        ])
    }

    fn is_quiet(_: &LeakReport) -> bool {
        true
    }

    fn identity(row: &LeakReport) -> String {
        let (netns, held) = (row.netns.inode, row.held);
        let unread = row.unread_bytes > 0;
        format!(
            "{netns:?} {:?} {:?} {} {held} {unread}",
            row.kind, row.side, row.service
        )
    }

    fn heading(&self, _: &View) -> Vec<String> {
        let orphans = self.orphans.filter(|orphans| *orphans > 0);
        let Some(orphans) = orphans.map(text::grouped) else {
            return Vec::new();
        };
        let limit = self.max_orphans.map(text::grouped);
        let limit = limit.map(|limit| format!(" of {limit} (net.ipv4.tcp_max_orphans)"));
        let limit = limit.unwrap_or_default();
        vec![format!("orphans of the host: {orphans}{limit}")]
    }

    fn nothing(&self) -> String {
        "no connection that matches is left over".to_owned()
    }
}

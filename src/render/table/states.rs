//! The table of `states`.

use std::{cmp::Reverse, io};

use sockdiag::{
    analysis::{
        sockets::By,
        states::{GroupReport, StatesReport},
    },
    model::{
        SocketState::{self, Bound, Connection, Listen},
        State,
    },
};

use super::{Align, Cell, Column, Listed, Narrower, Tabular, Value, View, groups, keys, several};
use crate::render::{
    prom::{self, Labels, Series},
    text,
};

use Align::{Left, Right};

#[rustfmt::skip]
static COLUMNS: [Column<GroupReport>; 20] = [
    Column::new("netns", "NETNS", Left, |g, _| Cell::text(g.name.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("group", "GROUP", Left, |g, view| groups::cell(&g.name, view), "what the sockets have in common, by --by"),
    Column::new("total", "SOCKETS", Right, |g, _| Cell::count(Some(g.total)), "TCP sockets"),
    Column::sampled("minimum", "MIN", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::count(s.minimum)), "fewest sockets of all samples"),
    Column::sampled("mean", "MEAN", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::Decimal(s.mean)), "mean number of sockets"),
    Column::sampled("p95", "P95", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::count(s.p95)), "95 of 100 samples do not exceed this"),
    Column::sampled("maximum", "MAX", Right, |g, _| Cell::known(g.sampled.as_ref(), |s| Value::count(s.maximum)), "most sockets of all samples"),
    Column::change("delta", "Δ", Right, |g, _| Cell::known(g.delta, Value::change), "change since the previous reading; with --for since the first"),
    Column::change("growth", "Δ/MIN", Right, |g, _| Cell::known(g.growth_per_minute, Value::Decimal), "change per minute since the previous reading; with --for the slope of all samples"),
    Column::new("established", "ESTAB", Right, |g, _| count(g, Connection(State::Established)), "open connections"),
    Column::new("close_wait", "CLOSE_WAIT", Right, |g, _| count(g, Connection(State::CloseWait)), "closed by the peer, not here"),
    Column::new("time_wait", "TIME_WAIT", Right, |g, _| count(g, Connection(State::TimeWait)), "closed by both, here first: kept for a minute"),
    Column::new("syn_recv", "SYN_RECV", Right, |g, _| count(g, Connection(State::SynRecv)), "a SYN came, the last ACK has not"),
    Column::new("syn_sent", "SYN_SENT", Right, |g, _| count(g, Connection(State::SynSent)), "connect() waits for an answer"),
    Column::new("fin_wait1", "FIN_WAIT1", Right, |g, _| count(g, Connection(State::FinWait1)), "closed here; the FIN is not yet acknowledged"),
    Column::new("fin_wait2", "FIN_WAIT2", Right, |g, _| count(g, Connection(State::FinWait2)), "closed here, not by the peer"),
    Column::new("last_ack", "LAST_ACK", Right, |g, _| count(g, Connection(State::LastAck)), "closed by the peer, then here; the last ACK is missing"),
    Column::new("closing", "CLOSING", Right, |g, _| count(g, Connection(State::Closing)), "closed by both at once"),
    Column::new("listen", "LISTEN", Right, |g, _| count(g, Listen), "wait for connections"),
    Column::new("bound", "BOUND", Right, |g, _| count(g, Bound), "bound and no more; 0 before Linux 6.8, which does not report them"),
];

fn count(group: &GroupReport, state: SocketState) -> Cell {
    Cell::count(Some(group.states.get(&state).copied().unwrap_or_default()))
}

#[rustfmt::skip]
static SOCKETS: [Series<(Labels, u64)>; 1] = [
    Series::gauge("sockdiag_states_sockets", "TCP sockets by state.", |(labels, _)| labels.clone(), |(_, count)| Some(*count as f64)),
];

impl Tabular for StatesReport {
    type Row = GroupReport;

    const COLUMNS: &'static [Column<GroupReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("mean p95 netns bound listen closing"),
        Narrower::Shorten("group"),
        Narrower::LastResort("last_ack fin_wait1 syn_sent syn_recv fin_wait2 time_wait"),
    ];

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let counts = self.groups.iter().flat_map(|group| {
            group.states.iter().map(|(state, count)| {
                let mut labels = groups::labels(&group.name);
                labels.push(("state", state.name().to_owned()));
                (labels, *count)
            })
        });
        prom::write(out, &SOCKETS, &counts.collect::<Vec<_>>())
    }
}

impl Listed for StatesReport {
    const QUIET: &'static str = "smaller";

    fn rows(&self) -> &[GroupReport] {
        &self.groups
    }

    fn rows_mut(&mut self) -> &mut Vec<GroupReport> {
        &mut self.groups
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let mut shown = keys(&[
            (
                self.by != By::Netns && several(&self.groups, |a, b| a.name.netns != b.name.netns),
                "netns",
            ),
            (true, "group total"),
            (view.sampled, "minimum mean p95 maximum"),
            (view.changes && !view.sampled, "delta"),
            (view.changes, "growth"),
        ]);
        if self.by != By::State {
            let there = |key: &&str| self.states.keys().any(|state| state.name() == *key);
            let columns = COLUMNS.iter().map(|column| column.key);
            shown.extend(columns.filter(there));
        }
        shown
    }

    /// A state alone is no problem.
    fn is_quiet(_: &GroupReport) -> bool {
        true
    }

    fn identity(row: &GroupReport) -> String {
        format!("{:?}", row.name)
    }

    fn heading(&self, _: &View) -> Vec<String> {
        let sockets = if self.total == 1 { "socket" } else { "sockets" };
        let total = format!("{} TCP {sockets}", text::grouped(self.total));
        if self.by == By::State || self.total == 0 {
            return vec![total];
        }
        let mut states: Vec<_> = self.states.iter().collect();
        states.sort_by_key(|(_, count)| Reverse(**count));
        let states = states.into_iter();
        let counts: Vec<_> = states
            .map(|(state, count)| format!("{} {}", text::grouped(*count), state.name()))
            .collect();
        vec![format!("{total}: {}", counts.join(", "))]
    }

    fn nothing(&self) -> String {
        "no TCP socket matches".to_owned()
    }
}

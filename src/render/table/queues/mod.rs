//! The table of `queues`.

mod columns;
mod metrics;

use std::io;

use sockdiag::analysis::queues::{ListenerReport, QueueReport, State};

use super::{Column, Listed, Narrower, Tabular, View, age_note, keys, several};
use crate::render::prom;
use columns::COLUMNS;

impl Tabular for QueueReport {
    type Row = ListenerReport;

    const COLUMNS: &'static [Column<ListenerReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("per_second wait syn"),
        Narrower::Join(["accept", "limit"], "queue"),
        Narrower::Drop("unit fill delta protocol mean p95 minimum netns members"),
        Narrower::Shorten("local"),
        Narrower::LastResort("owner state"),
    ];

    fn notes(&self, _: &View) -> Vec<String> {
        age_note("SYN was counted", self.syn_age_ms)
            .into_iter()
            .collect()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        prom::write(out, &metrics::SERIES, &self.listeners)
    }
}

impl Listed for QueueReport {
    fn rows(&self) -> &[ListenerReport] {
        &self.listeners
    }

    fn rows_mut(&mut self) -> &mut Vec<ListenerReport> {
        &mut self.listeners
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let rows = &self.listeners;
        let queue = match (view.sampled, view.folded) {
            (true, _) => "minimum mean p95 maximum limit time_full drops delta",
            (false, true) => "accept limit fill members fullest syn drops",
            (false, false) => "accept limit fill wait syn drops",
        };
        keys(&[
            (several(rows, |a, b| a.netns != b.netns), "netns"),
            (several(rows, |a, b| a.protocol != b.protocol), "protocol"),
            (true, "state local"),
            (true, queue),
            (view.changes && !view.sampled, "delta per_second"),
            (rows.iter().any(|row| row.unit.is_some()), "unit"),
            (true, "owner"),
        ])
    }

    fn is_quiet(row: &ListenerReport) -> bool {
        row.state == State::Idle && row.drops.unwrap_or(0) == 0
    }

    fn identity(row: &ListenerReport) -> String {
        row.cookie.0.to_string()
    }

    fn nothing(&self) -> String {
        match self.there {
            0 => "no listeners here".to_owned(),
            there => format!(
                "none of {there} listeners matches; one that is bound to all addresses is found by \
                 its port (:8080)"
            ),
        }
    }
}

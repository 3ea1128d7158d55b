//! The table of `ports`.

mod columns;
mod heading;
mod metrics;
#[cfg(test)]
mod tests;

use std::io;

use sockdiag::analysis::ports::{By, PortsReport, Pressure, States, TupleReport};

use super::{Column, Listed, Narrower, Tabular, View, age_note, keys, several};
use columns::COLUMNS;

impl Tabular for PortsReport {
    type Row = TupleReport;

    const COLUMNS: &'static [Column<TupleReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("mean p95 minimum delta fin_wait_2 close_wait syn_sent used tuples"),
        Narrower::Drop("per_second interface netns"),
        Narrower::Shorten("source destination"),
        Narrower::Drop("time_wait established source full_in"),
        Narrower::LastResort("owner use state"),
    ];

    fn notes(&self, _: &View) -> Vec<String> {
        age_note("sockets were read", Some(self.age_ms))
            .into_iter()
            .collect()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        metrics::write(self, out)
    }
}

impl Listed for PortsReport {
    const QUIET: &'static str = "ok";

    fn rows(&self) -> &[TupleReport] {
        &self.tuples
    }

    fn rows_mut(&mut self) -> &mut Vec<TupleReport> {
        &mut self.tuples
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let rows = &self.tuples;
        let by = match self.by {
            By::Tuple => "source destination",
            By::Destination => "destination tuples",
            By::Source => "source tuples",
            By::Process => "process tuples",
        };
        let any = |count: fn(&States) -> u64| {
            !view.sampled && rows.iter().any(|row| count(&row.states) > 0)
        };
        keys(&[
            (several(rows, |a, b| a.netns != b.netns), "netns"),
            (true, "state"),
            (true, by),
            (rows.iter().any(|row| row.interface.is_some()), "interface"),
            (view.sampled, "minimum mean p95 maximum free use delta"),
            (!view.sampled, "used free use time_wait established"),
            (any(|states| states.syn_sent), "syn_sent"),
            (any(|states| states.fin_wait_2), "fin_wait_2"),
            (any(|states| states.close_wait), "close_wait"),
            (view.changes, "per_second full_in"),
            (self.by != By::Process, "owner"),
        ])
    }

    fn is_quiet(row: &TupleReport) -> bool {
        row.state == Pressure::Ok
    }

    fn identity(row: &TupleReport) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            row.netns.inode, row.source, row.destination, row.interface, row.process
        )
    }

    fn heading(&self, _: &View) -> Vec<String> {
        heading::heading(self)
    }

    fn nothing(&self) -> String {
        match self.there {
            0 => "no TCP connection uses a port of the range".to_owned(),
            there => format!("none of {there} sources and destinations matches"),
        }
    }
}

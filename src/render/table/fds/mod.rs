//! The table of `fds`.

mod columns;
mod metrics;
mod notes;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, io};

use sockdiag::analysis::fds::{FdsReport, ProcessReport, State};

use super::{Column, Listed, Narrower, Tabular, View, keys};
use columns::COLUMNS;

impl Tabular for FdsReport {
    type Row = ProcessReport;

    const COLUMNS: &'static [Column<ProcessReport>] = &COLUMNS;

    const NARROWER: &'static [Narrower] = &[
        Narrower::Drop("unit hard mean p95 minimum state per_minute full_in"),
        Narrower::LastResort("types command"),
    ];

    fn notes(&self, _: &View) -> Vec<String> {
        [notes::contents(self), notes::limits(self)].concat()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        metrics::write(self, out)
    }
}

impl Listed for FdsReport {
    const QUIET: &'static str = "ok";

    /// The longest name and a process id of four digits.
    const NARROWEST_LAST: usize = 22;

    fn rows(&self) -> &[ProcessReport] {
        &self.processes
    }

    fn rows_mut(&mut self) -> &mut Vec<ProcessReport> {
        &mut self.processes
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let types = self.processes.iter().any(|process| process.types.is_some());
        let any = |has: fn(&ProcessReport) -> bool| self.processes.iter().any(has);
        keys(&[
            (true, "state use open"),
            (view.sampled, "minimum mean p95 maximum"),
            (true, "soft hard"),
            (view.changes, "per_minute full_in"),
            (any(|process| process.unit.is_some()), "unit"),
            (true, "process"),
            (types, "types"),
            (!types && has_namesakes(&self.processes), "command"),
        ])
    }

    fn is_quiet(row: &ProcessReport) -> bool {
        row.state == Some(State::Ok)
    }

    fn identity(row: &ProcessReport) -> String {
        format!("{} {:?}", row.pid, row.began)
    }

    fn heading(&self, _: &View) -> Vec<String> {
        vec![notes::host(&self.system)]
    }

    fn nothing(&self) -> String {
        let left_out = "kernel threads and zombies have no descriptors and are omitted";
        match self.there {
            0 => format!("no visible process; {left_out}"),
            there => format!("none of {there} visible processes matches; {left_out}"),
        }
    }
}

/// Whether two processes have the same name, which then says little.
fn has_namesakes(processes: &[ProcessReport]) -> bool {
    let mut names = HashSet::new();
    processes.iter().any(|process| !names.insert(&process.name))
}

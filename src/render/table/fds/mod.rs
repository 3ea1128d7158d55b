//! The table of `fds`.

mod columns;
mod heading;
mod metrics;
mod why;

use std::io;

use sockdiag::analysis::fds::{FdsReport, ProcessReport};

use super::{Column, Listed, Narrower, Tabular, View};
use columns::COLUMNS;

static NARROWER: [Narrower; 9] = [
    Narrower::Drop("unit"),
    Narrower::Drop("hard"),
    Narrower::Drop("mean"),
    Narrower::Drop("p95"),
    Narrower::Drop("minimum"),
    Narrower::Drop("state"),
    Narrower::Drop("per_minute"),
    Narrower::Drop("full_in"),
    Narrower::LastResort("types"),
];

impl Tabular for FdsReport {
    type Row = ProcessReport;

    fn columns() -> &'static [Column<ProcessReport>] {
        &COLUMNS
    }

    fn narrower() -> &'static [Narrower] {
        &NARROWER
    }

    fn notes(&self, _: &View) -> Vec<String> {
        why::sentences(self)
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        metrics::write(self, out)
    }
}

impl Listed for FdsReport {
    fn rows(&self) -> &[ProcessReport] {
        &self.processes
    }

    fn rows_mut(&mut self) -> &mut Vec<ProcessReport> {
        &mut self.processes
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let any = |has: fn(&ProcessReport) -> bool| self.processes.iter().any(has);
        let mut keys = vec!["state", "use", "open"];
        keys.extend(match view.sampled {
            true => &["minimum", "mean", "p95", "maximum"][..],
            false => &[],
        });
        keys.extend(["soft", "hard"]);
        keys.extend(match view.changes {
            true => &["per_minute", "full_in"][..],
            false => &[],
        });
        keys.extend(any(|process| process.unit.is_some()).then_some("unit"));
        keys.push("process");
        keys.extend(any(|process| process.types.is_some()).then_some("types"));
        keys
    }

    fn identity(row: &ProcessReport) -> String {
        format!("{} {:?}", row.pid, row.began)
    }

    fn heading(&self, _: &View) -> Vec<String> {
        vec![heading::host(&self.system)]
    }

    fn nothing(&self) -> String {
        let left_out = "kernel threads and zombies have no descriptors and are omitted";
        match self.there {
            0 => format!("no visible process; {left_out}"),
            there => format!("none of {there} visible processes matches; {left_out}"),
        }
    }

    /// The longest name and a process id of four digits.
    fn narrowest_last() -> usize {
        22
    }
}

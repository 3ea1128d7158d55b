//! The table of `ports`.

mod columns;
mod heading;
mod metrics;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, io};

use sockdiag::analysis::ports::{By, PortsReport, States, TupleReport};

use super::{Column, Listed, Narrower, Tabular, View};
use columns::COLUMNS;

static NARROWER: [Narrower; 19] = [
    Narrower::Drop("mean"),
    Narrower::Drop("p95"),
    Narrower::Drop("minimum"),
    Narrower::Drop("established"),
    Narrower::Drop("delta"),
    Narrower::Drop("fin_wait_2"),
    Narrower::Drop("close_wait"),
    Narrower::Drop("syn_sent"),
    Narrower::Drop("tuples"),
    Narrower::Drop("time_wait"),
    Narrower::Drop("used"),
    Narrower::Drop("per_second"),
    Narrower::Drop("interface"),
    Narrower::Drop("netns"),
    Narrower::Drop("source"),
    Narrower::Drop("full_in"),
    Narrower::LastResort("owner"),
    Narrower::LastResort("use"),
    Narrower::LastResort("state"),
];

impl Tabular for PortsReport {
    type Row = TupleReport;

    fn columns() -> &'static [Column<TupleReport>] {
        &COLUMNS
    }

    fn narrower() -> &'static [Narrower] {
        &NARROWER
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()> {
        metrics::write(self, out)
    }
}

impl Listed for PortsReport {
    fn rows(&self) -> &[TupleReport] {
        &self.tuples
    }

    fn rows_mut(&mut self) -> &mut Vec<TupleReport> {
        &mut self.tuples
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let namespaces: BTreeSet<_> = self.tuples.iter().map(|row| &row.netns).collect();
        let mut keys = Vec::new();
        keys.extend((namespaces.len() > 1).then_some("netns"));
        keys.push("state");
        keys.extend(match self.by {
            By::Tuple => &["source", "destination"][..],
            By::Destination => &["destination", "tuples"],
            By::Source => &["source", "tuples"],
            By::Process => &["process", "tuples"],
        });
        let bound = self.tuples.iter().any(|row| row.interface.is_some());
        keys.extend(bound.then_some("interface"));
        if view.sampled {
            keys.extend(["minimum", "mean", "p95", "maximum", "free", "use", "delta"]);
        } else {
            keys.extend(["used", "free", "use", "time_wait", "established"]);
            let any =
                |count: fn(&States) -> u64| self.tuples.iter().any(|row| count(&row.states) > 0);
            keys.extend(any(|states| states.syn_sent).then_some("syn_sent"));
            keys.extend(any(|states| states.fin_wait_2).then_some("fin_wait_2"));
            keys.extend(any(|states| states.close_wait).then_some("close_wait"));
        }
        if view.changes {
            keys.extend(["per_second", "full_in"]);
        }
        keys.extend((self.by != By::Process).then_some("owner"));
        keys
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
        "no TCP connection uses a port of the range".to_owned()
    }
}

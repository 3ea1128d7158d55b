//! Used ports over many samples.

use std::collections::{HashMap, HashSet};

use super::{
    PortsReport, States, TupleReport,
    group::{Key, key},
    line::used_ratio,
};
use crate::analysis::{Sampling, Spreads};

/// The ports that each row used, and the row when it was nearest to running out.
#[derive(Debug, Default)]
pub struct Samples {
    used: Spreads<Key>,
    worst: HashMap<Key, TupleReport>,
}

impl Sampling<PortsReport> for Samples {
    fn add(&mut self, report: &PortsReport) {
        let rows = report.tuples.iter();
        self.used.add(rows.clone().map(|row| (key(row), row.used)));
        for row in rows {
            let worst = self.worst.entry(key(row)).or_insert_with(|| row.clone());
            if (row.state, row.used) > (worst.state, worst.used) {
                worst.clone_from(row);
            }
        }
    }

    /// The state becomes the worst of all samples; rows that are gone return with it.
    fn fill(&mut self, report: &mut PortsReport) {
        let there: HashSet<Key> = report.tuples.iter().map(key).collect();
        let gone = self.worst.iter().filter(|(key, _)| !there.contains(key));
        let gone: Vec<TupleReport> = gone.map(|(_, row)| left(row, report)).collect();
        report.tuples.extend(gone);
        for row in &mut report.tuples {
            let key = key(row);
            if let Some(worst) = self.worst.get(&key) {
                row.state = row.state.max(worst.state);
            }
            row.sampled = self.used.of(key);
        }
        report.conclude();
    }
}

/// The row of a tuple that uses no port any more.
fn left(row: &TupleReport, report: &PortsReport) -> TupleReport {
    let mut namespaces = report.namespaces.iter();
    let namespace = namespaces.find(|namespace| namespace.netns == row.netns);
    let free = row.free + row.used;
    TupleReport {
        used: 0,
        free,
        free_likely: row.free_likely + row.used,
        reusable: 0,
        used_ratio: used_ratio(namespace.map_or(free, |n| n.range.usable), free),
        states: States::default(),
        ..row.clone()
    }
}

//! Used ports over many samples.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    net::IpAddr,
};

use super::{PortsReport, ProcessReport, States, TupleReport, line::used_ratio};
use crate::{
    analysis::{Sampling, Spreads},
    model::Address,
};

type Key = (
    Option<u64>,
    Option<IpAddr>,
    Option<Address>,
    Option<ProcessReport>,
    Option<String>,
);

/// How many ports each line held, and the line when it was nearest to running out.
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
            match self.worst.entry(key(row)) {
                Entry::Vacant(new) => _ = new.insert(row.clone()),
                Entry::Occupied(mut known) if is_worse(row, known.get()) => {
                    known.insert(row.clone());
                }
                Entry::Occupied(_) => {}
            }
        }
    }

    /// The state becomes the worst that was seen; lines that are gone come back with it.
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
        report.sort();
        report.conclude();
    }
}

fn is_worse(row: &TupleReport, known: &TupleReport) -> bool {
    (row.state, row.used) > (known.state, known.used)
}

/// What is left of a line that holds no port any more.
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

fn key(row: &TupleReport) -> Key {
    (
        row.netns.inode,
        row.source,
        row.destination,
        row.process.clone(),
        row.interface.clone(),
    )
}

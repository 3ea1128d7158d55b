//! Used ports over many samples.

use std::net::IpAddr;

use super::{PortsReport, ProcessReport, TupleReport};
use crate::analysis::{Address, Sampling, Spreads};

type Key = (
    Option<u64>,
    Option<IpAddr>,
    Option<Address>,
    Option<ProcessReport>,
    Option<String>,
);

/// How many ports each line held.
#[derive(Debug, Default)]
pub struct Samples(Spreads<Key>);

impl Sampling<PortsReport> for Samples {
    fn add(&mut self, report: &PortsReport) {
        self.0
            .add(report.tuples.iter().map(|row| (key(row), row.used)));
    }

    fn fill(&mut self, report: &mut PortsReport) {
        for row in &mut report.tuples {
            row.sampled = self.0.of(key(row));
        }
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

//! Used ports over many samples.

use std::{collections::HashMap, net::IpAddr};

use super::{PortsReport, PortsSampled, ProcessReport, TupleReport};
use crate::analysis::{Address, Distribution};

type Key = (
    Option<u64>,
    Option<IpAddr>,
    Option<Address>,
    Option<ProcessReport>,
    Option<String>,
);

/// How many ports each line held.
#[derive(Debug, Default)]
pub struct Samples {
    used: HashMap<Key, Distribution>,
    taken: u64,
}

impl Samples {
    /// Takes one.
    pub fn add(&mut self, report: &PortsReport) {
        self.taken += 1;
        for row in &report.tuples {
            self.used.entry(key(row)).or_default().add(row.used);
        }
    }

    /// Puts the spread into the lines of a report. A line that was not there held no port then.
    pub fn fill(&mut self, report: &mut PortsReport) {
        for row in &mut report.tuples {
            let used = self.used.entry(key(row)).or_default();
            for _ in used.samples()..self.taken {
                used.add(0);
            }
            row.sampled = sampled(used);
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

fn sampled(used: &Distribution) -> Option<PortsSampled> {
    Some(PortsSampled {
        samples: used.samples(),
        minimum: used.minimum()?,
        mean: used.mean()?,
        p95: used.percentile(95)?,
        maximum: used.maximum()?,
    })
}

//! Open descriptors over many samples.

use std::collections::{HashMap, HashSet};

use super::{FdsReport, ProcessReport};
use crate::analysis::{Distribution, Sampling, incomplete::counted};

/// Process id and start: ids are reused.
type Key = (u32, Option<u64>);

/// The distribution of each process's open descriptors.
#[derive(Debug, Default)]
pub struct Samples {
    open: HashMap<Key, Distribution>,
}

impl Sampling<FdsReport> for Samples {
    fn add(&mut self, report: &FdsReport) {
        for process in &report.processes {
            if let Some(open) = process.open {
                self.open.entry(key(process)).or_default().add(open);
            }
        }
    }

    fn fill(&mut self, report: &mut FdsReport) {
        for process in &mut report.processes {
            let spread = self.open.get(&key(process));
            process.sampled = spread.and_then(Distribution::spread);
        }
        let there: HashSet<Key> = report.processes.iter().map(key).collect();
        let ended = self.open.keys().filter(|key| !there.contains(key)).count();
        let why = "ended while the samples were taken";
        report.incomplete.extend(counted("processes", why, ended));
        report.conclude();
    }
}

fn key(process: &ProcessReport) -> Key {
    (process.pid, process.began)
}

//! Open descriptors over many samples.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use super::{FdsReport, Growth, ProcessReport};
use crate::analysis::{Distribution, Sampling, incomplete::counted};

/// Process id and start: ids are reused.
type Key = (u32, Option<u64>);

/// The distribution of each process's open descriptors, and how they moved.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    open: HashMap<Key, (Distribution, Growth)>,
}

impl Sampling<FdsReport> for Samples {
    fn add(&mut self, report: &FdsReport) {
        for process in &report.processes {
            if let Some(open) = process.open {
                match self.open.entry(key(process)) {
                    Entry::Occupied(known) => {
                        let (seen, growth) = known.into_mut();
                        seen.add(open);
                        growth.add(open);
                    }
                    Entry::Vacant(place) => {
                        let mut seen = Distribution::default();
                        seen.add(open);
                        place.insert((seen, Growth::new(open)));
                    }
                }
            }
        }
    }

    fn fill(&mut self, report: &mut FdsReport) {
        for process in &mut report.processes {
            let known = self.open.get(&key(process));
            process.sampled = known.and_then(|(seen, _)| seen.spread());
            process.growth = known.map(|(_, growth)| *growth);
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

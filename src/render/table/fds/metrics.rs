//! Metric series of `fds`.

use std::{io, slice};

use sockdiag::analysis::fds::{FdsReport, ProcessReport, State, SystemReport};

use crate::render::prom::{self, Labels, Series, no_labels};

#[rustfmt::skip]
static SYSTEM: [Series<SystemReport>; 3] = [
    Series::gauge("sockdiag_open_files", "Open files of the host.", no_labels, |system| system.open.map(|open| open as f64)),
    Series::gauge("sockdiag_open_files_limit", "fs.file-max.", no_labels, |system| system.limit.map(|limit| limit as f64)),
    Series::gauge("sockdiag_nr_open", "fs.nr_open.", no_labels, |system| system.nr_open.map(|limit| limit as f64)),
];

/// Of processes that share a unit and a name, the largest value: a sum would hide it.
#[rustfmt::skip]
static PROCESSES: [Series<ProcessReport>; 3] = [
    Series::gauge("sockdiag_process_open_descriptors", "Open descriptors of the process with the most.", labels, |process| process.open.map(|open| open as f64)).largest(),
    Series::gauge("sockdiag_process_descriptors_used_ratio", "Open descriptors by soft limit, of the process nearest to it; 1 is full.", labels, |process| process.used_ratio).largest(),
    Series::gauge("sockdiag_processes_at_descriptor_limit", "Processes with as many open descriptors as their limit allows.", no_labels, is_full),
];

pub fn write(report: &FdsReport, out: &mut dyn io::Write) -> io::Result<()> {
    prom::write(out, &SYSTEM, slice::from_ref(&report.system))?;
    prom::write(out, &PROCESSES, &report.processes)
}

/// 1 or 0; `None` without a limit.
fn is_full(process: &ProcessReport) -> Option<f64> {
    let is_full = process.state == Some(State::Full);
    process.used_ratio.map(|_| f64::from(u8::from(is_full)))
}

/// Only what outlives a restart, so that series do not multiply: sessions (`session-3.scope`) are
/// numbered.
fn labels(process: &ProcessReport) -> Labels {
    let is_lasting = |unit: &&String| !unit.ends_with(".scope");
    let unit = process.unit.as_ref().filter(is_lasting).cloned();
    vec![
        ("unit", unit.unwrap_or_default()),
        ("process", process.name.clone()),
    ]
}

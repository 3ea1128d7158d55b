//! `fds`: which process is near its descriptor limit, and how near the host is to its own.

mod report;
mod samples;
mod selection;
#[cfg(test)]
mod tests;
mod why;

pub use report::{FdsReport, ProcessReport, State, SystemReport, report, worst_first};
pub use samples::Samples;
pub use selection::Selection;
pub use why::{Holder, Origin, SetBy, Why};

use std::collections::HashMap;

use crate::model::{Incomplete, ProcessFds, Relative, SystemFds};

/// What was read for one report.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The host.
    pub system: SystemFds,
    /// The processes that are shown.
    pub processes: Vec<ProcessFds>,
    /// How many processes were found, shown or not.
    pub there: usize,
    /// Processes whose limits are to be explained (`--why`), each followed by its ancestors.
    pub ancestors: HashMap<u32, Vec<Relative>>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
}

//! `counters`: which kernel counters moved, how fast, and what each means.

mod catalogue;
mod lines;
mod report;
mod samples;
mod select;
#[cfg(test)]
mod tests;
mod why;

pub use catalogue::{Entry, Kind, Scope, entries, entry};
pub use report::{CounterReport, CounterSampled, CountersReport, report};
pub use samples::Samples;
pub use select::{Selection, Unknown, groups};
pub use why::{Drops, Why};

use std::sync::Arc;

use crate::model::{Counters, Incomplete, Netns};

/// What was read for one report.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Each network namespace that was asked.
    pub namespaces: Vec<NamespaceCounters>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
}

/// The numbers of one network namespace.
#[derive(Debug, Clone, Default)]
pub struct NamespaceCounters {
    /// Which it is.
    pub netns: Arc<Netns>,
    /// Its numbers.
    pub counters: Counters,
    /// `net.ipv4.tcp_syncookies`, which changes what a counter means.
    pub tcp_syncookies: Option<u32>,
}

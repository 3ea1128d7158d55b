//! `timewait`: who makes the TIME_WAITs, how fast they drain, how near the bucket limit.
//!
//! The end that closes first keeps the tuple for a minute (RFC 9293, 3.3.2), in a small socket
//! without an owner (`inet_timewait_sock`). One in FIN_WAIT2 whose owner is gone is kept the same
//! way and counts against the same limit.

mod group;
mod key;
mod report;
mod row;
mod samples;
mod side;
mod tally;
#[cfg(test)]
mod tests;

pub use key::By;
pub use report::{Fullest, NamespaceReport, TimewaitReport, report};
pub use row::{Bar, GroupReport, InferredFrom};
pub use samples::Samples;
pub use side::Side;
pub use tally::{Flow, Sorter, Tally};

use std::collections::HashMap;

use crate::model::{Address, Incomplete, Listener, Netns, Owners, PortLimits};

/// What was read for one report.
#[derive(Debug, Default)]
pub struct Reading {
    /// Each network namespace that was asked.
    pub namespaces: Vec<NamespaceReading>,
    /// Holders of listeners and of live connections; `None` when they were not looked for.
    pub owners: Option<Owners>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
}

/// What one network namespace keeps of closed connections.
#[derive(Debug, Default)]
pub struct NamespaceReading {
    /// Which it is.
    pub netns: Netns,
    /// Its settings.
    pub limits: PortLimits,
    /// Its TCP listeners.
    pub listeners: Vec<Listener>,
    /// Names of network devices, by index, where a listener is bound to one.
    pub interfaces: HashMap<u32, String>,
    /// What it keeps.
    pub tally: Tally,
    /// Connections that vanished because there were too many already (`TCPTimeWaitOverflow`).
    pub overflows: Option<i128>,
    /// The inode of a live connection to each of the destinations that were looked for.
    pub live: HashMap<Address, u32>,
}

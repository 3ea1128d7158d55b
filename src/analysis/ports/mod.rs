//! `ports`: how near each source and destination are to running out of ephemeral ports.
//!
//! connect(2) chooses a local port for each (local address, remote address, remote port) by itself
//! (`__inet_hash_connect`, net/ipv4/inet_hashtables.c): one local port serves many destinations, so
//! ports run out for such a *tuple*, not for the host. What bind(2) gave a port to, listening or
//! not, has it for every destination.

mod capacity;
mod gone;
mod group;
mod incomplete;
mod inferred;
mod line;
mod outlook;
mod process;
mod report;
mod row;
mod samples;
mod tally;
#[cfg(test)]
mod tests;

pub use capacity::{Blocked, Capacity};
pub use group::By;
pub use inferred::Window;
pub use report::{NamespaceReport, PortsReport, RangeReport, report};
pub use row::{Pressure, ProcessReport, Reusable, States, TupleReport};
pub use samples::Samples;
pub use tally::{Oldest, Tally, Tuple, TupleKey};

use std::collections::HashMap;

use crate::model::{Incomplete, Netns, Owners};

/// What was read for one report.
#[derive(Debug, Default)]
pub struct Reading {
    /// Each network namespace that was asked.
    pub namespaces: Vec<NamespaceReading>,
    /// Holders of sockets; `None` when they were not looked for.
    pub owners: Option<Owners>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
}

/// The ports of one network namespace.
#[derive(Debug)]
pub struct NamespaceReading {
    /// Which it is.
    pub netns: Netns,
    /// The ports there are.
    pub capacity: Capacity,
    /// Who holds them.
    pub tally: Tally,
    /// Sockets that are bound to one and no more.
    pub binders: Oldest,
    /// Connections begun since the namespace was made (`Tcp ActiveOpens`).
    pub active_opens: Option<i128>,
    /// Names of network devices, by index, where a connection is bound to one.
    pub interfaces: HashMap<u32, String>,
}

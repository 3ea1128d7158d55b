//! `queues`: which listener is filling or dropping, and who is to drain it.

mod fill;
mod fold;
mod incomplete;
mod join;
mod limits;
mod listener;
mod local;
mod report;
mod samples;
mod selection;
#[cfg(test)]
mod tests;
mod waiting;

pub use listener::{
    AcceptQueue, Cookie, Fullest, LimitSetBy, ListenerReport, ReceiveQueue, Sampled, State,
    SynQueue,
};
pub use local::LocalReport;
pub use report::{QueueReport, report};
pub use samples::Samples;
pub use selection::Selection;
pub(super) use selection::unit_is;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use crate::model::{Endpoint, Incomplete, ListenLimits, Listener, Netns, Owners, Waiting};

/// What was read for one report.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Each network namespace that was asked.
    pub namespaces: Vec<NamespaceReading>,
    /// The processes that hold the shown sockets; `None` when they were not asked for.
    pub owners: Option<Owners>,
    /// Paths of the sockets' cgroups, as far as they are known.
    pub cgroups: HashMap<u64, String>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
}

/// What was read in one network namespace.
#[derive(Debug, Clone, Default)]
pub struct NamespaceReading {
    /// Which it is.
    pub netns: Netns,
    /// When, on a clock of the reader's own; `None` when it has none.
    pub at: Option<Duration>,
    /// Listeners of both internet families were asked for.
    pub all_families: bool,
    /// Every listener, also those that are not shown: a request is attributed to the best match
    /// among all.
    pub listeners: Vec<Listener>,
    /// Request sockets by their concrete local end. `None` when they were not counted.
    pub requests: Option<Requests>,
    /// Connections waiting for accept. `None` when they were not asked for or time ran out.
    pub waiting: Option<WaitingReading>,
    /// The sysctls in force.
    pub limits: ListenLimits,
    /// Values of somaxconn seen in earlier readings of this run.
    pub earlier_caps: BTreeSet<u32>,
    /// Listeners, by cookie, whose limit was seen to be set below the cap in force.
    pub asked: HashSet<u64>,
    /// `ListenOverflows` of the namespace.
    pub overflows: Option<i128>,
    /// Names of the devices that sockets are bound to, by index.
    pub interfaces: HashMap<u32, String>,
}

/// Half-open connections, counted.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    /// How many, by concrete local end.
    pub by_endpoint: HashMap<Endpoint, u32>,
    /// How long ago they were counted: counting walks every socket of the host, and is not repeated
    /// at every reading where that takes long.
    pub age: Duration,
}

/// Connections that nobody has accepted yet.
#[derive(Debug, Clone, Default)]
pub struct WaitingReading {
    /// As many as could be seen.
    pub sockets: Vec<Waiting>,
    /// No connection was made while they were looked for and no queue changed its length, so those
    /// that are counted in a queue and were not seen have been reset by their client.
    pub settled: bool,
}

//! One row of the report: timewait sockets that have something in common.

use schemars::JsonSchema;
use serde::Serialize;

use super::{By, Side};
use crate::{
    analysis::Spread,
    model::{Netns, Owner},
};

/// What the likely owners were inferred from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InferredFrom {
    /// A live connection to the same destination.
    LiveSocket,
    /// The listener that accepted the connections.
    Listener,
}

/// Timewait sockets that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct GroupReport {
    /// The network namespace.
    pub netns: Netns,
    /// What the group has in common.
    #[serde(skip)]
    pub by: By,
    /// The common value of `by`; `null` for the group of sockets without one.
    pub key: Option<String>,
    /// Which end this host was; `null` where neither listeners nor ports show it.
    pub side: Option<Side>,
    /// Timewait sockets.
    pub count: u64,
    /// Share of all timewait sockets of the report.
    pub share_ratio: f64,
    /// Median of the time they have left.
    pub median_left_seconds: Option<u64>,
    /// Change of `count` since the previous reading.
    pub delta: Option<i64>,
    /// `count` over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
    /// Processes that probably opened the connections; a timewait socket has no owner.
    pub likely_owners: Vec<Owner>,
    /// There is a listener or a live connection to infer owners from.
    #[serde(skip)]
    pub has_sockets: bool,
    /// The source of `likely_owners`; `null` where they are empty.
    pub inferred_from: Option<InferredFrom>,
}

/// Timewait sockets by the time they have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bar {
    /// At least this many seconds…
    pub from_seconds: u64,
    /// … and less than this many; the last element has no upper bound.
    pub to_seconds: u64,
    /// Number of sockets.
    pub count: u64,
}

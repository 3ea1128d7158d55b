//! One line of the report: closed connections that have something in common.

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
    /// They hold a live connection to the same destination.
    LiveSocket,
    /// They hold the listener that the connections came in at.
    Listener,
}

/// Closed connections that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct GroupReport {
    /// The network namespace.
    pub netns: Netns,
    /// What makes a line.
    #[serde(skip)]
    pub by: By,
    /// What they have in common, as `by` says; `null` for those that have no such thing.
    pub key: Option<String>,
    /// Which end this host was; `null` where neither listeners nor ports tell.
    pub side: Option<Side>,
    /// How many.
    pub count: u64,
    /// The share of all that this report counts.
    pub share_ratio: f64,
    /// How many seconds half of them have left at most.
    pub median_left_seconds: Option<u64>,
    /// Change of `count` since the reading before.
    pub delta: Option<i64>,
    /// How `count` was spread over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
    /// Processes that probably made the connections. A timewait socket has no owner, so this is
    /// never known.
    pub likely_owners: Vec<Owner>,
    /// There is a listener or a live connection to infer them from.
    #[serde(skip)]
    pub has_sockets: bool,
    /// What that was inferred from; `null` where nothing was.
    pub inferred_from: Option<InferredFrom>,
}

/// A part of a minute, and how many have so much left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Bar {
    /// From so many seconds…
    pub from_seconds: u64,
    /// … to less than so many; the last one includes them.
    pub to_seconds: u64,
    /// How many.
    pub count: u64,
}

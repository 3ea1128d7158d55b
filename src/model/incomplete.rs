//! What could not be seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a report does not hold because it could not be seen. The values concerned are
/// `null` there, never 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct Incomplete {
    /// What is missing: `owners`, `syn_queue`, `netns`…
    pub what: String,
    /// Why it could not be seen, and what would help where something would.
    pub why: String,
    /// How many of them (sockets, namespaces…), when they can be counted.
    pub count: Option<u64>,
}

impl Incomplete {
    /// A part that is missing, without a number.
    pub fn new(what: &str, why: impl Into<String>) -> Self {
        Incomplete {
            what: what.to_owned(),
            why: why.into(),
            count: None,
        }
    }

    pub fn counted(what: &str, why: impl Into<String>, count: u64) -> Self {
        Incomplete {
            count: Some(count),
            ..Self::new(what, why)
        }
    }
}

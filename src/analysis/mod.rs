//! Pure functions, one module per question: snapshots in, a report with its findings out. No I/O.

pub mod counters;
pub mod fds;
pub mod finding;
pub mod handshake;
mod incomplete;
pub mod ports;
pub mod queues;
mod rate;
mod rules;
mod sampling;
pub mod timewait;

pub use finding::{Finding, Severity};
use rate::{change, per_second, wrapping_change};
use sampling::{Distribution, Spreads};
pub use sampling::{Sampling, Spread};

use crate::model::Incomplete;

/// What every report has in common.
pub trait Report: serde::Serialize + schemars::JsonSchema {
    /// Name and version in `schema` of the published JSON: `queues/v1`.
    const SCHEMA: &'static str;

    /// What the report lacks.
    fn incomplete(&self) -> &[Incomplete];

    /// What the report concludes, the worst first.
    fn findings(&self) -> &[Finding];
}

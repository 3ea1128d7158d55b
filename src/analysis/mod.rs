//! Pure functions, one module per question: readings in, a report out. No I/O.

pub mod counters;
pub mod fds;
pub mod finding;
pub mod handshake;
mod holders;
pub mod ports;
pub mod queues;
mod rate;
mod rules;
mod sampling;
pub mod timewait;

pub use finding::{Finding, Severity};
pub use rate::{change, per_second, wrapping_change};
pub use sampling::{Distribution, Sampling, Spread, Spreads};

use crate::model::Incomplete;

/// What every report has in common: its name and what it could not see.
pub trait Report: serde::Serialize + schemars::JsonSchema {
    /// Name and version in `schema` of the published JSON: `queues/v1`.
    const SCHEMA: &'static str;

    /// What is missing from this report.
    fn incomplete(&self) -> &[Incomplete];

    /// What it concludes, the worst first.
    fn findings(&self) -> &[Finding];
}

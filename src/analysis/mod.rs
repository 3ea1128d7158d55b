//! Pure functions, one module per question: snapshots in, a report with its findings out. No I/O.

/// Implements [`Report`] by the fields `incomplete` and `findings`.
macro_rules! is_report {
    ($report:ty, $schema:literal) => {
        impl $crate::analysis::Report for $report {
            const SCHEMA: &'static str = $schema;

            fn incomplete(&self) -> &[$crate::model::Incomplete] {
                &self.incomplete
            }

            fn findings(&self) -> &[$crate::analysis::Finding] {
                &self.findings
            }
        }
    };
}

pub mod acceptors;
pub mod buffers;
pub mod check;
mod cookie;
pub mod counters;
pub mod doctor;
mod elsewhere;
pub mod explain;
pub mod fds;
pub mod finding;
pub mod handshake;
mod incomplete;
pub mod keepalive;
pub mod leaks;
mod local;
pub mod network;
pub mod ports;
pub mod queues;
mod rate;
mod rules;
mod sampling;
pub mod sockets;
pub mod states;
pub mod timewait;
pub mod tune;
pub mod who;

pub use cookie::Cookie;
pub use finding::{Finding, Severity};
pub use local::LocalReport;
use local::interface;
use rate::{change, per_second, wrapping_change};
use sampling::{Distribution, Slopes, Spreads};
pub use sampling::{Sampling, Spread};

use std::time::Duration;

use crate::model::{Incomplete, NetnsSnapshot, Snapshot};

/// The previous reading and the time since then; `None` at the first reading.
pub type Previous<'a, T = Snapshot> = Option<(&'a T, Duration)>;

/// The same for one network namespace.
fn of_netns<'a>(before: Previous<'a>, now: &NetnsSnapshot) -> Previous<'a, NetnsSnapshot> {
    let (before, elapsed) = before?;
    let before = before.namespace(&now.netns)?;
    Some((before, now.elapsed_since(before, elapsed)))
}

/// What every report has in common.
pub trait Report: serde::Serialize + schemars::JsonSchema {
    /// Name and version in `schema` of the published JSON: `queues/v1`.
    const SCHEMA: &'static str;

    fn incomplete(&self) -> &[Incomplete];

    /// What the report concludes, the worst first.
    fn findings(&self) -> &[Finding];
}

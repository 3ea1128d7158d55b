//! Thresholds and conditions for CI and monitoring: metrics of the reports, judged.

mod baseline;
mod closed;
mod judge;
mod kind;
mod levels;
mod metric;
mod peaks;
mod plan;
mod range;
mod report;
mod scope;
mod sustain;
#[cfg(test)]
mod tests;

pub use baseline::{Baseline, Former};
pub use judge::{Reading, Verdicts, judge};
pub use kind::Kind;
pub use metric::{Measured, Metric};
pub use peaks::Peaks;
pub use plan::{Check, Plan, PlanError, Threshold, rules_named};
pub use range::{Range, RangeError, Unit};
pub use report::{CheckReport, CommandEnd, Judged};
pub use scope::Scope;
pub use sustain::conclude;

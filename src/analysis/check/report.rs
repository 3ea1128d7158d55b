//! The report of a check.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Measured, Unit};
use crate::{
    analysis::{Finding, doctor::Verdict},
    model::Incomplete,
};

/// What was checked, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CheckReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the checks were judged by, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// The worst of all checks: critical before warning before unknown.
    pub status: Verdict,
    /// Number of readings.
    pub readings: u64,
    /// Only what held in this many readings in a row counts (`--sustain`).
    pub sustain: u64,
    /// One element for each threshold, condition or area that was judged.
    pub checks: Vec<Judged>,
    /// Every metric of the checks, also those without a threshold.
    pub metrics: Vec<Measured>,
    /// How the command ended that ran meanwhile; `null` without one.
    pub command: Option<CommandEnd>,
}

is_report!(CheckReport, "check/v1");

/// One judgement.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judged {
    /// The name of a metric, of a check that is judged by its findings, or an id of `--fail-on`.
    pub name: String,
    /// What the check was restricted to; `null` for everything that was read.
    pub scope: Option<String>,
    /// Its status in the readings that decide.
    pub status: Verdict,
    /// The value of the metric; `null` is unknown, or no metric.
    pub value: Option<f64>,
    /// The unit of the value; `null` without a metric.
    pub unit: Option<Unit>,
    /// The range of values that are fine, as it was given; the baseline's for a comparison.
    pub warning: Option<String>,
    /// As `warning`.
    pub critical: Option<String>,
    /// What was observed, in one line.
    pub message: String,
    /// The ranges as performance data has them.
    #[serde(skip)]
    pub plain: [Option<String>; 2],
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommandEnd {
    /// `null` if a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl CommandEnd {
    pub fn is_success(&self) -> bool {
        self.exit_code == Some(0)
    }
}

//! What is published, a line for each thing that happened.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Close, Handshake, Summary};
use crate::{
    analysis::{Finding, Report},
    model::Incomplete,
};

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TraceReport {
    /// What it tells.
    #[serde(flatten)]
    pub line: Line,
    #[serde(skip)]
    incomplete: Vec<Incomplete>,
    #[serde(skip)]
    findings: Vec<Finding>,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A handshake ended.
    Handshake(Box<Handshake>),
    /// A connection ended.
    Close(Box<Close>),
    /// The trace ended: the last line.
    Summary(Box<Summary>),
}

impl TraceReport {
    /// One line.
    pub fn new(line: Line, incomplete: Vec<Incomplete>) -> Self {
        TraceReport {
            line,
            incomplete,
            findings: Vec::new(),
        }
    }
}

impl Report for TraceReport {
    const SCHEMA: &'static str = "trace/v1";

    fn incomplete(&self) -> &[Incomplete] {
        &self.incomplete
    }

    fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

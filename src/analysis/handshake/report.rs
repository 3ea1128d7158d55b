//! A line of a trace as it is published.

use schemars::JsonSchema;
use serde::Serialize;

use super::{findings::findings, history::Close, row::Handshake, summary::Summary};
use crate::{analysis::Finding, model::Incomplete};

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TraceReport {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    #[serde(skip)]
    incomplete: Vec<Incomplete>,
    #[serde(skip)]
    findings: Vec<Finding>,
}

/// What a line reports.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A handshake ended.
    Handshake(Box<Handshake>),
    /// A connection ended.
    Close(Box<Close>),
    /// The trace ended: the last line.
    Summary(Box<Summary>),
}

impl TraceReport {
    /// A line with the findings that a summary leads to.
    pub fn new(event: Event, incomplete: Vec<Incomplete>) -> Self {
        let findings = match &event {
            Event::Summary(summary) => findings(summary),
            Event::Handshake(_) | Event::Close(_) => Vec::new(),
        };
        TraceReport {
            event,
            incomplete,
            findings,
        }
    }
}

is_report!(TraceReport, "trace/v1");

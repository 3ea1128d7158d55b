//! An article as a report.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Article, Live};
use crate::{analysis::Finding, model::Incomplete};

/// One article, and the numbers of this host that belong to it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ExplainReport {
    /// What could not be read of `live`.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// An article concludes nothing.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    #[serde(flatten)]
    pub article: Article,
    /// The numbers of this host that belong to it, in its network namespace; empty in a list.
    pub live: Vec<Live>,
}

is_report!(ExplainReport, "explain/v1");

impl From<Article> for ExplainReport {
    fn from(article: Article) -> Self {
        ExplainReport {
            incomplete: Vec::new(),
            findings: Vec::new(),
            article,
            live: Vec::new(),
        }
    }
}

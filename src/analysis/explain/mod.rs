//! `explain`: what a finding, a counter, a sysctl, a state, a column or a term means. An article is a
//! Markdown file in the folder of its kind; counters and columns without a file have an article of
//! what is known of them elsewhere.

mod article;
mod columns;
mod counters;
mod findings;
mod index;
mod live;
mod report;
#[cfg(test)]
mod tests;

pub(super) use article::summary;
pub use article::{Article, Kind};
pub use columns::Column;
pub use index::Articles;
pub use live::{Live, LiveValue, Wanted};
pub use report::ExplainReport;

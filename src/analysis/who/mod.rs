//! `who`: what holds a port or belongs to a process, and what bind(2) would return.

mod answer;
mod because;
mod bind;
mod build;
mod ending;
mod holder;
mod overlap;
mod report;
#[cfg(test)]
mod tests;
mod verdicts;

pub use bind::{Attempt, Claim, Verdict};
pub use build::{Asked, Holders, Limits, report};
pub use holder::{Holder, OtherHolder};
pub use report::{BindReport, HolderKind, HolderReport, WhoReport};
pub use verdicts::unjudged;

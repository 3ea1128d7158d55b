//! `counters`: which kernel counters moved, how fast, and what each means.

mod catalogue;
mod cookies;
mod findings;
mod lines;
mod report;
mod samples;
mod select;
#[cfg(test)]
mod tests;
mod why;

pub use catalogue::{Entry, Kind, Scope, entries, entry};
pub use cookies::CookieSamples;
pub use report::{CounterReport, CountersReport, report};
pub use samples::Samples;
pub use select::{Selection, Unknown, groups};
pub use why::{Drops, Why};

//! `fds`: which processes are near their descriptor limit, and how near the host is to its own.

mod findings;
mod raise;
mod report;
mod samples;
mod selection;
#[cfg(test)]
mod tests;
mod why;

pub use raise::raise_limit;
pub use report::{FdsReport, Growth, ProcessReport, State, SystemReport, nearest_limit, report};
pub use samples::Samples;
pub use selection::Selection;
pub use why::{Holder, Origin, SetBy, Why};

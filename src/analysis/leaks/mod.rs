//! `leaks`: sockets that are left over, by what is wrong with them.
//!
//! Two readings of every socket are compared by cookie. Of the first, only counts are kept, and the
//! progress of sockets that have data queued.

mod age;
mod findings;
mod group;
mod kind;
mod meaning;
mod report;
mod services;
mod tally;
#[cfg(test)]
mod tests;

pub use kind::{LeakKind, Progress, kind};
pub use report::{LeakReport, LeakSample, LeaksReport, Orphans};
pub use tally::LeakTally;

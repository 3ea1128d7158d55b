//! What is wrong with the host: the findings of every report, joined, and what was looked at.

mod abilities;
mod areas;
mod join;
mod report;
mod series;
#[cfg(test)]
mod tests;
mod unseen;
mod watched;

pub use abilities::{AbilityReport, SelfReport};
pub use report::{DoctorReport, LookedAt, Reports, Verdict};
pub use series::Series;
pub use watched::Watched;

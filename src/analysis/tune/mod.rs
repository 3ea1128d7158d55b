//! `tune`: the sysctls and limits that decide whether connections succeed, judged by what was
//! observed; and how they differ from what files set at boot.

mod defaults;
mod drift;
mod findings;
mod judge;
mod judgement;
mod limits;
mod load;
mod needs;
mod report;
mod select;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use judgement::Verdict;
pub use needs::keys;
pub use report::{Drift, Holder, SettingReport, TuneReport, against_boot, report};
pub use select::{Selection, Unknown, names};
pub use table::{Effect, Group, RLIMIT_NOFILE, Scope};
pub use value::SettingValue;

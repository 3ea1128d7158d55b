//! `states`: how many TCP sockets are in each state, by what they have in common.

mod report;
mod samples;
#[cfg(test)]
mod tests;

pub use report::{GroupReport, StatesReport};
pub use samples::Samples;

//! The handshake tracker: TCP segments in, handshakes with outcome, durations and reason out.
//!
//! [`Tracker::segment`] takes a segment, [`Tracker::events`] hands out what ended.

mod attempt;
mod clock;
mod collector;
mod findings;
mod history;
mod latency;
mod legs;
mod listeners;
mod outcome;
mod report;
mod row;
mod summary;
#[cfg(test)]
mod tests;
mod tracker;
mod transitions;
mod transmissions;
mod verdict;

pub(crate) use collector::Collector;
pub use history::{Close, How, Shortcomings};
pub use latency::{Bar, Percentiles};
pub use listeners::{Listeners, Listening, QueueSample};
pub use outcome::{Basis, CapturedOn, Outcome, Reason, Remark, ResetReport, Side, Unreachable};
pub use report::{Event, TraceReport};
pub use row::{FastOpen, Handshake, Offer, Options, Sequence, Translated};
pub(crate) use summary::counter_deltas;
pub use summary::{Closes, CounterDeltas, Failure, ListenerSummary, PeerSummary, Summary};
pub use tracker::{Tracker, Waiting};
pub use verdict::{Evidence, KernelAnswer, Translation};

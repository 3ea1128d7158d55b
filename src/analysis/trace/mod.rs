//! `trace`: every TCP handshake in a stream of segments, with its outcome, its times and the
//! reason it failed. A stream is folded, not compared: [`Tracker::segment`] takes what passed, and
//! [`Tracker::events`] gives what came of it.

mod attempt;
mod breaking;
mod clock;
mod close;
mod collector;
mod doubt;
mod group;
mod handshake;
mod latency;
mod leg;
mod outcome;
mod pair;
mod past;
mod queue;
mod reason;
mod report;
mod rises;
mod sequence;
mod summary;
mod taking;
#[cfg(test)]
mod tests;
mod tracker;
mod verdict;
mod waiting;

pub use close::{Close, How};
pub use collector::Collector;
pub use handshake::{
    CapturedOn, FastOpen, Handshake, Offer, Options, Remark, ResetReport, Sequence, Side,
};
pub use latency::{Bar, Percentiles};
pub use outcome::Outcome;
pub use queue::{Listening, QueueSample, Queues};
pub use report::{Line, TraceReport};
pub use rises::{Rises, rises};
pub use summary::{Closes, Failure, ListenerSummary, PeerSummary, Summary, Tally};
pub use tracker::{Event, Shortcomings, Tracker};
pub use waiting::Waiting;

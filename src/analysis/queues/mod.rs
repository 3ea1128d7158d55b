//! `queues`: which listeners have full or dropping queues, and which process must drain them.

mod fill;
mod findings;
mod fold;
mod incomplete;
mod join;
mod limits;
mod listener;
mod local;
mod report;
mod samples;
mod selection;
#[cfg(test)]
mod tests;
mod waiting;

pub(super) use fill::fill_ratio;
pub use listener::{
    AcceptQueue, Cookie, Fullest, LimitSetBy, ListenerReport, ReceiveQueue, Sampled, State,
    SynQueue,
};
pub use local::LocalReport;
pub(super) use local::interface;
pub use report::{QueueReport, report};
pub use samples::Samples;
pub use selection::Selection;

//! `queues`: which listeners have full or dropping queues, and which process must drain them.

mod fill;
mod findings;
mod fold;
mod incomplete;
mod join;
mod limits;
mod listener;
mod own_requests;
mod report;
mod samples;
mod selection;
#[cfg(test)]
mod tests;
mod waiting;

pub use super::{Cookie, LocalReport};
pub(super) use fill::fill_ratio;
pub use listener::{
    AcceptQueue, Fullest, LimitSetBy, ListenerReport, ReceiveQueue, Sampled, State, SynQueue,
};
pub use report::{QueueReport, report};
pub use samples::Samples;
pub use selection::Selection;

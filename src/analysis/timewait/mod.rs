//! `timewait`: who makes the TIME_WAITs, how fast they drain, how near the bucket limit.
//!
//! The end that closes first keeps the tuple for a minute (RFC 9293, 3.3.2), in a small socket
//! without an owner (`inet_timewait_sock`). One in FIN_WAIT2 whose owner is gone is kept the same
//! way and counts against the same limit.

mod findings;
mod group;
mod key;
mod report;
mod row;
mod samples;
mod sides;
#[cfg(test)]
mod tests;

pub use key::By;
pub use report::{Fullest, NamespaceReport, Selection, TimewaitReport, report};
pub use row::{Bar, GroupReport, InferredFrom};
pub use samples::Samples;

pub use crate::model::snapshot::Side;
use crate::model::{
    NetnsSnapshot,
    snapshot::{Flow, Kept, TimeWaits},
};

/// What one network namespace keeps of closed connections.
struct Namespace<'a> {
    snapshot: &'a NetnsSnapshot,
    time_waits: &'a TimeWaits,
    /// Each flow once, with the side that numbers show where ports alone did not.
    flows: Vec<(Flow, Kept)>,
}

impl<'a> Namespace<'a> {
    /// `None` where it was not read.
    fn of(snapshot: &'a NetnsSnapshot) -> Option<Self> {
        let time_waits = snapshot.time_waits.as_deref()?;
        let ephemeral = snapshot.settings.ports.range.clone();
        Some(Namespace {
            snapshot,
            time_waits,
            flows: sides::decided(time_waits, ephemeral),
        })
    }
}

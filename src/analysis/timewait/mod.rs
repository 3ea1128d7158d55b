//! `timewait`: what creates TIME_WAITs, how fast they drain, and how near the bucket limit is.
//!
//! The end that closes first keeps the tuple for a minute (RFC 9293, 3.3.2), in a small socket
//! without an owner (`inet_timewait_sock`). A connection in FIN_WAIT2 without an owner is kept the
//! same way and counts against the same limit.

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
pub use report::{Fullest, NamespaceReport, Selection, TimewaitReport, Totals, report};
pub use row::{Bar, GroupReport, InferredFrom};
pub use samples::Samples;

pub use crate::model::snapshot::Side;
use crate::model::{
    NetnsSnapshot,
    snapshot::{Flow, Kept, TimeWaits},
};

/// The closed connections that one network namespace keeps.
struct Namespace<'a> {
    snapshot: &'a NetnsSnapshot,
    time_waits: &'a TimeWaits,
    /// Each flow once; where ports do not show the side, `sides` has decided it.
    flows: Vec<(Flow, Kept)>,
}

impl<'a> Namespace<'a> {
    /// `None` where the sockets were not read.
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

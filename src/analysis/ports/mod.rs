//! `ports`: how near each source and destination are to running out of ephemeral ports.
//!
//! connect(2) chooses a local port for each (local address, remote address, remote port)
//! (`__inet_hash_connect`, net/ipv4/inet_hashtables.c): one local port serves many destinations, so
//! ports run out for such a *tuple*, not for the host. A port that bind(2) gave to a socket,
//! listening or not, is taken for every destination.

mod capacity;
mod findings;
mod group;
mod incomplete;
mod inferred;
mod line;
mod outlook;
mod process;
mod report;
mod row;
mod samples;
#[cfg(test)]
mod tests;

pub use group::By;
pub use inferred::Window;
pub use report::{NamespaceReport, PortsReport, RangeReport, Selection, report};
pub use row::{Pressure, ProcessReport, Reusable, States, TupleReport};
pub use samples::Samples;

use std::borrow::Cow;

use crate::model::{
    NetnsSnapshot, PortSet,
    snapshot::{PortHolders, Tuple, TupleKey},
};
use capacity::{Blocked, Capacity};

/// The ephemeral ports of one network namespace, and the sockets that use them.
struct Namespace<'a> {
    snapshot: &'a NetnsSnapshot,
    holders: &'a PortHolders,
    capacity: Capacity,
}

impl<'a> Namespace<'a> {
    /// `None` where the ports were not read.
    fn of(snapshot: &'a NetnsSnapshot) -> Option<Self> {
        let holders = snapshot.port_holders.as_deref()?;
        let limits = snapshot.settings.ports.clone();
        let mut capacity = Capacity::new(limits, holders.range.clone(), snapshot.sockets());
        if let Some(bound) = &holders.bound_only {
            capacity.block(bound.clone());
        }
        Some(Namespace {
            snapshot,
            holders,
            capacity,
        })
    }
}

/// The ports that connect(2) finds in use for a tuple: a socket bound to an interface gets no port
/// that an unbound one uses for the same destination (`__inet_check_established`,
/// net/ipv4/inet_hashtables.c). The reverse does not hold.
fn collides_with<'a>(holders: &PortHolders, key: &TupleKey, tuple: &'a Tuple) -> Cow<'a, PortSet> {
    if key.interface == 0 {
        return Cow::Borrowed(&tuple.ports);
    }
    let unbound = holders.get(&TupleKey {
        interface: 0,
        ..*key
    });
    let mut ports = tuple.ports.clone();
    ports.extend(unbound.into_iter().flat_map(|tuple| tuple.ports.iter()));
    Cow::Owned(ports)
}

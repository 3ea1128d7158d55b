//! What a report of ports could not see.

use super::{By, TupleReport};
use crate::{
    analysis::incomplete::{counted, unfound},
    model::{Incomplete, Owners, Snapshot, snapshot::PortHolders},
};

/// Tuples of which it is unknown whether they take ports from all others.
pub fn unknown_choice(rows: &[TupleReport]) -> Option<Incomplete> {
    let unknown = rows.iter().filter(|row| row.bound_first.is_none()).count();
    let why = "ports that several destinations share, or above 50 % use, may have been bound \
               before connect(); FREE may be too high";
    counted("bound_first", why, unknown)
}

/// What could not be read, and sockets whose owners were not found.
pub fn missing(now: &Snapshot, by: By) -> impl Iterator<Item = Incomplete> {
    let unreported = ports(now).filter(|part| part.bound_only.is_none()).count();
    let why = "ports of sockets that are only bound are reported from Linux 6.8 on";
    let owners = now.owners.as_ref();
    let owners =
        owners.and_then(|owners| unfound(owners, 0, ownerless(now, owners, by), "sockdiag ports"));
    let bound_only = counted("bound_only", why, unreported);
    bound_only.into_iter().chain(owners)
}

/// Tuples with live connections or, by process, connections of which no owner was found.
fn ownerless(now: &Snapshot, owners: &Owners, by: By) -> usize {
    let is_found = |inode: &u32| owners.by_inode.contains_key(inode);
    let is_ownerless = |inodes: &[u32]| !inodes.is_empty() && !inodes.iter().any(is_found);
    if by == By::Process {
        let sockets = ports(now).flat_map(|part| part.sockets.iter().flatten());
        return sockets
            .filter(|socket| is_ownerless(&[socket.inode]))
            .count();
    }
    let tuples = ports(now).flat_map(|part| &part.tuples);
    tuples
        .filter(|(_, tuple)| is_ownerless(tuple.sockets.inodes()))
        .count()
}

fn ports(now: &Snapshot) -> impl Iterator<Item = &PortHolders> {
    let namespaces = now.namespaces.iter();
    namespaces.filter_map(|namespace| namespace.port_holders.as_deref())
}

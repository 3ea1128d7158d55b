//! What a report on ports does not hold although it was looked for.

use super::{By, Reading, TupleReport};
use crate::{
    analysis::holders::unfound,
    model::{Incomplete, Owners},
};

/// Of these tuples it is not known whether they take ports from all others.
pub fn untold(rows: &[TupleReport]) -> Option<Incomplete> {
    let untold = rows.iter().filter(|row| row.bound_first.is_none()).count();
    let why = "more than half of the range is held, so the ports do not tell whether bind() gave \
               them before connect(); if so, they are taken for every destination";
    (untold > 0).then(|| Incomplete::counted("bound_first", why, untold as u64))
}

/// What could not be read, and whose holders were not found.
pub fn missing(now: &Reading, by: By) -> Vec<Incomplete> {
    let mut missing = Vec::new();
    let untold = now.namespaces.iter().filter(|n| n.capacity.bound.is_none());
    let untold = untold.count() as u64;
    if untold > 0 {
        let why = "ports of sockets that are bound and no more: only Linux 6.8 and later tell";
        missing.push(Incomplete::counted("bound_only", why, untold));
    }
    if let Some(owners) = &now.owners {
        let unheld = unheld(now, owners, by);
        missing.extend(
            (unheld > 0)
                .then(|| unfound(owners, unheld, unheld))
                .flatten(),
        );
    }
    missing
}

/// Tuples with live connections, or connections by process, of which no holder was found.
fn unheld(now: &Reading, owners: &Owners, by: By) -> usize {
    let is_unheld = |inodes: &[u32]| {
        !inodes.is_empty()
            && !inodes
                .iter()
                .any(|inode| owners.by_inode.contains_key(inode))
    };
    let tallies = now.namespaces.iter().map(|namespace| &namespace.tally);
    match by {
        By::Process => tallies
            .flat_map(|tally| tally.held())
            .filter(|socket| is_unheld(&[socket.inode]))
            .count(),
        _ => tallies
            .flat_map(|tally| tally.tuples())
            .filter(|(_, tuple)| is_unheld(tuple.sockets.inodes()))
            .count(),
    }
}

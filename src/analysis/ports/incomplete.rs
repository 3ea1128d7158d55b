//! What a report on ports does not hold although it was looked for.

use super::{By, TupleReport};
use crate::{
    analysis::holders::unfound,
    model::{Incomplete, Owners, Snapshot, snapshot::PortHolders},
};

/// Of these tuples it is not known whether they take ports from all others.
pub fn untold(rows: &[TupleReport]) -> Option<Incomplete> {
    let untold = rows.iter().filter(|row| row.bound_first.is_none()).count();
    let why = "above 50 % use, ports bound before connect() cannot be distinguished from others; FREE may \
               be too high";
    (untold > 0).then(|| Incomplete::counted("bound_first", why, untold as u64))
}

/// What could not be read, and whose holders were not found.
pub fn missing(now: &Snapshot, by: By) -> Vec<Incomplete> {
    let mut missing = Vec::new();
    let unreported = ports(now).filter(|part| part.bound_only.is_none());
    let unreported = unreported.count() as u64;
    if unreported > 0 {
        let why = "ports of sockets that are only bound are reported from Linux 6.8 on";
        missing.push(Incomplete::counted("bound_only", why, unreported));
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
fn unheld(now: &Snapshot, owners: &Owners, by: By) -> usize {
    let is_unheld = |inodes: &[u32]| {
        !inodes.is_empty()
            && !inodes
                .iter()
                .any(|inode| owners.by_inode.contains_key(inode))
    };
    let parts = ports(now);
    match by {
        By::Process => parts
            .flat_map(|part| part.sockets.iter().flatten())
            .filter(|socket| is_unheld(&[socket.inode]))
            .count(),
        _ => parts
            .flat_map(|part| &part.tuples)
            .filter(|(_, tuple)| is_unheld(tuple.sockets.inodes()))
            .count(),
    }
}

fn ports(now: &Snapshot) -> impl Iterator<Item = &PortHolders> {
    let namespaces = now.namespaces.iter();
    namespaces.filter_map(|namespace| namespace.port_holders.as_deref())
}

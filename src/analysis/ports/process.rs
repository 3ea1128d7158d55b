//! A tuple's ports by the processes that own their sockets.

use std::collections::{BTreeMap, BTreeSet};

use super::{ProcessReport, States, TupleReport};
use crate::model::{
    Owner, Owners,
    snapshot::{HeldSocket, PortHolders},
};

/// The part of a tuple that a process owns; `None` for sockets without a known owner.
type Share = (usize, Option<ProcessReport>);

/// One row for each tuple and process that owns sockets of it, and one for the rest of it, which has
/// no owner or none that was found. A socket of several processes counts for each. `rows` are in the
/// order of the tuples.
pub fn by_process(rows: &[TupleReport], ports: &PortHolders, owners: &Owners) -> Vec<TupleReport> {
    let mut shares: BTreeMap<Share, States> = BTreeMap::new();
    let mut rest: Vec<States> = rows.iter().map(|row| row.states).collect();
    for socket in ports.sockets.iter().flatten() {
        let tuple = socket.tuple as usize;
        let processes = holders(socket, owners);
        if !processes.is_empty() {
            rest[tuple].remove(socket.state);
        }
        for process in processes {
            let share = shares.entry((tuple, Some(process))).or_default();
            share.add(socket.state, 1);
        }
    }
    let rest = rest.into_iter().enumerate();
    shares.extend(rest.map(|(tuple, states)| ((tuple, None), states)));
    let shares = shares.into_iter().filter(|(_, states)| states.sum() > 0);
    let rows = shares.map(|((tuple, process), states)| part(&rows[tuple], process, states));
    rows.collect()
}

/// Each process once, though it may have several descriptors of the socket.
fn holders(socket: &HeldSocket, owners: &Owners) -> BTreeSet<ProcessReport> {
    let found = owners.by_inode.get(&socket.inode);
    let process = |owner: &Owner| ProcessReport {
        pid: owner.pid,
        name: owner.name.clone(),
    };
    found.into_iter().flatten().map(process).collect()
}

/// A tuple's change cannot be divided among processes.
fn part(row: &TupleReport, process: Option<ProcessReport>, states: States) -> TupleReport {
    TupleReport {
        process,
        used: states.sum(),
        states,
        delta: None,
        per_second: None,
        owners: Vec::new(),
        ..row.clone()
    }
}

//! A tuple's ports, told apart by the processes that hold them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ProcessReport, States, TupleReport};
use crate::model::{
    Owners,
    snapshot::{HeldSocket, PortHolders},
};

/// The part of a tuple that a process has; `None` is nobody.
type Share = (usize, Option<ProcessReport>);

/// One line for each tuple and process that holds some of it, and one for the rest of it, which
/// nobody holds or whose holder was not found. A socket that several processes hold counts for each.
/// `rows` are in the order of the tuples.
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
    shares.extend(
        rest.into_iter()
            .enumerate()
            .map(|(tuple, states)| ((tuple, None), states)),
    );
    shares
        .into_iter()
        .filter(|(_, states)| states.sum() > 0)
        .map(|((tuple, process), states)| part(&rows[tuple], process, states))
        .collect()
}

/// Each process once, though it may hold the socket by several descriptors.
fn holders(socket: &HeldSocket, owners: &Owners) -> BTreeSet<ProcessReport> {
    let found = owners.by_inode.get(&socket.inode);
    let process = |owner: &crate::model::Owner| ProcessReport {
        pid: owner.pid,
        name: owner.name.clone(),
    };
    found.into_iter().flatten().map(process).collect()
}

/// What is a tuple's change cannot be told by process.
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

//! Why the owners of a listener do not accept: the cause of a queue that fills or is not drained.

mod blocked;
mod cause;
mod cpu;
mod memory;
mod owner;
mod stopped;
#[cfg(test)]
mod tests;

use super::Previous;
use crate::model::{NetnsSnapshot, Pressure, ProcessActivity, Queue, Snapshot};

pub use cause::Cause;
use cause::{Plight, joined};
use owner::{Owner, State};

/// Why nobody accepts from the listener with this inode, where its owners' activity was read.
///
/// `None` where an owner waits for its connections, or may do so as far as is known: a thread runs,
/// or sleeps in a call whose descriptors are unknown.
pub fn why(inode: u32, now: &Snapshot, before: Previous<'_>) -> Option<Cause> {
    let owners = now.owners.as_ref()?;
    let mut pids: Vec<u32> = owners
        .by_inode
        .get(&inode)?
        .iter()
        .map(|one| one.pid)
        .collect();
    pids.dedup();
    let earlier = before.map(|(snapshot, _)| snapshot);
    let host = earlier.and_then(|earlier| Some((now.pressure?, earlier.pressure?)));
    let processes = now.processes.as_ref();
    let connections_wait = has_waiting(inode, now);
    let mut hindered: Vec<(String, Plight)> = Vec::new();
    let mut idle: Vec<(String, Plight)> = Vec::new();
    for pid in pids {
        let process = now.activity.iter().find(|process| process.pid == pid)?;
        let owner = Owner {
            inode,
            now: process,
            before: earlier.and_then(|earlier| same(process, earlier)),
            host,
            nr_open: processes.and_then(|processes| processes.system.nr_open),
            connections_wait,
        };
        let name = format!("{} ({pid})", process.name);
        match owner.state() {
            State::MayAccept => return None,
            State::Hindered(plight) => hindered.push((name, plight)),
            State::Idle(plight) => idle.push((name, plight)),
        }
    }
    joined(hindered, idle, owners.complete)
}

/// The earlier reading of a process, and not of another one that had its id.
fn same<'a>(process: &ProcessActivity, earlier: &'a Snapshot) -> Option<&'a ProcessActivity> {
    let mut all = earlier.activity.iter();
    all.find(|other| {
        other.pid == process.pid && other.began == process.began && other.at < process.at
    })
}

/// Whether connections waited in the listener's accept queue; `false` where that is unknown.
fn has_waiting(inode: u32, now: &Snapshot) -> bool {
    let elsewhere = now.elsewhere.iter().flat_map(|part| &part.namespaces);
    let namespaces = now.namespaces.iter().chain(elsewhere);
    let mut listeners = namespaces.flat_map(NetnsSnapshot::sockets);
    let listener = listeners.find(|listener| listener.inode == inode);
    listener.is_some_and(|listener| matches!(listener.queue, Queue::Accept { length: 1.., .. }))
}

/// Of the host, now and before.
type HostPressures = Option<(Pressure, Pressure)>;

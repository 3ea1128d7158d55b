//! Why the owners of a listener do not accept: the cause of a queue that fills or is not drained.

mod blocked;
mod cause;
mod cpu;
mod memory;
mod owner;
mod stopped;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{
    Previous,
    rules::{HOST_CRITICAL, OWNER_BLOCKED, OWNER_BUSY, SHORTEST_WATCH_MS},
};
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
    let mut cause = joined(hindered, idle, owners.complete)?;
    let fails = [OWNER_BUSY.id, OWNER_BLOCKED.id].contains(&cause.rule.id);
    cause.inferred |= fails && is_out_of_files(now);
    Some(cause)
}

/// The earlier reading of a process, and not of another one that had its id.
fn same<'a>(process: &ProcessActivity, earlier: &'a Snapshot) -> Option<&'a ProcessActivity> {
    let mut all = earlier.activity.iter();
    let shortest = Duration::from_millis(SHORTEST_WATCH_MS);
    all.find(|other| {
        let is_same = other.pid == process.pid && other.began == process.began;
        is_same && process.at.saturating_sub(other.at) >= shortest
    })
}

/// accept() fails with ENFILE for all but root. A process that tries again at once, or after a
/// while, looks busy or asleep.
fn is_out_of_files(now: &Snapshot) -> bool {
    let system = now.processes.as_ref().map(|processes| &processes.system);
    let files = system.and_then(|system| system.open.zip(system.limit));
    files.is_some_and(|(open, limit)| open as f64 >= HOST_CRITICAL * limit as f64)
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

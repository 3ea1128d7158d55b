//! The queues of listeners: what sock_diag shows as one length (`struct request_sock_queue`,
//! include/net/request_sock.h).
//!
//! The iterator visits the listeners of a network namespace before its connections. To find the
//! first connection, the kernel may have to search the hash table of all connections of the host. The
//! program is given the number of listeners and ends the reading at the last one, by returning 1. The
//! kernel then discards what the program wrote to the iterator's file, so its records go to an array.
//!
//! The accept queue is a list of requests, the oldest first, each with the connection that waits.
//! It is read without its lock, so that it may change meanwhile; then its first member or its
//! length is another one afterwards, and only what needs no list is used.

mod assembly;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use rustix::time::{ClockId, clock_getres};

use super::{Program, Record, TCP_SOCKETS, Types, array::Array, number};
use crate::{
    Result,
    model::{Families, is_at_least, snapshot::QueueContents},
};
use assembly::{STRUCTURES, program};

const RECORD: Record = Record(56);
/// Where its parts are.
const INODE: usize = 0;
const BYTES: usize = 8;
const LENGTH: usize = 16;
const MEMBERS: usize = 20;
const LEFT: usize = 24;
const WAITED: usize = 28;
const REQUESTS: usize = 32;
const YOUNG: usize = 36;
const DEFERS: usize = 40;
const LENGTH_AFTER: usize = 44;
const CHANGED: usize = 48;
/// The array's first entry has other parts: how many listeners to read, how many were read, and of
/// which family they are, 0 for both.
const WANTED: usize = 0;
const COUNT: usize = 4;
const FAMILY: usize = 8;
/// How often to read queues that change while they are read.
const ATTEMPTS: u32 = 3;
/// The array has room for so many listeners at least, and at the most.
const LEAST_ROOM: u32 = 64;
const MOST_ROOM: u32 = 1 << 16;

/// Reads the queues of the listeners of a network namespace.
pub struct QueueReader {
    program: Program,
    entries: Array,
    room: u32,
    /// Nanoseconds between two ticks of the kernel's clock.
    tick: u64,
    /// It follows lists, see [`program`].
    follows: bool,
}

impl QueueReader {
    /// With room for this many listeners. Needs Linux 5.9.
    pub fn load(listeners: u32) -> Result<Self> {
        let types = Types::read(&TCP_SOCKETS, STRUCTURES)?;
        let release = rustix::system::uname();
        let follows = is_at_least(&release.release().to_string_lossy(), (6, 9)) == Some(true);
        let room = listeners.clamp(LEAST_ROOM, MOST_ROOM).next_power_of_two();
        let entries = Array::create(RECORD.0, room + 1)?;
        let program = program(&types, entries.descriptor(), follows)?;
        Ok(QueueReader {
            program: types.load(b"sockdiag_queues", program)?,
            entries,
            room,
            tick: tick(),
            follows,
        })
    }

    /// Whether a reader with more room could read more of this many listeners.
    pub fn is_too_small(&self, listeners: u32) -> bool {
        self.room < listeners.min(MOST_ROOM)
    }

    /// The queues of the calling thread's network namespace, which has this many TCP listeners of
    /// these families, by the listeners' inodes. With fewer than it has, the rest is missing.
    pub fn read(&self, families: Families, listeners: u32) -> Result<HashMap<u32, QueueContents>> {
        let mut found = HashMap::new();
        let wanted = listeners.min(self.room);
        for _ in 0..ATTEMPTS {
            add(&mut found, self.read_once(families, wanted)?);
            if !self.follows || found.values().all(has_settled) {
                break;
            }
        }
        Ok(found)
    }

    fn read_once(&self, families: Families, wanted: u32) -> Result<Vec<(u32, QueueContents)>> {
        let family = match (families.v4, families.v6) {
            (true, true) => 0,
            (true, false) => libc::AF_INET,
            (false, true) => libc::AF_INET6,
            (false, false) => return Ok(Vec::new()),
        };
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let mut first = [0; RECORD.0];
        for (at, value) in [(WANTED, wanted), (FAMILY, family as u32)] {
            first[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        self.entries.set_first(&first)?;
        self.program.run()?;
        let entries = self.entries.first(wanted + 1)?;
        let (first, records) = entries.split_at(RECORD.0);
        let count = u32::from_ne_bytes(number(first, COUNT)) as usize;
        let records = records.chunks_exact(RECORD.0).take(count);
        let found = records.map(|record| decode(record, self.tick));
        Ok(found.filter(|(inode, _)| *inode != 0).collect())
    }
}

/// Takes over what a reading shows, unless an earlier one found the queue settled and this one did not.
fn add(found: &mut HashMap<u32, QueueContents>, read: Vec<(u32, QueueContents)>) {
    for (inode, queue) in read {
        let known = found.entry(inode).or_insert(queue);
        if has_settled(&queue) || !has_settled(known) {
            *known = queue;
        }
    }
}

/// Whether the queue did not change while its members were read.
fn has_settled(queue: &QueueContents) -> bool {
    queue.abandoned.is_some()
}

/// `TICK_NSEC`, which the resolution of a coarse clock is (`KTIME_LOW_RES`).
fn tick() -> u64 {
    let resolution = clock_getres(ClockId::MonotonicCoarse);
    u64::try_from(resolution.tv_nsec).unwrap_or(0)
}

fn decode(record: &[u8], tick: u64) -> (u32, QueueContents) {
    let part = |at| u32::from_ne_bytes(number(record, at));
    let (length, members) = (part(LENGTH), part(MEMBERS));
    let has_settled = length == members && length == part(LENGTH_AFTER) && part(CHANGED) == 0;
    let waited = (length > 0).then(|| u64::from(part(WAITED)) * tick / 1_000_000);
    // A deferred handshake is not young either when its SYN-ACK was answered.
    let retried = part(REQUESTS).saturating_sub(part(YOUNG));
    let contents = QueueContents {
        length,
        oldest_wait_ms: waited.filter(|_| part(CHANGED) == 0),
        abandoned: has_settled.then(|| part(LEFT)),
        bytes: has_settled.then(|| u64::from_ne_bytes(number(record, BYTES))),
        requests: part(REQUESTS),
        unanswered: (part(DEFERS) == 0).then_some(retried),
    };
    (u64::from_ne_bytes(number(record, INODE)) as u32, contents)
}

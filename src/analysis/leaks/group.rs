//! Sockets of one service with the same problem.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    time::Duration,
};

use super::{LeakKind, age::TICK_MS, services::Services};
use crate::model::{Address, Endpoint, SocketRow, SocketState, snapshot::ServiceEnd};

/// The oldest sockets of a group that are remembered.
const SAMPLES: usize = 5;
/// The sockets of a group whose owners are searched for, beside the oldest.
const OWNED: usize = 256;
/// The oldest connections that are remembered while they wait for accept(2).
const WAITING: usize = 4096;
/// So many are old before a group counts as old: one alone may be an exception.
const OLD: usize = 3;

/// Sockets of one service with the same problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The index of the namespace.
    pub place: usize,
    pub kind: LeakKind,
    /// In CLOSE_WAIT, with data that the process has not read.
    pub unread: bool,
    /// A process has them open.
    pub held: bool,
    pub service: ServiceEnd,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub count: u64,
    pub states: BTreeMap<SocketState, u64>,
    pub unread_bytes: u64,
    /// Sockets in CLOSE_WAIT whose process has not read the end of the stream.
    pub end_unread: u64,
    /// Sockets in CLOSE_WAIT from which the process read data between the readings.
    pub draining: u64,
    /// Sockets with a peer at another address.
    pub remote: u64,
    /// The age of the oldest of these.
    pub oldest_remote_ms: Option<u64>,
    /// Where they wait for accept(2).
    pub listeners: Vec<Endpoint>,
    /// With their age, the oldest first.
    pub samples: Vec<(Option<u64>, Sample)>,
    /// Some that a process has open, in no order.
    inodes: Vec<u32>,
    /// The oldest connections that wait for accept(2), by age and cookie.
    waiting: BTreeSet<(u64, u64)>,
}

/// A socket of a group.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub state: SocketState,
    pub local: Endpoint,
    pub peer: Address,
    pub receive_queue: u32,
    pub send_queue: u32,
    pub inode: u32,
    pub cookie: u64,
}

impl Group {
    pub fn add(
        &mut self,
        socket: &SocketRow,
        unread: u32,
        (local, peer): (&Endpoint, Address),
        age_ms: Option<u64>,
    ) {
        self.count += 1;
        *self.states.entry(socket.state).or_default() += 1;
        self.unread_bytes += u64::from(unread);
        if is_remote(local, &peer) {
            self.remote += 1;
            self.oldest_remote_ms = self.oldest_remote_ms.max(age_ms);
        }
        if socket.inode != 0 && self.inodes.len() < OWNED {
            self.inodes.push(socket.inode);
        }
    }

    pub fn remember(&mut self, age_ms: Option<u64>, sample: Sample) {
        let at = self.samples.partition_point(|(age, _)| *age >= age_ms);
        if at < SAMPLES {
            self.samples.truncate(SAMPLES - 1);
            self.samples.insert(at, (age_ms, sample));
        }
    }

    /// A connection waits for accept(2).
    pub fn wait(&mut self, age_ms: Option<u64>, cookie: u64) {
        self.waiting.extend(age_ms.map(|age| (age, cookie)));
        if self.waiting.len() > WAITING {
            self.waiting.pop_first();
        }
    }

    /// The connections of which one has waited longest: ages are of whole ticks, and of the moments
    /// at which the sockets were read, in a reading that `took` so long. `None` where there may be
    /// more than are remembered.
    pub fn first_in_line(&self, took: Duration) -> Option<HashSet<u64>> {
        let slack = took.as_millis() as u64 + TICK_MS;
        let (oldest, _) = *self.waiting.last()?;
        let (youngest, _) = *self.waiting.first()?;
        let is_all = self.waiting.len() as u64 == self.count || youngest + slack < oldest;
        let first = self.waiting.iter().filter(|(age, _)| age + slack >= oldest);
        is_all.then(|| first.map(|(_, cookie)| *cookie).collect())
    }

    /// The connections that wait for accept(2), as far as they are remembered.
    pub fn cookies(&self) -> HashSet<u64> {
        self.waiting.iter().map(|(_, cookie)| *cookie).collect()
    }

    /// The age of the oldest, in milliseconds.
    pub fn oldest(&self) -> Option<u64> {
        self.samples.first()?.0
    }

    /// The age that several have reached, or all of a few.
    pub fn several(&self) -> Option<u64> {
        let last = self.samples.len().min(OLD).checked_sub(1)?;
        self.samples[last].0
    }

    /// The sockets whose owners the report names, the oldest first; for connections that wait for
    /// accept(2), the sockets that listen.
    pub fn owned(&self, place: &Services) -> Vec<u32> {
        if self.listeners.is_empty() {
            let oldest = self.samples.iter().map(|(_, sample)| sample.inode);
            let inodes = oldest.chain(self.inodes.iter().copied());
            return inodes.filter(|inode| *inode != 0).collect();
        }
        let all = || self.listeners.iter();
        let waited_for: Vec<u32> = all().flat_map(|at| place.waited_for(at)).collect();
        match waited_for.is_empty() {
            true => all().flat_map(|at| place.members(at)).collect(),
            false => waited_for,
        }
    }

    /// Whether owners are searched for some of them only.
    pub fn is_sampled(&self) -> bool {
        self.count > OWNED as u64
    }

    /// The sockets that share the address at which these connections wait.
    pub fn queues(&self, place: &Services) -> usize {
        let members = self.listeners.iter().map(|at| place.members(at).count());
        members.sum()
    }
}

/// A peer at the same address is in the same network stack, and cannot vanish without FIN or RST.
fn is_remote(local: &Endpoint, peer: &Address) -> bool {
    let canonical = |address: IpAddr| address.to_canonical();
    let (local, peer) = (canonical(local.address), canonical(peer.address));
    !peer.is_loopback() && local != peer
}

//! The queues of listeners, read from the sockets of the processes that hold them. It takes a fraction
//! of a millisecond for each process, where a scan over the connections of the host takes longer the
//! more there are, and cannot tell the members of a SO_REUSEPORT group apart.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::{
    Result,
    model::{
        ListenAddress, Listener, NetnsSnapshot, Protocol, Queue,
        snapshot::{QueueContents, Requests},
    },
    source::{BpfUse, Kernel, LowRound, QueueReader, SockDiag},
};

use super::{
    Namespaces,
    needs::{ListenerNeeds, Needs, OwnerNeeds},
};

/// With this many TCP sockets on the host, a scan takes as long as to read the kernel's types and to
/// load a program: about 10 ms.
const MANY_SOCKETS: i128 = 100_000;

#[derive(Default)]
pub struct ListenerQueues {
    /// `Some(None)` where it cannot be loaded.
    reader: Option<Option<QueueReader>>,
    /// Processes that held a listener in an earlier reading.
    holders: BTreeSet<u32>,
    /// Listeners whose holders were searched for and not found.
    sought: HashSet<u32>,
}

/// One reading.
#[derive(Default)]
pub struct Read {
    /// By inode.
    pub contents: HashMap<u32, QueueContents>,
    /// The search for holders, where one was made.
    pub low: Option<LowRound>,
}

impl ListenerQueues {
    /// The queues of the wanted listeners in these namespaces, as far as they can be read so and
    /// that saves time. An error says that this way is not possible, and is none for the caller.
    pub fn read(&mut self, kernel: &Kernel, needs: &Needs, namespaces: &Namespaces) -> Read {
        let wanted = needs.listeners.as_ref();
        let is_asked = (needs.half_open || needs.waiting) && needs.owners != OwnerNeeds::None;
        match wanted.filter(|_| is_asked && kernel.may_use_bpf()) {
            Some(wanted) => self
                .try_read(kernel, wanted, namespaces)
                .unwrap_or_default(),
            None => Read::default(),
        }
    }

    fn try_read(
        &mut self,
        kernel: &Kernel,
        wanted: &ListenerNeeds,
        namespaces: &Namespaces,
    ) -> Result<Read> {
        let listed = namespaces.ask(kernel, &mut Vec::new(), |namespace| {
            namespace.enter(|| listeners(wanted))?
        })?;
        if self.reader.is_none() {
            if !is_worthwhile(kernel, &listed)? {
                return Ok(Read::default());
            }
            self.reader = Some(QueueReader::load().ok());
        }
        let Some(Some(reader)) = &self.reader else {
            return Ok(Read::default());
        };
        let mut read = Read::default();
        for pid in &self.holders {
            reader.read(*pid, &mut read.contents)?;
        }
        let inodes: HashSet<u32> = listed.iter().flatten().map(|one| one.inode).collect();
        let is_unknown = |inode: &u32| !read.contents.contains_key(inode);
        self.sought.retain(|inode| inodes.contains(inode));
        if inodes
            .iter()
            .any(|inode| is_unknown(inode) && !self.sought.contains(inode))
        {
            let low = kernel.low_round(inodes.clone())?;
            let holders: BTreeSet<u32> = low.holders().collect();
            for pid in holders.difference(&self.holders) {
                reader.read(*pid, &mut read.contents)?;
            }
            self.sought = inodes;
            let contents = &read.contents;
            self.sought.retain(|inode| !contents.contains_key(inode));
            self.holders = holders;
            read.low = Some(low);
        }
        Ok(read)
    }
}

/// Adds the queues that were read to a namespace's listeners, and with them each queue's length at
/// that time. Returns whether request sockets need not be counted: all are known and few, and where
/// they come from, which only a scan shows, is of no account.
pub fn take_over(
    queues: &HashMap<u32, QueueContents>,
    needs: &Needs,
    part: &mut NetnsSnapshot,
) -> bool {
    let wanted = needs.listeners.clone().unwrap_or_default();
    let sockets = part.listeners.iter_mut();
    let mut are_known = true;
    for listener in sockets.flat_map(|part| &mut part.sockets) {
        let inode = listener.inode;
        let Some(length) = accept_queue(listener) else {
            continue;
        };
        let read = queues.get(&inode);
        if let Some(read) = read {
            *length = read.length;
            part.queues.insert(inode, *read);
        }
        let are_few = read.is_some_and(|read| read.requests < Requests::FEW);
        are_known &= are_few || !wanted.closer.has(listener);
    }
    let is_scanned = needs.of_all_listeners();
    needs.half_open && !is_scanned && are_known && !part.queues.is_empty()
}

/// The length of a TCP listener's accept queue.
fn accept_queue(listener: &mut Listener) -> Option<&mut u32> {
    match &mut listener.queue {
        Queue::Accept { length, .. } if listener.protocol != Protocol::Unix => Some(length),
        _ => None,
    }
}

/// The wanted TCP listeners of the calling thread's namespace.
fn listeners(wanted: &ListenerNeeds) -> Result<Vec<Listener>> {
    let mut found = Vec::new();
    SockDiag::open()?.listeners(wanted.families, &mut found)?;
    found.retain(|listener| listener.inode != 0 && wanted.closer.has(listener));
    Ok(found)
}

/// Where a scan would take longer, or could not tell whose queue a connection is in.
fn is_worthwhile(kernel: &Kernel, namespaces: &[Vec<Listener>]) -> Result<bool> {
    if namespaces.iter().all(Vec::is_empty) {
        return Ok(false);
    }
    // This count is of the whole host, as is the scan.
    let sockets = kernel.socket_counts()?.value("sockstat.TCP", "alloc");
    let is_forced = kernel.bpf() == BpfUse::Always;
    let is_shared = || namespaces.iter().any(|listeners| share_waiters(listeners));
    Ok(is_forced || sockets >= Some(MANY_SOCKETS) || is_shared())
}

/// Connections wait at an address that several sockets share, or for an MPTCP socket.
fn share_waiters(listeners: &[Listener]) -> bool {
    let mut places = HashSet::new();
    let mut queued = listeners
        .iter()
        .filter(|listener| matches!(listener.queue, Queue::Accept { length: 1.., .. }));
    queued.any(|listener| {
        let place = ListenAddress::of(listener);
        listener.protocol == Protocol::Mptcp || place.is_some_and(|place| !places.insert(place))
    })
}

//! The queues of listeners, read from the listeners themselves. It takes microseconds for each, where a
//! scan over the connections of the host takes longer the more there are, and cannot tell the members
//! of a SO_REUSEPORT group apart.

use std::collections::{HashMap, HashSet};

use crate::{
    model::{
        Families, ListenAddress, Listener, NetnsSnapshot, Protocol, Queue,
        snapshot::{QueueContents, Requests},
    },
    source::{BpfUse, Kernel, QueueReader},
};

use super::needs::Needs;

/// With this many TCP sockets on the host, a scan takes as long as to read the kernel's types and to
/// load a program: about 10 ms.
const MANY_SOCKETS: i128 = 100_000;

#[derive(Default)]
pub struct ListenerQueues {
    /// `Some(None)` where it cannot be loaded.
    reader: Option<Option<QueueReader>>,
}

impl ListenerQueues {
    /// The queues of these listeners, by inode, as far as they can be read so and that saves a scan,
    /// which is due or not. Asks in the calling thread's network namespace, whose TCP listeners of
    /// these families they are. An error says that this way is not possible, and is none for the
    /// caller.
    pub fn read(
        &mut self,
        kernel: &Kernel,
        families: Families,
        listeners: &[Listener],
        is_due: bool,
    ) -> HashMap<u32, QueueContents> {
        let of_tcp = listeners.iter().filter(|one| is_of_tcp(one));
        let count = of_tcp.count() as u32;
        let is_ready = match &self.reader {
            Some(Some(reader)) => !reader.is_too_small(count),
            Some(None) => true,
            None if is_worthwhile(kernel, listeners, is_due) => false,
            None => return HashMap::new(),
        };
        if !is_ready {
            self.reader = Some(QueueReader::load(count).ok());
        }
        let reader = self.reader.iter().flatten().next();
        let read = reader.and_then(|reader| reader.read(families, count).ok());
        read.unwrap_or_default()
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
        let are_few = match (queues.get(&inode), &mut listener.queue) {
            _ if listener.protocol == Protocol::Unix => continue,
            (Some(read), Queue::Accept { length, .. }) => {
                *length = read.length;
                part.queues.insert(inode, *read);
                read.requests < Requests::FEW
            }
            (None, Queue::Accept { .. }) => false,
            (_, Queue::Receive { .. }) => continue,
        };
        are_known &= are_few || !wanted.closer.has(listener);
    }
    let is_scanned = needs.of_all_listeners();
    needs.half_open && !is_scanned && are_known && !part.queues.is_empty()
}

fn is_of_tcp(listener: &Listener) -> bool {
    matches!(listener.queue, Queue::Accept { .. }) && listener.protocol != Protocol::Unix
}

/// Where a scan would take longer, or could not tell whose queue a connection is in.
fn is_worthwhile(kernel: &Kernel, listeners: &[Listener], is_due: bool) -> bool {
    let is_forced = kernel.bpf() == BpfUse::Always;
    let saves = is_forced || share_waiters(listeners) || (is_due && has_many_sockets(kernel));
    saves && listeners.iter().any(is_of_tcp) && kernel.may_use_bpf()
}

/// This count is of the whole host, as is the scan.
fn has_many_sockets(kernel: &Kernel) -> bool {
    let counts = kernel.socket_counts();
    counts.is_ok_and(|counts| counts.value("sockstat.TCP", "alloc") >= Some(MANY_SOCKETS))
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

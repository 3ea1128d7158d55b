//! Connections that nobody has accepted yet: sockets without an inode at a listener's port.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use crate::{
    Result,
    model::{
        Endpoint, Families, Family, Incomplete, Listener, Local, Protocol, Queue,
        snapshot::{QueueContents, WaitingConnections},
    },
    source::{Kernel, SockDiag},
};

use super::{needs::ListenerNeeds, walk::flaws};

/// How long to search.
pub const BUDGET: Duration = Duration::from_millis(250);

/// Reads the connections in the accept queues of these ports. Walks the sockets of the host
/// until as many were found as the queues are long; `None` when the time for that ran out.
pub fn read(
    kernel: &Kernel,
    families: Families,
    queued: &HashSet<(Family, u16)>,
    listeners: &[Listener],
    is_slow: bool,
    missing: &mut Vec<Incomplete>,
) -> Result<Option<WaitingConnections>> {
    if is_slow {
        let why = "not read: a scan of the sockets of this host takes longer than 250 ms";
        missing.push(Incomplete::new("waiting", why));
        return Ok(None);
    }
    let mut reader = Reader {
        diag: SockDiag::open()?,
        families,
        listeners,
        deadline: Instant::now() + BUDGET,
        found: WaitingConnections::default(),
        missing,
    };
    let opens = passive_opens(kernel)?;
    let begun = lengths(&reader.again()?);
    if !reader.walk(queued)? {
        let why = "reading the connections in accept queues took longer than 250 ms";
        reader.missing.push(Incomplete::new("waiting", why));
        return Ok(None);
    }
    let ended = lengths(&reader.again()?);
    reader.found.settled = lengths(listeners) == begun
        && begun == ended
        && opens.is_some()
        && opens == passive_opens(kernel)?;
    Ok(Some(reader.found))
}

struct Reader<'a> {
    diag: SockDiag,
    families: Families,
    listeners: &'a [Listener],
    deadline: Instant,
    found: WaitingConnections,
    missing: &'a mut Vec<Incomplete>,
}

impl Reader<'_> {
    /// `false` when time ran out before as many were found as the queues of these ports are long,
    /// whoever listens there.
    fn walk(&mut self, queued: &HashSet<(Family, u16)>) -> Result<bool> {
        let is_queued = |at: &Endpoint| queued.contains(&(at.family, at.port));
        let here = endpoints(self.listeners).filter(|(at, _)| is_queued(at));
        let wanted: u64 = here.map(|(_, length)| u64::from(length)).sum();
        let has = |family| queued.iter().any(|(other, _)| *other == family);
        let families = Families {
            v4: has(Family::V4),
            v6: has(Family::V6),
        };
        let ports: Vec<u16> = queued.iter().map(|(_, port)| *port).collect();
        let (mut found, mut late) = (0u64, false);
        let sockets = &mut self.found.sockets;
        let walk = self.diag.walk_waiting(families, &ports, |waiting| {
            if let Some(waiting) = waiting
                && is_queued(&waiting.local)
            {
                sockets.push(waiting);
                found += 1;
            }
            late = Instant::now() > self.deadline;
            if found >= wanted || late {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        self.missing.extend(flaws("waiting", walk));
        Ok(found >= wanted || !late)
    }

    fn again(&mut self) -> Result<Vec<Listener>> {
        let mut found = Vec::new();
        self.diag.listeners(self.families, &mut found)?;
        Ok(found)
    }
}

/// Where the wanted listeners are whose queue is not empty and of which it is not known already who
/// waits in it.
pub fn queued(
    needs: &ListenerNeeds,
    listeners: &[Listener],
    known: &BTreeMap<u32, QueueContents>,
) -> HashSet<(Family, u16)> {
    let is_known = |listener: &Listener| {
        let contents = known.get(&listener.inode);
        contents.is_some_and(|contents| contents.abandoned.is_some())
    };
    let wanted = listeners
        .iter()
        .filter(|listener| needs.closer.has(listener) && !is_known(listener));
    let queued = endpoints(wanted).filter(|(_, length)| *length > 0);
    queued.map(|(at, _)| (at.family, at.port)).collect()
}

/// TCP listeners: where, and how long the queue is.
pub fn endpoints<'a>(
    listeners: impl IntoIterator<Item = &'a Listener>,
) -> impl Iterator<Item = (Endpoint, u32)> {
    listeners
        .into_iter()
        .filter_map(|listener| match (&listener.local, listener.queue) {
            (Local::Inet(at), Queue::Accept { length, .. }) => Some((*at, length)),
            _ => None,
        })
}

/// Connections accepted by the kernel since the namespace was made.
fn passive_opens(kernel: &Kernel) -> Result<Option<i128>> {
    kernel.counter("snmp", "Tcp", "PassiveOpens")
}

fn lengths(listeners: &[Listener]) -> HashMap<u64, u32> {
    let lengths = listeners
        .iter()
        .filter_map(|listener| match listener.queue {
            Queue::Accept { length, .. } if listener.protocol != Protocol::Unix => {
                Some((listener.cookie, length))
            }
            _ => None,
        });
    lengths.collect()
}

//! Connections that nobody has accepted yet: sockets without an inode at a listener's port.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    time::{Duration, Instant},
};

use crate::{
    Result,
    model::{
        Endpoint, Family, Incomplete, Listener, Local, Protocol, Queue,
        snapshot::WaitingConnections,
    },
    source::{Kernel, SockDiag},
};

use super::{needs::ListenerNeeds, walk::flaws};

/// How long to search.
pub const BUDGET: Duration = Duration::from_millis(250);

/// Reads the connections in the accept queues that are not empty. Walks the sockets of the host
/// until as many were found as the queues are long; `None` when the time for that ran out.
pub fn read(
    kernel: &Kernel,
    needs: &ListenerNeeds,
    listeners: &[Listener],
    slow: &HashSet<Family>,
    missing: &mut Vec<Incomplete>,
) -> Result<Option<WaitingConnections>> {
    let mut reader = Reader {
        diag: SockDiag::open()?,
        needs,
        listeners,
        deadline: Instant::now() + BUDGET,
        found: WaitingConnections::default(),
        missing,
    };
    let queued = reader.queued();
    if queued.is_empty() {
        return Ok(Some(reader.found));
    }
    let opens = passive_opens(kernel)?;
    let begun = lengths(&reader.again()?);
    for family in needs.families.each() {
        let here: HashSet<u16> = queued
            .iter()
            .filter(|at| at.family == family)
            .map(|at| at.port)
            .collect();
        let whole = here.is_empty() || (!slow.contains(&family) && reader.walk(family, &here)?);
        if !whole {
            let why = "reading the connections in accept queues took longer than 250 ms";
            reader.missing.push(Incomplete::new("waiting", why));
            return Ok(None);
        }
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
    needs: &'a ListenerNeeds,
    listeners: &'a [Listener],
    deadline: Instant,
    found: WaitingConnections,
    missing: &'a mut Vec<Incomplete>,
}

impl Reader<'_> {
    /// Where the wanted listeners are whose queue is not empty.
    fn queued(&self) -> Vec<Endpoint> {
        let wanted = self.listeners.iter();
        let wanted = wanted.filter(|listener| self.needs.closer.has(listener));
        endpoints(wanted)
            .filter(|(_, length)| *length > 0)
            .map(|(endpoint, _)| endpoint)
            .collect()
    }

    /// `false` when time ran out before as many were found as the queues of these ports are long,
    /// whoever listens there.
    fn walk(&mut self, family: Family, ports: &HashSet<u16>) -> Result<bool> {
        let here = endpoints(self.listeners)
            .filter(|(at, _)| at.family == family && ports.contains(&at.port));
        let wanted: u64 = here.map(|(_, length)| u64::from(length)).sum();
        let ports: Vec<u16> = ports.iter().copied().collect();
        let (mut found, mut late) = (0u64, false);
        let sockets = &mut self.found.sockets;
        let walk = self.diag.walk_waiting(family, &ports, |waiting| {
            if let Some(waiting) = waiting
                && ports.contains(&waiting.local.port)
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
        for family in self.needs.families.each() {
            self.diag.listeners(family, &mut found)?;
        }
        Ok(found)
    }
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

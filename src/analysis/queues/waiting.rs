//! The connections in an accept queue.

use std::collections::HashMap;

use crate::model::{ListenAddress, ListenAddresses, Listener, Queue, snapshot::WaitingConnections};

/// Sums over the connections that wait at one address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiters {
    seen: u64,
    /// `None` when the age of no connection is known.
    pub oldest_wait_ms: Option<u64>,
    hung_up: u64,
    /// Unread bytes that arrived on them.
    pub bytes: u64,
}

pub fn by_address(
    reading: &WaitingConnections,
    addresses: &ListenAddresses,
) -> HashMap<ListenAddress, Waiters> {
    let mut sums: HashMap<ListenAddress, Waiters> = HashMap::new();
    for socket in &reading.sockets {
        let Some(place) = addresses.serving(&socket.local) else {
            continue;
        };
        let sum = sums.entry(place).or_default();
        sum.seen += 1;
        sum.hung_up += u64::from(socket.hung_up);
        sum.bytes += u64::from(socket.bytes);
        sum.oldest_wait_ms = sum.oldest_wait_ms.max(socket.wait_ms.map(u64::from));
    }
    sums
}

impl Waiters {
    /// Whether the sums are about a queue of this length: as many connections were seen as it counts
    /// or, where nothing changed during the table scan, fewer, as the others were reset.
    pub fn match_queue(&self, length: u32, settled: bool) -> bool {
        let length = u64::from(length);
        self.seen == length || (settled && self.seen < length)
    }

    /// Connections whose client has left: closed or half-closed ones, and the ones that the queue
    /// counts but the tables lack, because a reset removes a connection from the tables only.
    pub fn abandoned(&self, length: u32) -> u64 {
        self.hung_up + u64::from(length).saturating_sub(self.seen)
    }
}

/// Number of sockets with waiting connections at each address. A connection does not show in which
/// socket's queue it is, so that is known only where this is 1.
pub fn members_with_waiters(listeners: &[Listener]) -> HashMap<ListenAddress, u32> {
    let mut members = HashMap::new();
    let queued = |listener: &&Listener| matches!(listener.queue, Queue::Accept { length: 1.., .. });
    let queued = listeners.iter().filter(queued);
    for place in queued.filter_map(ListenAddress::of) {
        *members.entry(place).or_default() += 1;
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_counted_only_when_nothing_changed() {
        let waiters = Waiters {
            seen: 3,
            hung_up: 1,
            ..Waiters::default()
        };
        assert!(waiters.match_queue(5, true));
        assert_eq!(waiters.abandoned(5), 3);
        assert!(!waiters.match_queue(5, false));
        assert!(waiters.match_queue(3, false));
        assert_eq!(waiters.abandoned(3), 1);
        assert!(!waiters.match_queue(2, true), "more seen than counted");
    }
}

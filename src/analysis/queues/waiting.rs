//! What is known of the connections in an accept queue.

use std::collections::HashMap;

use crate::model::{ListenAddress, ListenAddresses, Listener, Queue, snapshot::WaitingConnections};

/// The connections waiting at one place, summed up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiters {
    seen: u64,
    /// `None` when no connection told its age.
    pub oldest_wait_ms: Option<u64>,
    hung_up: u64,
    /// Bytes that arrived on them.
    pub bytes: u64,
}

/// Sums up, by the address that the connections came in at.
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
    /// The sums speak of a queue of this length: as many were seen as it counts or, where nothing
    /// moved while they were looked for, fewer, as the rest has been reset.
    pub fn match_queue(&self, length: u32, settled: bool) -> bool {
        let length = u64::from(length);
        self.seen == length || (settled && self.seen < length)
    }

    /// Connections whose client has left: those seen to be closed or half-closed, and those that
    /// the queue counts and that are not to be seen any more, because a reset takes a connection
    /// out of the tables but not out of the queue.
    pub fn abandoned(&self, length: u32) -> u64 {
        self.hung_up + u64::from(length).saturating_sub(self.seen)
    }
}

/// How many sockets at each place have a queue that is not empty. Connections cannot be told apart
/// by member, so only where this is 1 is it known whose they are.
pub fn members_with_waiters(listeners: &[Listener]) -> HashMap<ListenAddress, u32> {
    let mut members = HashMap::new();
    let queued = |listener: &&Listener| matches!(listener.queue, Queue::Accept { length: 1.., .. });
    for place in listeners
        .iter()
        .filter(queued)
        .filter_map(ListenAddress::of)
    {
        *members.entry(place).or_default() += 1;
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_told_only_when_nothing_moved() {
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

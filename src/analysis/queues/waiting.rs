//! What is known of the connections in an accept queue.

use std::collections::HashMap;

use super::{
    WaitingReading,
    attribute::{Place, Places},
};
use crate::model::{Listener, Queue};

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

/// Sums up, by the place that the connections came in at.
pub fn by_place(reading: &WaitingReading, places: &Places) -> HashMap<Place, Waiters> {
    let mut sums: HashMap<Place, Waiters> = HashMap::new();
    for socket in &reading.sockets {
        let Some(place) = places.serving(&socket.local) else {
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
    /// More were seen than a queue of this length holds: connections came and went meanwhile, and
    /// no sum is that of one moment.
    pub fn outnumber(&self, queue_len: u32) -> bool {
        self.seen > u64::from(queue_len)
    }

    /// Connections whose client has left: those seen to be closed or half-closed and, where nothing
    /// moved while they were looked for, those that a queue of this length counts and that are not
    /// to be seen any more, because a reset takes a connection out of the tables but not out of the
    /// queue.
    pub fn abandoned(&self, queue_len: u32, settled: bool) -> u64 {
        let reset = u64::from(queue_len).saturating_sub(self.seen);
        self.hung_up + if settled { reset } else { 0 }
    }
}

/// How many sockets at each place have a queue that is not empty. Connections cannot be told apart
/// by member, so only where this is 1 is it known whose they are.
pub fn members_with_waiters(listeners: &[Listener]) -> HashMap<Place, u32> {
    let mut members = HashMap::new();
    let queued = |listener: &&Listener| matches!(listener.queue, Queue::Accept { length: 1.., .. });
    for place in listeners.iter().filter(queued).filter_map(Place::of) {
        *members.entry(place).or_default() += 1;
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_connection_is_counted_only_when_nothing_moved() {
        let waiters = Waiters {
            seen: 3,
            hung_up: 1,
            ..Waiters::default()
        };
        assert_eq!(waiters.abandoned(5, true), 3);
        assert_eq!(waiters.abandoned(5, false), 1);
        assert_eq!(waiters.abandoned(2, true), 1, "more seen than counted");
    }
}

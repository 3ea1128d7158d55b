//! TCP connections of a namespace counted by state.

use serde::{Deserialize, Serialize};

use crate::model::State;

/// How many connections are in each state, requests included (`syn_recv`).
///
/// ESTABLISHED is what the kernel counts (`Tcp CurrEstab`, which includes CLOSE_WAIT) less the
/// sockets in CLOSE_WAIT; the other states are counted one by one. The two are not read at one
/// instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTally {
    counts: [u64; State::ALL.len()],
}

impl ConnectionTally {
    pub fn add(&mut self, state: State) {
        self.counts[state.place()] += 1;
    }

    pub fn merge(&mut self, other: &ConnectionTally) {
        let counts = self.counts.iter_mut().zip(other.counts);
        counts.for_each(|(mine, theirs)| *mine += theirs);
    }

    pub fn count(&self, state: State) -> u64 {
        self.counts[state.place()]
    }

    /// Replaces the number of established connections by what `Tcp CurrEstab` implies.
    pub fn settle(&mut self, current_established: u64) {
        let close_wait = self.count(State::CloseWait);
        self.counts[State::Established.place()] = current_established.saturating_sub(close_wait);
    }
}

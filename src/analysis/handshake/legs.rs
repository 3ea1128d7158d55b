//! Attempts whose SYN is the same packet before and behind a translation of addresses.

use std::collections::HashMap;

use super::{attempt::Attempt, history::FlowKey};

/// What a translation mostly leaves as it is: the client's port and initial sequence number.
type Leg = (u16, u32);

/// The last attempt of each leg.
#[derive(Debug, Default)]
pub struct Legs(HashMap<Leg, FlowKey>);

impl Legs {
    /// Returns the attempt that was the last of this leg before.
    pub fn replace(&mut self, key: FlowKey, attempt: &Attempt) -> Option<FlowKey> {
        self.0.insert(leg(attempt)?, key)
    }

    pub fn forget(&mut self, key: FlowKey, attempt: &Attempt) {
        if let Some(leg) = leg(attempt)
            && self.0.get(&leg) == Some(&key)
        {
            self.0.remove(&leg);
        }
    }
}

fn leg(attempt: &Attempt) -> Option<Leg> {
    Some((attempt.client.port, attempt.syn.as_ref()?.sequence()))
}

//! Handshakes that have gone without an answer for a while, and may go on so for minutes.

use crate::model::Address;

/// All of them at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: u64,
    /// The one that has waited longest: its server, and for how many nanoseconds.
    pub longest: Option<(Address, u64)>,
}

impl Waiting {
    /// Counts one that has waited so many nanoseconds.
    pub fn add(&mut self, server: Address, nanoseconds: u64) {
        self.count += 1;
        if self
            .longest
            .is_none_or(|(_, longest)| nanoseconds > longest)
        {
            self.longest = Some((server, nanoseconds));
        }
    }
}

//! Where in a file there is room for comments.

use std::collections::VecDeque;

/// How many are remembered, at 16 bytes each.
const MOST: usize = 1 << 20;

/// The latest, by number of their packet, which only grows.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    latest: VecDeque<(u64, u64)>,
}

impl Rooms {
    /// Remembers one, and forgets the oldest when there are too many.
    pub fn add(&mut self, packet_number: u64, place: u64) {
        if self.latest.len() == MOST {
            self.latest.pop_front();
        }
        self.latest.push_back((packet_number, place));
    }

    /// Where that of a packet begins.
    pub fn find(&self, packet_number: u64) -> Option<u64> {
        let found = self
            .latest
            .binary_search_by_key(&packet_number, |(number, _)| *number);
        found.ok().map(|at| self.latest[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_are_remembered() {
        let mut rooms = Rooms::default();
        for number in 1..=MOST as u64 + 2 {
            rooms.add(number * 2, number * 100);
        }
        assert_eq!(rooms.find(4), None);
        assert_eq!(rooms.find(6), Some(300));
        assert_eq!(rooms.find(7), None);
        assert_eq!(rooms.find(MOST as u64 * 2), Some(MOST as u64 * 100));
    }
}

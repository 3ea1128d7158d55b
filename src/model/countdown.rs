//! When timewait sockets expire: how many have how many seconds left.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kernel keeps one for a minute at most (`TCP_TIMEWAIT_LEN`, include/net/tcp.h); the last place
/// is for what claims more.
const SECONDS: usize = 61;
/// This many are kept one by one, without an allocation.
const FEW: usize = 14;

/// How long each of many timewait sockets has left, to the second.
#[derive(Debug, Clone)]
pub struct Countdown(Left);

#[derive(Debug, Clone)]
enum Left {
    Few { seconds: [u8; FEW], len: u8 },
    Many(Box<[u32; SECONDS]>),
}

impl Default for Countdown {
    fn default() -> Self {
        Countdown(Left::Few {
            seconds: [0; FEW],
            len: 0,
        })
    }
}

impl PartialEq for Countdown {
    fn eq(&self, other: &Self) -> bool {
        (0..SECONDS)
            .all(|second| self.between(second, second + 1) == other.between(second, second + 1))
    }
}

impl Eq for Countdown {}

/// A list of seconds and how many have that many left.
impl Serialize for Countdown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.each())
    }
}

impl<'de> Deserialize<'de> for Countdown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut countdown = Countdown::default();
        for (second, count) in Vec::<(usize, u32)>::deserialize(deserializer)? {
            countdown.add_second(second.min(SECONDS - 1), count);
        }
        Ok(countdown)
    }
}

impl Countdown {
    /// Counts a socket that has this many milliseconds left.
    pub fn add(&mut self, left_ms: u32) {
        let second = (left_ms / 1000).min(SECONDS as u32 - 1);
        self.add_second(second as usize, 1);
    }

    pub fn merge(&mut self, other: &Countdown) {
        for (second, count) in other.each() {
            self.add_second(second, count);
        }
    }

    fn add_second(&mut self, second: usize, count: u32) {
        if let Left::Few { seconds, len } = &mut self.0 {
            let end = usize::from(*len) + count as usize;
            if let Some(free) = seconds.get_mut(usize::from(*len)..end) {
                free.fill(second as u8);
                *len = end as u8;
                return;
            }
            self.spread();
        }
        if let Left::Many(counts) = &mut self.0 {
            counts[second] += count;
        }
    }

    fn spread(&mut self) {
        let mut counts = Box::new([0; SECONDS]);
        for (second, count) in self.each() {
            counts[second] += count;
        }
        self.0 = Left::Many(counts);
    }

    /// Seconds left, and how many have so much; a second may come more than once.
    fn each(&self) -> impl Iterator<Item = (usize, u32)> {
        let (few, many): (&[u8], &[u32]) = match &self.0 {
            Left::Few { seconds, len } => (&seconds[..usize::from(*len)], &[]),
            Left::Many(counts) => (&[], &**counts),
        };
        let few = few.iter().map(|second| (usize::from(*second), 1));
        few.chain(
            many.iter()
                .copied()
                .enumerate()
                .filter(|(_, count)| *count > 0),
        )
    }

    pub fn count(&self) -> u64 {
        self.each().map(|(_, count)| u64::from(count)).sum()
    }

    /// How many expire within this many seconds, interpolated within the last, partial second.
    pub fn within(&self, seconds: f64) -> f64 {
        let part = |second: usize| (seconds - second as f64).clamp(0.0, 1.0);
        self.each()
            .map(|(second, count)| f64::from(count) * part(second))
            .fold(0.0, |sum, count| sum + count)
    }

    /// How many have from `low` to less than `high` seconds left.
    pub fn between(&self, low: usize, high: usize) -> u64 {
        let is_between = |(second, _): &(usize, u32)| (low..high).contains(second);
        self.each()
            .filter(is_between)
            .map(|(_, count)| u64::from(count))
            .sum()
    }

    /// The seconds that half of them do not exceed; `None` when there is none.
    pub fn median(&self) -> Option<u64> {
        let half = self.count().div_ceil(2).max(1);
        (0..SECONDS)
            .find(|second| self.between(0, second + 1) >= half)
            .map(|second| second as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn countdown(left: &[u32]) -> Countdown {
        let mut countdown = Countdown::default();
        left.iter().for_each(|left| countdown.add(*left));
        countdown
    }

    proptest! {
        #[test]
        fn it_tells_what_the_numbers_tell(
            mut left in prop::collection::vec(0u32..60_000, 0..100),
            split in 0usize..100,
        ) {
            let (one, other) = left.split_at(split.min(left.len()));
            let mut all = countdown(one);
            all.merge(&countdown(other));
            prop_assert_eq!(all.count(), left.len() as u64);
            let soon = left.iter().filter(|left| **left < 10_000).count();
            prop_assert_eq!(all.within(10.0) as usize, soon);
            prop_assert_eq!(all.between(0, 10), soon as u64);
            left.sort_unstable();
            let median = left.get(left.len().div_ceil(2).max(1) - 1);
            prop_assert_eq!(all.median(), median.map(|left| u64::from(left / 1000)));
        }
    }

    #[test]
    fn a_part_of_a_second_is_a_part_of_those_that_have_it() {
        assert_eq!(countdown(&[500, 400, 1500, 1600]).within(1.5), 3.0);
        assert_eq!(countdown(&[90_000]).within(f64::INFINITY), 1.0);
    }

    #[test]
    fn a_minute_and_more_is_the_last_second() {
        let longest = countdown(&[60_000, 60_000, 90_000]);
        assert_eq!(longest.median(), Some(60));
        assert_eq!(longest.within(60.0), 0.0);
    }
}

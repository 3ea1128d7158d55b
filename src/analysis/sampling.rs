//! How a number was spread over many samples.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use schemars::JsonSchema;
use serde::Serialize;

/// Takes reports as samples, and puts into a last one what they tell together.
pub trait Sampling<R> {
    /// Takes one.
    fn add(&mut self, report: &R);

    /// Puts the spread of what was taken into a report.
    fn fill(&mut self, report: &mut R);
}

/// A number over many samples.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Spread {
    /// How many samples.
    pub samples: u64,
    /// The smallest.
    pub minimum: u64,
    /// The mean.
    pub mean: f64,
    /// 95 of 100 samples do not exceed this.
    pub p95: u64,
    /// The largest.
    pub maximum: u64,
}

/// Numbers of things that come and go, over many samples: one that is not there counts 0 then.
#[derive(Debug, Clone)]
pub struct Spreads<K> {
    seen: HashMap<K, Distribution>,
    samples: u64,
}

impl<K> Default for Spreads<K> {
    fn default() -> Self {
        Spreads {
            seen: HashMap::new(),
            samples: 0,
        }
    }
}

impl<K: Eq + Hash> Spreads<K> {
    /// Takes one sample of all there is.
    pub fn add(&mut self, numbers: impl IntoIterator<Item = (K, u64)>) {
        self.samples += 1;
        for (key, number) in numbers {
            self.seen.entry(key).or_default().add(number);
        }
    }

    /// The spread of one; `None` before the first sample.
    pub fn of(&mut self, key: K) -> Option<Spread> {
        let seen = self.seen.entry(key).or_default();
        for _ in seen.samples()..self.samples {
            seen.add(0);
        }
        seen.spread()
    }
}

/// Counts how often each value was seen: exact, and no larger than the number of different values,
/// however long the sampling goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    seen: BTreeMap<u64, u64>,
    samples: u64,
}

impl Distribution {
    /// Takes one sample.
    pub fn add(&mut self, value: u64) {
        *self.seen.entry(value).or_default() += 1;
        self.samples += 1;
    }

    /// How many samples were taken.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// The smallest sample.
    pub fn minimum(&self) -> Option<u64> {
        self.seen.keys().next().copied()
    }

    /// The largest sample.
    pub fn maximum(&self) -> Option<u64> {
        self.seen.keys().next_back().copied()
    }

    /// All of it; `None` without a sample.
    pub fn spread(&self) -> Option<Spread> {
        Some(Spread {
            samples: self.samples,
            minimum: self.minimum()?,
            mean: self.mean()?,
            p95: self.percentile(95)?,
            maximum: self.maximum()?,
        })
    }

    /// The arithmetic mean.
    pub fn mean(&self) -> Option<f64> {
        let sum: f64 = self
            .seen
            .iter()
            .map(|(value, count)| *value as f64 * *count as f64)
            .sum();
        (self.samples > 0).then(|| sum / self.samples as f64)
    }

    /// The smallest value that so many of a hundred samples do not exceed.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.samples * percent).div_ceil(100).max(1);
        let mut passed = 0;
        self.seen.iter().find_map(|(value, count)| {
            passed += count;
            (passed >= rank).then_some(*value)
        })
    }
}

impl FromIterator<u64> for Distribution {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        let mut distribution = Distribution::default();
        values.into_iter().for_each(|value| distribution.add(value));
        distribution
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_seen_gives_nothing() {
        let empty = Distribution::default();
        assert_eq!(
            (empty.minimum(), empty.mean(), empty.percentile(95)),
            (None, None, None)
        );
    }

    #[test]
    fn a_burst_in_one_sample_of_twenty_is_the_maximum_and_not_the_p95() {
        let seen: Distribution = [[0; 19].as_slice(), &[129]].concat().into_iter().collect();
        assert_eq!(seen.percentile(95), Some(0));
        assert_eq!(seen.maximum(), Some(129));
        assert_eq!(seen.mean(), Some(6.45));
    }

    #[test]
    fn a_spread_tells_each_measure_apart() {
        let seen: Distribution = (1..=19).chain([100]).collect();
        let expected = Spread {
            samples: 20,
            minimum: 1,
            mean: 14.5,
            p95: 19,
            maximum: 100,
        };
        assert_eq!(seen.spread(), Some(expected));
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_sorted_samples_rank(mut values in prop::collection::vec(0u64..50, 1..200), percent in 1usize..=100) {
            let seen: Distribution = values.iter().copied().collect();
            values.sort_unstable();
            let rank = (values.len() * percent).div_ceil(100);
            prop_assert_eq!(seen.percentile(percent as u64), Some(values[rank - 1]));
        }
    }
}

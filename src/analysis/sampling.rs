//! The spread of a number over many samples (`--for`).

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;

/// Collects reports as samples, and adds their spread to the last report.
pub trait Sampling<R> {
    /// Adds a report as one sample.
    fn add(&mut self, report: &R);

    /// Writes the spread of the samples into a report.
    fn fill(&mut self, report: &mut R);
}

/// A number over many samples.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Spread")]
pub struct Spread<T = u64> {
    /// Number of samples.
    pub samples: u64,
    /// The smallest sample.
    pub minimum: T,
    /// The arithmetic mean.
    pub mean: f64,
    /// 95 of 100 samples do not exceed this.
    pub p95: T,
    /// The largest sample.
    pub maximum: T,
}

/// Numbers of things that come and go: a thing counts 0 in a sample that lacks it.
#[derive(Debug, Clone, Default)]
pub struct Spreads<K> {
    seen: HashMap<K, Distribution>,
    samples: u64,
}

impl<K: Eq + Hash> Spreads<K> {
    pub fn add(&mut self, numbers: impl IntoIterator<Item = (K, u64)>) {
        self.samples += 1;
        for (key, number) in numbers {
            self.seen.entry(key).or_default().add(number);
        }
    }

    /// The keys that samples had and these are not, in order.
    pub fn beside<'a>(&self, keys: impl Iterator<Item = &'a K>) -> Vec<K>
    where
        K: Ord + Clone + 'a,
    {
        let keys: HashSet<&K> = keys.collect();
        let others = self.seen.keys().filter(|key| !keys.contains(key));
        let mut others: Vec<K> = others.cloned().collect();
        others.sort();
        others
    }

    /// `None` before the first sample.
    pub fn of(&mut self, key: K) -> Option<Spread> {
        let seen = self.seen.entry(key).or_default();
        for _ in seen.samples..self.samples {
            seen.add(0);
        }
        seen.spread()
    }
}

/// How numbers of things that come and go change over time: the slope of the line with the least
/// squares of distances. A thing counts 0 in a sample that lacks it. The sums are of whole numbers,
/// so that what does not change has a slope of 0.
#[derive(Debug, Clone, Default)]
pub struct Slopes<K> {
    seen: HashMap<K, Sums>,
    /// Since the first sample, microseconds.
    time: i128,
    samples: i128,
    times: i128,
    squares: i128,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    numbers: i128,
    /// Number × time.
    products: i128,
}

impl<K: Eq + Hash> Slopes<K> {
    /// `since`: the time since the previous sample.
    pub fn add(&mut self, since: Duration, numbers: impl IntoIterator<Item = (K, u64)>) {
        if self.samples > 0 {
            self.time += since.as_micros().cast_signed();
        }
        self.samples += 1;
        self.times += self.time;
        self.squares += self.time * self.time;
        for (key, number) in numbers {
            let sums = self.seen.entry(key).or_default();
            sums.numbers += i128::from(number);
            sums.products += i128::from(number) * self.time;
        }
    }

    /// `None` before the second sample.
    pub fn per_second(&self, key: &K) -> Option<f64> {
        let sums = self.seen.get(key).copied().unwrap_or_default();
        let spread = self.samples * self.squares - self.times * self.times;
        let common = self.samples * sums.products - self.times * sums.numbers;
        (spread > 0).then(|| common as f64 / spread as f64 * 1e6)
    }
}

/// Counts how often each value was seen: exact, and small where values repeat.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    seen: BTreeMap<u64, u64>,
    samples: u64,
}

impl Distribution {
    pub fn add(&mut self, value: u64) {
        *self.seen.entry(value).or_default() += 1;
        self.samples += 1;
    }

    /// `None` without a sample.
    pub fn spread(&self) -> Option<Spread> {
        let seen = self.seen.iter();
        let products = seen.map(|(value, count)| *value as f64 * *count as f64);
        Some(Spread {
            samples: self.samples,
            minimum: *self.seen.first_key_value()?.0,
            mean: products.sum::<f64>() / self.samples as f64,
            p95: self.percentile(95)?,
            maximum: *self.seen.last_key_value()?.0,
        })
    }

    /// The smallest value that this many of a hundred samples do not exceed.
    fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.samples * percent).div_ceil(100).max(1);
        let mut passed = 0;
        self.seen.iter().find_map(|(value, count)| {
            passed += count;
            (passed >= rank).then_some(*value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl FromIterator<u64> for Distribution {
        fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
            let mut distribution = Distribution::default();
            values.into_iter().for_each(|value| distribution.add(value));
            distribution
        }
    }

    #[test]
    fn no_samples_have_no_spread() {
        let empty = Distribution::default();
        assert_eq!((empty.spread(), empty.percentile(95)), (None, None));
    }

    #[test]
    fn a_burst_in_one_sample_of_twenty_is_the_maximum_and_not_the_p95() {
        let seen: Distribution = [[0; 19].as_slice(), &[129]].concat().into_iter().collect();
        let spread = seen.spread().unwrap();
        assert_eq!((spread.p95, spread.maximum, spread.mean), (0, 129, 6.45));
    }

    #[test]
    fn a_spread_has_every_measure() {
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

    #[test]
    fn a_slope_is_that_of_the_best_line() {
        let mut slopes = Slopes::default();
        let mut add = |numbers: &[(&'static str, u64)]| {
            slopes.add(Duration::from_secs(2), numbers.iter().copied());
            slopes.clone()
        };
        assert_eq!(
            add(&[("grows", 10), ("goes", 8)]).per_second(&"grows"),
            None
        );
        add(&[("grows", 14), ("goes", 4), ("wobbles", 3)]);
        let three = add(&[("grows", 18)]);
        for (key, slope) in [
            ("grows", 2.0),
            ("goes", -2.0),
            ("wobbles", 0.0),
            ("none", 0.0),
        ] {
            assert_eq!(three.per_second(&key), Some(slope), "{key}");
        }
    }

    proptest! {
        #[test]
        fn what_does_not_change_has_no_slope(number in 0u64..2_000_000, times in prop::collection::vec(1u64..100_000_000, 2..50)) {
            let mut slopes = Slopes::default();
            for time in times {
                slopes.add(Duration::from_micros(time), [((), number)]);
            }
            prop_assert_eq!(slopes.per_second(&()), Some(0.0));
        }

        #[test]
        fn a_percentile_is_the_sorted_samples_rank(mut values in prop::collection::vec(0u64..50, 1..200), percent in 1usize..=100) {
            let seen: Distribution = values.iter().copied().collect();
            values.sort_unstable();
            let rank = (values.len() * percent).div_ceil(100);
            prop_assert_eq!(seen.percentile(percent as u64), Some(values[rank - 1]));
        }
    }
}

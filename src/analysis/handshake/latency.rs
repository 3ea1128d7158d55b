//! The distribution of a duration over many handshakes, in little memory.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::Serialize;

/// Decimal digits that percentiles are exact to.
const DIGITS: u8 = 2;
/// Almost three hours; longer durations count as this one.
const LONGEST_US: f64 = 1e10;
/// Shorter durations share the first bar.
const SHORTEST_MS: f64 = 1.0 / 1024.0;

#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// In microseconds; created by the first duration.
    seen: Option<Histogram<u32>>,
    max: f64,
}

/// Percentiles in milliseconds, exact to 1 %; `null` when nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, JsonSchema)]
pub struct Percentiles {
    /// Half took no longer.
    pub p50: Option<f64>,
    /// 90 of 100 took no longer.
    pub p90: Option<f64>,
    /// 99 of 100 took no longer.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

/// The handshakes of one range of durations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Bar {
    /// The upper end of the range, a power of two; the lower end is that of the previous bar.
    pub up_to_ms: f64,
    /// Number of handshakes.
    pub count: u64,
}

impl Latencies {
    pub fn add(&mut self, milliseconds: Option<f64>) {
        let Some(milliseconds) = milliseconds else {
            return;
        };
        let microseconds = (milliseconds * 1000.0).round().clamp(1.0, LONGEST_US) as u64;
        let empty = || Histogram::new(DIGITS).expect("two digits are supported");
        let seen = self.seen.get_or_insert_with(empty);
        seen.record(microseconds)
            .expect("a histogram that resizes has room for every number");
        self.max = self.max.max(milliseconds);
    }

    pub fn percentiles(&self) -> Percentiles {
        let Some(seen) = self.seen.as_ref().filter(|seen| !seen.is_empty()) else {
            return Percentiles::default();
        };
        let at = |quantile| {
            let upper = seen.value_at_quantile(quantile) as f64 / 1000.0;
            Some(upper.min(self.max))
        };
        Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: Some(self.max),
        }
    }
}

/// Counts by power of two of milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Bars(BTreeMap<i32, u64>);

impl Bars {
    pub fn add(&mut self, milliseconds: Option<f64>) {
        let exponent = |ms: f64| ms.max(SHORTEST_MS).log2().ceil() as i32;
        if let Some(exponent) = milliseconds.map(exponent) {
            *self.0.entry(exponent).or_default() += 1;
        }
    }

    /// From the shortest to the longest, with empty bars between them.
    pub fn all(&self) -> Vec<Bar> {
        let ends = self.0.keys().next().zip(self.0.keys().next_back());
        let bar = |exponent: i32| Bar {
            up_to_ms: 2f64.powi(exponent),
            count: self.0.get(&exponent).copied().unwrap_or(0),
        };
        ends.map_or(Vec::new(), |(first, last)| {
            (*first..=*last).map(bar).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(all: impl IntoIterator<Item = f64>) -> Latencies {
        let mut latencies = Latencies::default();
        all.into_iter().for_each(|one| latencies.add(Some(one)));
        latencies
    }

    #[test]
    fn percentiles_are_exact_to_one_in_a_hundred() {
        let found = latencies((1..=1000).map(f64::from)).percentiles();
        for (value, wanted) in [(found.p50, 500.0), (found.p90, 900.0), (found.p99, 990.0)] {
            assert!((value.unwrap() / wanted - 1.0).abs() < 0.01, "{found:?}");
        }
        assert_eq!(found.max, Some(1000.0));
    }

    #[test]
    fn without_any_there_are_none() {
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
        assert_eq!(Bars::default().all(), []);
    }

    #[test]
    fn bars_have_no_gap() {
        let mut bars = Bars::default();
        [0.9, 1.0, 1.001, 7.0]
            .iter()
            .for_each(|one| bars.add(Some(*one)));
        let bars = bars.all();
        let counts: Vec<_> = bars.iter().map(|bar| (bar.up_to_ms, bar.count)).collect();
        assert_eq!(counts, [(1.0, 2), (2.0, 1), (4.0, 0), (8.0, 1)]);
    }
}

//! What several runs of one command cost.

use std::cmp::Ordering;
use std::time::Duration;

use crate::measure::Cost;

/// Never empty where it stands for a measured command.
#[derive(Default)]
pub struct Series(Vec<Cost>);

impl Series {
    pub fn push(&mut self, cost: Cost) {
        self.0.push(cost);
    }

    pub fn wall(&self) -> Duration {
        median(self.0.iter().map(|cost| cost.wall))
    }

    pub fn fastest(&self) -> Duration {
        self.0
            .iter()
            .map(|cost| cost.wall)
            .min()
            .unwrap_or_default()
    }

    /// The median of the rounds' ratios of wall time. Both ran within seconds of each other in each
    /// round, so this hardly moves when the machine gets busier from one round to the next.
    pub fn ratio_to(&self, other: &Series) -> f64 {
        let rounds = self.0.iter().zip(&other.0);
        median(rounds.map(|(mine, its)| mine.wall.as_secs_f64() / its.wall.as_secs_f64()))
    }

    pub fn cpu(&self) -> Duration {
        median(self.0.iter().map(|cost| cost.cpu))
    }

    pub fn peak_bytes(&self) -> u64 {
        self.0
            .iter()
            .map(|cost| cost.peak_bytes)
            .max()
            .unwrap_or_default()
    }
}

fn median<T: Copy + PartialOrd + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

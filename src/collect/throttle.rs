//! Work that is repeated in a loop but must not take more than a share of a core.

use std::time::{Duration, Instant};

/// A leaky bucket: work fills it by what it cost, and time drains it.
#[derive(Debug, Clone, Copy)]
pub struct Throttle {
    parts: u32,
    allowance: Duration,
    debt: Duration,
    at: Option<Instant>,
}

impl Throttle {
    /// Allows work for one part in `parts` of the time.
    pub fn one_in(parts: u32) -> Self {
        Throttle {
            parts,
            allowance: Duration::ZERO,
            debt: Duration::ZERO,
            at: None,
        }
    }

    /// Allows this much at once as well, so that what is cheap is repeated as often as it is wanted
    /// for a while.
    pub fn allowing(self, allowance: Duration) -> Self {
        Throttle { allowance, ..self }
    }

    pub fn is_due(&self) -> bool {
        self.debt() <= self.allowance
    }

    /// Whether nothing of the allowance is used: for what need not be done soon.
    pub fn is_paid(&self) -> bool {
        self.debt().is_zero()
    }

    /// Does the work if it may be done.
    pub fn run<T>(&mut self, work: impl FnOnce() -> T) -> Option<T> {
        if !self.is_due() {
            return None;
        }
        let begun = Instant::now();
        let result = work();
        self.spent(begun.elapsed());
        Some(result)
    }

    /// It was done just now, and took this much time of one core.
    pub fn spent(&mut self, cost: Duration) {
        self.debt = self.debt() + cost;
        self.at = Some(Instant::now());
    }

    fn debt(&self) -> Duration {
        let drained = self
            .at
            .map_or(Duration::ZERO, |at| at.elapsed() / self.parts);
        self.debt.saturating_sub(drained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn what_was_done_is_not_due_until_its_cost_has_drained() {
        let mut throttle = Throttle::one_in(10);
        assert!(throttle.is_due());
        throttle.spent(HOUR);
        assert!(!throttle.is_due());
        throttle.at = throttle.at.map(|at| at - HOUR * 10);
        assert!(throttle.is_due());
        assert_eq!(throttle.run(|| 7), Some(7));
    }

    #[test]
    fn an_allowance_is_spent_once_and_a_long_rest_earns_no_more() {
        let mut throttle = Throttle::one_in(10).allowing(HOUR);
        assert!(throttle.is_paid());
        throttle.spent(HOUR);
        assert!(throttle.is_due() && !throttle.is_paid());
        throttle.spent(HOUR);
        assert!(!throttle.is_due());
        throttle.at = throttle.at.map(|at| at - HOUR * 1000);
        throttle.spent(HOUR * 2);
        assert!(!throttle.is_due());
    }
}

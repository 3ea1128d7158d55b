//! Work that is repeated in a loop but must not eat the host.

use std::time::{Duration, Instant};

/// Lets an expensive piece of work be done again only once so much time has passed that it takes
/// no more than one part in `parts` of it.
#[derive(Debug, Clone, Copy)]
pub struct Throttle {
    parts: u32,
    last: Option<(Instant, Duration)>,
}

impl Throttle {
    /// Not done yet, so due.
    pub fn one_in(parts: u32) -> Self {
        Throttle { parts, last: None }
    }

    /// Whether it may be done.
    pub fn is_due(&self) -> bool {
        self.last
            .is_none_or(|(end, cost)| end.elapsed() >= cost * self.parts)
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
        self.last = Some((Instant::now(), cost));
    }
}

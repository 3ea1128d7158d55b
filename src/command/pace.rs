//! Work that is repeated in a loop but must not eat the host.

use std::time::{Duration, Instant};

/// Lets an expensive piece of work be done again only once so much time has passed that it takes
/// no more than one part in `parts` of it.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    parts: u32,
    last: Option<(Instant, Duration)>,
}

impl Pace {
    /// Not done yet, so due.
    pub fn one_in(parts: u32) -> Self {
        Pace { parts, last: None }
    }

    /// Whether it may be done.
    pub fn is_due(&self) -> bool {
        self.last
            .is_none_or(|(end, cost)| end.elapsed() >= cost * self.parts)
    }

    /// It was done just now, and took so long.
    pub fn spent(&mut self, cost: Duration) {
        self.last = Some((Instant::now(), cost));
    }

    /// How long ago it was done.
    pub fn age(&self) -> Duration {
        self.last.map_or(Duration::ZERO, |(end, _)| end.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_long_is_not_done_again_at_once() {
        let mut pace = Pace::one_in(1000);
        assert!(pace.is_due());
        pace.spent(Duration::from_secs(3600));
        assert!(!pace.is_due());
        pace.spent(Duration::ZERO);
        assert!(pace.is_due(), "it took no time");
    }
}

//! A clock that never runs backwards, from the times of packets, which may.

/// Packets are out of order by less than this; a larger difference means that the clock was set back.
const STEP_NS: u64 = 1_000_000_000;

#[derive(Debug, Default)]
pub struct Clock {
    now: u64,
    /// Added to a packet's time.
    correction: i128,
    /// A reported step; packets from before it may still follow.
    expected: Option<i128>,
    steps: u32,
}

impl Clock {
    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The clock of the capture was set forward by this much.
    pub fn set_by(&mut self, nanoseconds: i128) {
        self.expected = Some(self.expected.unwrap_or(0) + nanoseconds);
    }

    /// A packet's time, on a clock that does not step.
    pub fn at(&mut self, time_ns: u64) -> u64 {
        if self.now == 0 {
            self.now = time_ns;
        }
        let now = i128::from(self.now);
        let mut at = i128::from(time_ns) + self.correction;
        if let Some(step) = self.expected
            && (at - step).abs_diff(now) < at.abs_diff(now)
        {
            self.correct(-step);
            self.expected = None;
            at -= step;
        }
        if at + i128::from(STEP_NS) < now {
            self.correct(now - at);
            at = now;
        }
        let at = at.clamp(0, i128::from(u64::MAX)) as u64;
        self.now = self.now.max(at);
        at
    }

    fn correct(&mut self, nanoseconds: i128) {
        self.correction += nanoseconds;
        self.steps += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn packets_slightly_out_of_order_keep_their_times() {
        let mut clock = Clock::default();
        assert_eq!(clock.at(10 * SECOND), 10 * SECOND);
        assert_eq!(clock.at(10 * SECOND - 1000), 10 * SECOND - 1000);
        assert_eq!((clock.now(), clock.steps()), (10 * SECOND, 0));
    }

    #[test]
    fn a_clock_that_was_set_back_goes_on() {
        let mut clock = Clock::default();
        clock.at(100 * SECOND);
        assert_eq!(clock.at(40 * SECOND), 100 * SECOND);
        assert_eq!(clock.at(41 * SECOND), 101 * SECOND);
        assert_eq!(clock.steps(), 1);
    }

    #[test]
    fn a_clock_that_was_set_forward_goes_on_when_that_was_reported() {
        let mut clock = Clock::default();
        clock.at(100 * SECOND);
        clock.set_by(i128::from(3600 * SECOND));
        assert_eq!(clock.at(101 * SECOND), 101 * SECOND, "sent before the step");
        assert_eq!(clock.at(3702 * SECOND), 102 * SECOND);
        assert_eq!(clock.at(3703 * SECOND), 103 * SECOND);
        assert_eq!(clock.steps(), 1);
    }

    #[test]
    fn a_pause_is_no_step() {
        let mut clock = Clock::default();
        clock.at(100 * SECOND);
        assert_eq!(clock.at(7000 * SECOND), 7000 * SECOND);
        assert_eq!(clock.steps(), 0);
    }
}

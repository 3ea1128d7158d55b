//! Detects that the clock that times packets was set.

use rustix::time::{ClockId, clock_gettime};

/// Clocks drift less than this between two readings.
const STEP_NS: i128 = 50_000_000;

#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// `CLOCK_REALTIME`, which times packets, in nanoseconds since 1970.
    pub packets_ns: u64,
    /// `CLOCK_MONOTONIC`, which nobody sets.
    steady_ns: u64,
}

impl Clocks {
    pub fn now() -> Self {
        Clocks {
            packets_ns: read(ClockId::Realtime),
            steady_ns: read(ClockId::Monotonic),
        }
    }

    /// Reads both clocks again. Returns by how many nanoseconds `CLOCK_REALTIME` was set meanwhile, if
    /// it was.
    pub fn update(&mut self) -> Option<i128> {
        let now = Clocks::now();
        let step = now.ahead() - self.ahead();
        *self = now;
        (step.abs() > STEP_NS).then_some(step)
    }

    fn ahead(&self) -> i128 {
        i128::from(self.packets_ns) - i128::from(self.steady_ns)
    }
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let nanoseconds = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_noticed() {
        let mut clocks = Clocks::now();
        assert_eq!(clocks.update(), None);
        clocks.packets_ns -= 3_600_000_000_000;
        let step = clocks.update().unwrap();
        assert!((3599..3601).contains(&(step / 1_000_000_000)), "{step}");
        assert_eq!(clocks.update(), None);
    }
}

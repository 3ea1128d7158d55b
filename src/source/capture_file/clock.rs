//! Resolution and offset of the time stamps of a capture file.

const SECOND: u128 = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// Nanoseconds of a tick, as a fraction.
    tick: (u128, u128),
    /// Seconds from 1970 to tick 0.
    begun_seconds: i64,
}

impl Clock {
    pub const MICROSECONDS: Clock = Clock::new(6, 0);
    pub const NANOSECONDS: Clock = Clock::new(9, 0);

    /// By the options `if_tsresol` and `if_tsoffset` of pcapng: a tick is a second divided by a
    /// power of 10, or of 2 where the highest bit is set.
    pub const fn new(resolution: u8, begun_seconds: i64) -> Clock {
        let power = resolution as u32 & 0x7f;
        let tick = match power {
            _ if resolution & 0x80 != 0 => (SECOND, 1 << power),
            0..=9 => (10_u128.pow(9 - power), 1),
            _ => (1, 10_u128.saturating_pow(power - 9)),
        };
        Clock {
            tick,
            begun_seconds,
        }
    }

    /// Nanoseconds since 1970, rounded down.
    pub fn time_ns(self, ticks: u64) -> u64 {
        let since_begin = u128::from(ticks) * self.tick.0 / self.tick.1;
        let begun_ns = i128::from(self.begun_seconds) * SECOND as i128;
        (begun_ns + since_begin as i128).clamp(0, u64::MAX.into()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_resolutions_are_understood() {
        assert_eq!(Clock::new(6, 0), Clock::MICROSECONDS);
        assert_eq!(Clock::new(9, 0), Clock::NANOSECONDS);
        assert_eq!(Clock::new(0, 0).time_ns(3), 3_000_000_000);
        assert_eq!(Clock::new(12, 0).time_ns(5_999), 5);
    }

    #[test]
    fn binary_resolutions_are_understood() {
        assert_eq!(Clock::new(0x80 | 1, 0).time_ns(3), 1_500_000_000);
        assert_eq!(Clock::new(0x80 | 32, 0).time_ns(1 << 31), 500_000_000);
    }

    #[test]
    fn a_clock_may_begin_before_or_after_1970() {
        assert_eq!(Clock::new(9, 2).time_ns(5), 2_000_000_005);
        assert_eq!(Clock::new(0, -2).time_ns(3), 1_000_000_000);
        assert_eq!(Clock::new(0, -4).time_ns(3), 0);
    }

    #[test]
    fn nothing_is_too_large() {
        for resolution in 0..=255 {
            for begun in [i64::MIN, 0, i64::MAX] {
                let _ = Clock::new(resolution, begun).time_ns(u64::MAX);
            }
        }
        assert_eq!(Clock::new(0, 0).time_ns(u64::MAX), u64::MAX);
    }
}

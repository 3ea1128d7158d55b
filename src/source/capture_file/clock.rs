//! What the time stamps of a capture file count.

/// Units of a second, and from when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    unit: Unit,
    /// Seconds since 1970 at which the count began.
    begun_seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// So many to a nanosecond.
    PerNanosecond(u64),
    /// Two to the power of so many to a second.
    BinaryPerSecond(u8),
}

impl Clock {
    pub const MICROSECONDS: Clock = Clock {
        unit: Unit::Nanoseconds(1000),
        begun_seconds: 0,
    };
    pub const NANOSECONDS: Clock = Clock {
        unit: Unit::Nanoseconds(1),
        begun_seconds: 0,
    };

    /// By the options `if_tsresol` and `if_tsoffset` of pcapng. A resolution beyond all reason
    /// makes every time the beginning.
    pub fn new(resolution: u8, begun_seconds: i64) -> Clock {
        let power = resolution & 0x7f;
        let unit = match power {
            _ if resolution & 0x80 != 0 => Unit::BinaryPerSecond(power),
            0..=9 => Unit::Nanoseconds(10_u64.pow(9 - u32::from(power))),
            10..=28 => Unit::PerNanosecond(10_u64.pow(u32::from(power) - 9)),
            _ => Unit::PerNanosecond(u64::MAX),
        };
        Clock {
            unit,
            begun_seconds,
        }
    }

    /// Nanoseconds since 1970, as near as can be told.
    pub fn time_ns(self, ticks: u64) -> u64 {
        let since_begin = match self.unit {
            Unit::Nanoseconds(each) => ticks.saturating_mul(each),
            Unit::PerNanosecond(each) => ticks / each,
            Unit::BinaryPerSecond(power) => {
                let ns = (u128::from(ticks) * 1_000_000_000) >> power;
                u64::try_from(ns).unwrap_or(u64::MAX)
            }
        };
        if self.begun_seconds == 0 {
            return since_begin;
        }
        let begun_ns = i128::from(self.begun_seconds) * 1_000_000_000;
        let time_ns = (begun_ns + i128::from(since_begin)).clamp(0, u64::MAX.into());
        time_ns as u64
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

//! The change of counters between two readings.

use std::time::Duration;

/// The increase of a 64-bit counter; `None` when it fell, as it was reset.
pub fn change(before: i128, now: i128) -> Option<i128> {
    (now >= before).then_some(now - before)
}

/// The increase of a 32-bit counter that is never reset: it fell where it wrapped.
pub fn wrapping_change(before: u32, now: u32) -> u32 {
    now.wrapping_sub(before)
}

/// `None` when no time passed.
pub fn per_second(change: f64, elapsed: Duration) -> Option<f64> {
    let seconds = elapsed.as_secs_f64();
    (seconds > 0.0).then(|| change / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_went_backwards_has_no_change() {
        assert_eq!(change(5, 7), Some(2));
        assert_eq!(change(7, 7), Some(0));
        assert_eq!(change(7, 5), None);
    }

    #[test]
    fn a_socket_counter_wraps() {
        assert_eq!(wrapping_change(u32::MAX - 1, 3), 5);
    }

    #[test]
    fn no_time_gives_no_rate() {
        assert_eq!(per_second(4.0, Duration::ZERO), None);
        assert_eq!(per_second(4.0, Duration::from_secs(2)), Some(2.0));
    }
}

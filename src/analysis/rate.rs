//! The change of a number that the kernel only ever counts up.

use std::time::Duration;

/// By how much a 64-bit counter rose. `None` when it fell: it was reset, and what was counted
/// before is lost.
pub fn change(before: i128, now: i128) -> Option<i128> {
    (now >= before).then_some(now - before)
}

/// By how much a 32-bit counter that is never reset rose; a fall is its wrap.
pub fn wrapping_change(before: u32, now: u32) -> u32 {
    now.wrapping_sub(before)
}

/// A change as a rate; `None` when no time passed.
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

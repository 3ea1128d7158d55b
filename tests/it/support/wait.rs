//! Waiting for a condition.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it. Far longer than all of it needs, so
/// that a busy machine does not fail a test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Polls `condition` until it holds; the one place where a test waits.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// Polls `sample` until it returns something.
#[track_caller]
pub fn wait_for<T>(what: &str, mut sample: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = sample() {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

//! What other threads do while a test asks, and how they end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Calls a function when dropped, also where the test has failed: a scope joins its threads, so what
/// ends them must not depend on the body.
pub struct AtEnd<F: Fn()>(pub F);

impl<F: Fn()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Runs `body` while another thread repeats `act`.
#[track_caller]
pub fn while_repeating<T>(mut act: impl FnMut() + Send, body: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _over = AtEnd(|| is_over.store(true, Ordering::Relaxed));
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                act();
            }
        });
        body()
    })
}

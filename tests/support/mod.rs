//! What the integration tests share: own network namespaces, the built program, sockets in every
//! kind of trouble, and the tools whose answers the program's are compared with.
//!
//! Every test file is a crate of its own and uses only part of this.
#![allow(dead_code, unused_imports)]

mod capture_file;
mod captured;
mod clients;
mod closed;
mod forged;
mod handshakes;
mod host;
mod link;
mod namespace;
mod processes;
mod program;
pub mod readings;
mod roles;
mod scenes;
mod screen;
mod sockets;
mod syn;
mod tcpdump;
mod terminal;
mod tools;
mod tracing;
mod tree;
mod tuples;
mod users;
mod witnesses;

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

pub use capture_file::*;
pub use captured::*;
pub use clients::*;
pub use closed::*;
pub use forged::*;
pub use handshakes::*;
pub use host::*;
pub use link::*;
pub use namespace::*;
pub use processes::*;
pub use program::*;
pub use roles::*;
pub use scenes::*;
pub use screen::*;
pub use sockets::*;
pub use syn::*;
pub use tcpdump::*;
pub use terminal::*;
pub use tools::*;
pub use tracing::*;
pub use tree::*;
pub use tuples::*;
pub use users::*;
pub use witnesses::*;

/// How long anything may take before a test gives up on it. Far longer than all of it needs, so
/// that a busy machine does not fail a test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until `condition` holds; the one place where a test waits.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// Looks again and again until there is something to return.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// Says on the real stderr, which the test harness does not capture, what was not tested and why, on
/// one line.
pub fn skipped(what: &str) {
    let what = what.trim_end().replace('\n', "; ");
    let line = format!("SKIPPED: {what}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("stderr is open");
}

//! Tests and comparisons that this machine cannot run.

use std::io::Write as _;

/// Writes what was not tested, and why, on one line of the real stderr, which the test harness does
/// not capture.
pub fn report_skipped(what: &str) {
    let what = what.trim_end().replace('\n', "; ");
    let line = format!("SKIPPED: {what}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("stderr is open");
}

//! Whether BPF works where the tests run.

use sockdiag::source::{Kernel, QueueReader};

use super::skipped::report_skipped;

/// Whether queues can be read by BPF; says what keeps the test from it.
pub fn may_read_queues() -> bool {
    let why = match (Kernel::new().may_use_bpf(), QueueReader::load(1)) {
        (true, Ok(_)) => return true,
        (false, _) => "no rights, or not the initial PID namespace".to_owned(),
        (true, Err(error)) => format!("{error}: {}", error.io()),
    };
    report_skipped(&format!("reading queues by BPF: {why}"));
    false
}

//! A capture file, plain or compressed, read to its end and traced.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use sockdiag::trace::{Options, Trace};

fuzz_target!(|bytes: &[u8]| {
    let options = Options {
        closes: true,
        ..Options::default()
    };
    let Ok(mut trace) = Trace::reader("input", Cursor::new(bytes.to_vec()), options) else {
        return;
    };
    let mut reports = 0;
    for report in &mut trace {
        reports += u64::from(report.is_ok());
    }
    // Each packet may end one handshake and one connection; the last report is the summary.
    assert!(reports <= 2 * trace.packets() + 1);
});

//! The filter language: each text parsed for every subject, and compiled.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockdiag::{
    model::{Filter, filter::Subject},
    source::fuzzing,
};

/// `MOST_BYTES` of a dump's bytecode is what a netlink attribute can hold (a length of 16 bits).
const MOST_BYTES: usize = 65_535;
/// `BPF_MAXINSNS`, include/uapi/linux/bpf_common.h.
const MOST_INSTRUCTIONS: usize = 4096;

const SUBJECTS: [Subject; 4] = [
    Subject::Listener,
    Subject::Handshake,
    Subject::Destination,
    Subject::Closed,
];

fuzz_target!(|text: &str| {
    for subject in SUBJECTS {
        match Filter::parse_for(subject, text, &|name| (name == "http").then_some(80)) {
            Ok(filter) => {
                let (dump, capture) = fuzzing::programs(&filter);
                assert!(dump.is_none_or(|bytes| bytes < MOST_BYTES));
                assert!(capture.is_none_or(|length| length <= MOST_INSTRUCTIONS));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});

//! The filter language: each text parsed for every subject, and compiled.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use sockdiag::{
    model::{
        Filter, StateSet,
        filter::{Names, Subject},
    },
    source::fuzzing,
};

/// `MOST_BYTES` of a dump's bytecode is what a netlink attribute can hold (a length of 16 bits).
const MOST_BYTES: usize = 65_535;
/// `BPF_MAXINSNS`, include/uapi/linux/bpf_common.h.
const MOST_INSTRUCTIONS: usize = 4096;

const SUBJECTS: [Subject; 5] = [
    Subject::Socket,
    Subject::Listener,
    Subject::Handshake,
    Subject::Destination,
    Subject::Closed,
];

/// Knows one name of each kind.
struct OneOfEach;

impl Names for OneOfEach {
    fn service(&self, name: &str) -> Option<u16> {
        (name == "http").then_some(80)
    }

    fn host(&self, name: &str) -> Vec<IpAddr> {
        let known = (name == "localhost").then_some(Ipv4Addr::LOCALHOST.into());
        known.into_iter().collect()
    }

    fn interface(&self, name: &str) -> Option<u32> {
        (name == "lo").then_some(1)
    }

    fn cgroup(&self, path: &str) -> Result<u64, String> {
        (path == "/")
            .then_some(1)
            .ok_or_else(|| "no such cgroup".to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Ok(format!("dport = :80 or {path}"))
    }
}

fuzz_target!(|text: &str| {
    if let Err(error) = Filter::parse_measures(text) {
        assert!(!error.to_string().is_empty());
    }
    for subject in SUBJECTS {
        match Filter::parse_for(subject, text, &OneOfEach) {
            Ok(filter) => {
                for (_, filter) in filter.by_state(StateSet::ALL) {
                    let (dump, capture) = fuzzing::programs(&filter);
                    assert!(dump.is_none_or(|bytes| bytes < MOST_BYTES));
                    assert!(capture.is_none_or(|length| length <= MOST_INSTRUCTIONS));
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});

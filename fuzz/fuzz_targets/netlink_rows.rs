//! A datagram of a sock_diag dump: messages, rows and their attributes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sockdiag::{model::Filter, source::fuzzing};

static FILTER: LazyLock<Filter> =
    LazyLock::new(|| Filter::parse_connection("dst 10.0.0.0/8 or [::1]:80").expect("it is right"));

fuzz_target!(|datagram: &[u8]| {
    let end = fuzzing::netlink_rows(datagram, &FILTER);
    // A message has a header of 16 bytes.
    assert!(end.undecodable <= datagram.len() as u64 / 16);
});

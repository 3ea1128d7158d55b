//! The table of tracked connections of this namespace, and how it fills.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::Range;
use std::path::Path;

use super::firewall::add_chain;
use super::netns::{sysctl, test_inside};
use super::skipped::report_skipped;

/// An entry takes some hundred bytes of kernel memory.
const MOST_ENTRIES: u64 = 1_000_000;

/// `conntrack("max")`
#[track_caller]
pub fn conntrack(name: &str) -> u64 {
    let path = format!("/proc/sys/net/netfilter/nf_conntrack_{name}");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.trim().parse().expect("a number")
}

/// Tracks connections from now on; `false`, loudly, where that cannot be arranged.
pub fn track_connections() -> bool {
    add_chain("filter", "output", &["ct state new accept"])
}

/// Sends a datagram to each of these destinations on this host, each an entry of its own.
pub fn send_to_each(socket: &UdpSocket, destinations: Range<u64>) {
    for number in destinations {
        let number = u32::try_from(number).expect("a few million at the most");
        let address = Ipv4Addr::from(0x7f00_0002 + (number >> 12));
        let port = 20_000 + (number & 0xfff) as u16;
        // Dropped where the table is full, and refused where nobody receives.
        let _ = socket.send_to(b"x", (address, port));
    }
}

/// Sends to the destinations from this number on until all but ten entries are in use, and keeps
/// them; the next number. `None`, loudly, where the table is too large for a test.
#[track_caller]
pub fn nearly_fill(socket: &UdpSocket, from: u64) -> Option<u64> {
    let max = conntrack("max");
    let timeout = "net/netfilter/nf_conntrack_udp_timeout";
    if max > MOST_ENTRIES || !Path::new("/proc/sys").join(timeout).exists() {
        // The limit is one for the host, which is not the test's to change.
        let what = format!("{}: filling a table of {max}", test_inside());
        report_skipped(&what);
        return None;
    }
    sysctl(timeout, 600);
    let end = max - 10;
    send_to_each(socket, from..end);
    let count = conntrack("count");
    assert!(count > max / 100 * 80, "{count} of {max}");
    Some(end)
}

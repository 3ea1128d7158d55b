//! SYNs from addresses that never answer, so that handshakes stay half open.
//!
//! 10.9.0.0/24 and fd00:9::/64 are routed to `lo` though most of their addresses do not exist: what
//! is sent to those goes nowhere. A raw packet is sent once and never retransmitted, so a test can
//! say exactly how many SYNs a listener saw.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::forged::Forged;
use super::netns::{lo_up, run};
use super::sockets::socket_address;
use super::tools::segments_in;
use super::wait::wait_until;

/// Makes SYNs to 10.9.0.1, 10.9.0.2, fd00:9::1 and fd00:9::2, which `lo` has from now on, arrive
/// from addresses that never answer.
pub fn unanswered_syns() {
    lo_up();
    for address in ["10.9.0.1/32", "10.9.0.2/32"] {
        run("ip", &["address", "replace", address, "dev", "lo"]);
    }
    for address in ["fd00:9::1/128", "fd00:9::2/128"] {
        run("ip", &["address", "replace", address, "dev", "lo", "nodad"]);
    }
    run("ip", &["route", "replace", "10.9.0.0/24", "dev", "lo"]);
    run("ip", &["route", "replace", "fd00:9::/64", "dev", "lo"]);
    // The kernel puts off the route to an IPv6 address of its own, also without a search for
    // duplicates.
    for address in ["fd00:9::1", "fd00:9::2"] {
        wait_until("an IPv6 address is there", || {
            run("ip", &["-6", "route", "get", address]).starts_with("local")
        });
    }
}

/// Sends `count` SYNs to `to`, each from another address, so that no one looks proven to the kernel.
/// They have arrived when this returns: a busy kernel may put that off.
pub fn syn_flood(to: &str, count: u8) {
    assert!(count <= 200, "addresses run out");
    let to = socket_address(to);
    let before = segments_in();
    for host in (20..).take(usize::from(count)) {
        let from = match to.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(10, 9, 0, host)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 1, host.into())),
        };
        let from = SocketAddr::new(from, 4000);
        Forged::syn(&from.to_string(), &to.to_string()).send();
    }
    wait_until("the SYNs have arrived", || {
        segments_in() >= before + u64::from(count)
    });
}

//! Whether two local addresses exclude each other (`inet_rcv_saddr_equal`,
//! net/ipv4/inet_connection_sock.c).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bind::{Attempt, Claim};

/// What the kernel keeps as the IPv4 address of a socket with an IPv6 one (`LOOPBACK4_IPV6`,
/// include/linux/in.h), and before 6.1 compares.
const OF_IPV6: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

/// `None` where it depends on an IPV6_V6ONLY that is not known.
pub fn overlap(attempt: &Attempt, claim: &Claim) -> Option<bool> {
    let claimed = claim.address.to_canonical();
    match (attempt.address, claimed) {
        (IpAddr::V4(asked), IpAddr::V4(claimed)) => {
            Some(asked == claimed || asked.is_unspecified() || claimed.is_unspecified())
        }
        (IpAddr::V4(asked), IpAddr::V6(claimed)) => v4_beside_v6(asked, claimed, claim.v6only),
        (IpAddr::V6(asked), IpAddr::V4(_)) => Some(asked.is_unspecified() && !attempt.v6only),
        (IpAddr::V6(asked), IpAddr::V6(claimed)) => {
            Some(asked == claimed || asked.is_unspecified() || claimed.is_unspecified())
        }
    }
}

/// bind(2) to an IPv6 address sets IPV6_V6ONLY. A connection may lack it, and then holds the port
/// against the IPv4 wildcard.
fn v4_beside_v6(asked: Ipv4Addr, claimed: Ipv6Addr, v6only: Option<bool>) -> Option<bool> {
    if claimed.is_unspecified() || asked.is_unspecified() {
        return v6only.map(|v6only| !v6only);
    }
    match asked == OF_IPV6 && v6only != Some(true) {
        true => None,
        false => Some(false),
    }
}

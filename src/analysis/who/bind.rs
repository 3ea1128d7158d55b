//! Whether bind(2) would get a port, by the rules of the kernel: `inet_csk_get_port` and
//! `inet_bind_conflict` (net/ipv4/inet_connection_sock.c) for TCP, `udp_lib_lport_inuse`
//! (net/ipv4/udp.c) for UDP.
//!
//! Holders are compared by their present options, as the kernel does. Beside that, it remembers for
//! each TCP port the options of the last socket bound (`fastreuse`, `fastreuseport`), which may admit
//! what the comparison refuses; that memory is not visible, so a verdict that it could change is
//! unknown. Options that a program changed after bind(2) are the one case that is not covered.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::overlap::overlap;

/// What bind(2) returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It gets the port.
    Ok,
    /// It fails with EADDRINUSE.
    InUse,
    /// It fails with EACCES: the port is below `net.ipv4.ip_unprivileged_port_start`, and the program
    /// has no CAP_NET_BIND_SERVICE.
    Denied,
    /// It fails with EADDRNOTAVAIL: the address is not local, and the program does not set
    /// IP_FREEBIND.
    NoAddress,
}

/// The bind(2) that is asked about, by a socket that is bound to no interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Not v4-mapped.
    pub address: IpAddr,
    /// IPV6_V6ONLY, of an IPv6 address.
    pub v6only: bool,
    pub reuseaddr: bool,
    pub reuseport: bool,
    pub uid: u32,
}

impl Attempt {
    /// Without options.
    pub fn plain(address: IpAddr, v6only: bool, uid: u32) -> Self {
        Attempt {
            address,
            v6only,
            reuseaddr: false,
            reuseport: false,
            uid,
        }
    }
}

/// A TCP or UDP socket with the port. What is not known is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// v4-mapped for an IPv6 socket with an IPv4 address.
    pub address: IpAddr,
    pub v6only: Option<bool>,
    pub reuseaddr: Option<bool>,
    pub reuseport: Option<bool>,
    /// `None` for what the kernel keeps in place of a socket (`struct inet_timewait_sock`), whose
    /// user does not count.
    pub uid: Option<u32>,
    pub listens: bool,
    /// It has or had a peer, and is more than a `struct inet_timewait_sock`.
    pub is_connection: bool,
    /// Index of the interface that it is bound to, 0 for none.
    pub interface: u32,
}

/// The loopback interface of every namespace.
const LO: u32 = 1;

/// A TCP bind; `all_seen` is false where sockets that are only bound are not reported.
pub fn tcp(attempt: &Attempt, claims: &[Claim], all_seen: bool) -> Option<Verdict> {
    let conflicts = claims.iter().map(|claim| {
        let conflict = both(
            overlap(attempt, claim),
            both(tcp_options(attempt, claim), same_table(claim)),
        );
        match conflict {
            Some(true) if may_be_admitted(attempt, claim) => None,
            conflict => conflict,
        }
    });
    verdict(conflicts, all_seen)
}

/// A UDP bind; a wildcard may miss sockets at addresses where `may_miss`.
pub fn udp(attempt: &Attempt, claims: &[Claim], may_miss: bool) -> Option<Verdict> {
    // The first socket of the chain that shares the port by SO_REUSEPORT ends the search.
    let ends_search = |claim: &&Claim| {
        let both_reuse = attempt.reuseaddr && claim.reuseaddr == Some(true);
        let shares = attempt.reuseport && shares_by_reuseport(attempt, claim) != Some(false);
        overlap(attempt, claim) != Some(false) && !both_reuse && shares
    };
    let may_end = claims.iter().any(|claim| ends_search(&claim));
    let is_missed =
        |claim: &Claim| attempt.address.is_unspecified() && !claim.address.is_unspecified();
    let conflicts = claims.iter().map(|claim| {
        let conflict = both(overlap(attempt, claim), udp_options(attempt, claim));
        match conflict {
            Some(true) if may_end => None,
            Some(true) if may_miss && is_missed(claim) => None,
            conflict => conflict,
        }
    });
    verdict(conflicts, true)
}

fn verdict(conflicts: impl Iterator<Item = Option<bool>>, all_seen: bool) -> Option<Verdict> {
    let mut is_known = all_seen;
    for conflict in conflicts {
        match conflict {
            Some(true) => return Some(Verdict::InUse),
            Some(false) => {}
            None => is_known = false,
        }
    }
    is_known.then_some(Verdict::Ok)
}

/// Whether the options of two sockets with overlapping addresses exclude each other.
fn tcp_options(attempt: &Attempt, claim: &Claim) -> Option<bool> {
    let reuse = match attempt.reuseaddr && !claim.listens {
        true => claim.reuseaddr,
        false => Some(false),
    };
    let share = match attempt.reuseport {
        true => shares_by_reuseport(attempt, claim),
        false => Some(false),
    };
    either(reuse, share).map(|admitted| !admitted)
}

fn udp_options(attempt: &Attempt, claim: &Claim) -> Option<bool> {
    let as_tcp = Claim {
        listens: false,
        ..*claim
    };
    tcp_options(attempt, &as_tcp)
}

fn shares_by_reuseport(attempt: &Attempt, claim: &Claim) -> Option<bool> {
    match claim.uid.is_none_or(|uid| uid == attempt.uid) {
        true => claim.reuseport,
        false => Some(false),
    }
}

/// A socket bound to an interface in a VRF has a table of its own; any but `lo` may be in one.
fn same_table(claim: &Claim) -> Option<bool> {
    matches!(claim.interface, 0 | LO).then_some(true)
}

/// Whether the kernel, before it compares, may admit a SO_REUSEPORT socket as similar to the one
/// bound last (`sk_reuseport_match`), which may be gone. That one was bound beside the present
/// holder, so it had to get along with it: by SO_REUSEADDR, or by another interface. The dual-stack
/// wildcard is also taken to be similar to a socket of one family, which gets along with all but
/// another dual-stack wildcard. A connection belongs to the user who called accept(2), not to the one
/// whose listener was bound.
fn may_be_admitted(attempt: &Attempt, claim: &Claim) -> bool {
    let is_dual = |address: IpAddr, v6only| {
        address.is_ipv6() && address.is_unspecified() && v6only == Some(false)
    };
    let by_reuseaddr = !claim.listens && claim.reuseaddr != Some(false);
    let by_family =
        is_dual(attempt.address, Some(attempt.v6only)) && !is_dual(claim.address, claim.v6only);
    let by_user = claim.is_connection
        && claim.reuseport != Some(false)
        && claim.uid.is_some_and(|uid| uid != attempt.uid);
    attempt.reuseport && (by_reuseaddr || by_user || claim.interface != 0 || by_family)
}

fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    both(one.map(|one| !one), other.map(|other| !other)).map(|neither| !neither)
}

//! What a search for owners left open.

use crate::model::{Incomplete, Owners};

/// Sockets whose holders were not found or, where each has one, why there may be more. `shown` is
/// how many were looked for, `ownerless` how many of them without success.
pub fn unfound(owners: &Owners, shown: usize, ownerless: usize) -> Option<Incomplete> {
    let why = if owners.out_of_time {
        "the time for the search was spent; --owners all looks at every descriptor"
    } else if owners.unreadable > 0 && owners.may_read_all {
        "a security policy or another user namespace forbids looking at some processes"
    } else if owners.unreadable > 0 {
        "needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (sudo)"
    } else if !owners.complete {
        "/proc is mounted with hidepid, which hides other users' processes (sudo)"
    } else {
        "held by no process that /proc shows: by the kernel, or in another PID namespace"
    };
    match ownerless {
        0 if owners.complete || shown == 0 => None,
        0 => Some(Incomplete::new("more owners", why)),
        _ => Some(Incomplete::counted("owners", why, ownerless as u64)),
    }
}

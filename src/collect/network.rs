//! What drops packets before they reach a socket. What cannot be read is listed as missing: no other
//! part rests on it.

use super::walk::flaws;
use crate::{
    Error, Result,
    model::{
        Counters, Incomplete,
        snapshot::{HostNetwork, NetnsNetwork},
    },
    source::{Kernel, conntrack_totals, links},
};

/// In the calling thread's network namespace, whose counters these are.
pub fn read(
    kernel: &Kernel,
    counters: &Counters,
    missing: &mut Vec<Incomplete>,
) -> Option<NetnsNetwork> {
    let is_filtered = counters.value("TcpExt", "IPReversePathFilter") > Some(0);
    let mut part = known("network", kernel.netns_network(is_filtered), missing)?;
    // A captured tree says nothing of this host's interfaces.
    if !kernel.is_live() {
        return Some(part);
    }
    if let Some((found, end)) = known("interfaces", links(), missing) {
        missing.extend(flaws("interfaces", end));
        part.interfaces = Some(found);
    }
    if let Some(conntrack) = &mut part.conntrack
        && conntrack.totals.is_none()
    {
        conntrack.totals = known("conntrack", conntrack_totals(), missing);
    }
    Some(part)
}

/// On the whole host.
pub fn read_host(kernel: &Kernel, missing: &mut Vec<Incomplete>) -> Option<HostNetwork> {
    known("host_network", kernel.host_network(), missing)
}

fn known<T>(what: &str, read: Result<T>, missing: &mut Vec<Incomplete>) -> Option<T> {
    let unread = |error: Error| {
        let why = format!("{error}: {}", error.io());
        missing.push(Incomplete::new(what, why));
    };
    read.map_err(unread).ok()
}

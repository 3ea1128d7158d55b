//! What the kernel counted while handshakes were traced (net/ipv4/proc.c).

use std::collections::BTreeMap;

use crate::{analysis::change, model::Counters};

/// By how much counters rose, by name; those that this kernel does not have are left out.
pub type Rises = BTreeMap<String, u64>;

/// Counters of `TcpExt` that tell of handshakes.
const TOLD: [&str; 9] = [
    "ListenOverflows",
    "ListenDrops",
    "TCPReqQFullDrop",
    "TCPReqQFullDoCookies",
    "SyncookiesSent",
    "SyncookiesRecv",
    "SyncookiesFailed",
    "TCPFastOpenPassive",
    "TCPFastOpenPassiveFail",
];

/// What changed between two readings.
pub fn rises(before: &Counters, after: &Counters) -> Rises {
    let rise = |name: &&'static str| {
        let of = |counters: &Counters| counters.value("TcpExt", name);
        let rise = change(of(before)?, of(after)?)?;
        Some(((*name).to_owned(), u64::try_from(rise).ok()?))
    };
    TOLD.iter().filter_map(rise).collect()
}

//! The rules, by what a setting is about. `change` only where the observed load shows the need, or
//! where the value itself does harm; the number stands in the reason.

mod conntrack;
mod files;
mod handshake;
mod keepalive;
mod listen;
mod memory;
mod network;
mod ports;
mod timewait;

pub use conntrack::{buckets, established_timeout, nf_conntrack_max, other_timeout};
pub use files::{descriptor_limits, file_max, nr_open};
pub use handshake::{
    syn_linear_timeouts, syn_retries, synack_retries, tcp_fastopen, tcp_syncookies,
};
pub use keepalive::keepalive;
pub use listen::{somaxconn, tcp_abort_on_overflow, tcp_max_syn_backlog};
pub use memory::{
    buffer_bounds, rmem_default, rmem_max, tcp_max_orphans, tcp_mem, udp_mem, wmem_bounds,
};
pub use network::{netdev_max_backlog, rp_filter};
pub use ports::{ip_local_port_range, ip_local_reserved_ports};
pub use timewait::{
    tcp_fin_timeout, tcp_max_tw_buckets, tcp_rfc1337, tcp_timestamps, tcp_tw_recycle, tcp_tw_reuse,
    tcp_tw_reuse_delay,
};

use super::{
    SettingValue,
    judgement::{Case, Judgement},
    load::{Counted, Load},
};
use crate::analysis::{finding::names, queues::ListenerReport, rules::NEAR_LIMIT};

/// The next power of two from twice the number on, at least `least`.
fn doubled(number: i64, least: i64) -> i64 {
    let twice = u64::try_from(number.max(1)).unwrap_or(1).saturating_mul(2);
    let next = twice.checked_next_power_of_two();
    let next = next.and_then(|next| i64::try_from(next).ok());
    next.unwrap_or(i64::MAX).max(least)
}

fn is_near_limit(used: i64, limit: i64) -> bool {
    limit > 0 && used as f64 >= limit as f64 * NEAR_LIMIT
}

/// `0.0.0.0:8080 (api (811))`
fn named(listener: &ListenerReport) -> String {
    let owners = listener.owners.iter();
    let owners = names(owners.map(|owner| (owner.name.as_str(), owner.pid)));
    match owners.as_str() {
        "" => listener.local.to_string(),
        owners => format!("{} of {owners}", listener.local),
    }
}

/// The units of these sockets, each once, where systemd manages them.
fn units<'a>(listeners: impl Iterator<Item = &'a ListenerReport>) -> Vec<String> {
    let mut units: Vec<String> = listeners.filter_map(|one| one.unit.clone()).collect();
    units.sort_unstable();
    units.dedup();
    units
}

fn percent(used: i64, limit: i64) -> i64 {
    (used as f64 * 100.0 / limit.max(1) as f64) as i64
}

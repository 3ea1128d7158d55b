//! Options of a socket that no netlink attribute tells.

use schemars::JsonSchema;
use serde::Serialize;

/// What decides whether another socket gets the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortOptions {
    pub reuseaddr: bool,
    pub reuseport: bool,
    /// IPV6_V6ONLY; `None` for an IPv4 socket.
    pub v6only: Option<bool>,
}

/// Keepalive of one socket, as getsockopt(2) gives it (man 7 tcp).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeepaliveOptions {
    /// SO_KEEPALIVE.
    pub enabled: bool,
    /// TCP_KEEPIDLE: idle time before the first probe.
    pub idle_seconds: u64,
    /// TCP_KEEPINTVL: time between probes.
    pub interval_seconds: u64,
    /// TCP_KEEPCNT: probes without an answer after which the connection is dropped.
    pub probes: u64,
    /// TCP_USER_TIMEOUT, which takes the place of `probes`; 0 is none.
    pub user_timeout_ms: u32,
}

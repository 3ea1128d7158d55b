//! Sysctls that bound a listener's queues, and the ports of clients.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::PortSet;

/// The settings of one network namespace, `None` where the file is not there to read
/// (Documentation/networking/ip-sysctl.rst, Documentation/admin-guide/sysctl/net.rst).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenLimits {
    /// `net.core.somaxconn`: the cap that listen(2) applies at the time it is called.
    pub somaxconn: Option<u32>,
    /// `net.ipv4.tcp_max_syn_backlog`: counts only while SYN cookies are off.
    pub tcp_max_syn_backlog: Option<u32>,
    /// `net.ipv4.tcp_syncookies`: 0 off, 1 when the SYN queue is full, 2 always.
    pub tcp_syncookies: Option<u32>,
}

/// The settings of one network namespace that bound its ephemeral ports and what is kept of closed
/// connections, `None` where the file is not there to read (Documentation/networking/ip-sysctl.rst).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortLimits {
    /// `net.ipv4.ip_local_port_range`: the ports that connect(2) and bind(2) choose from.
    pub range: Option<RangeInclusive<u16>>,
    /// `net.ipv4.ip_local_reserved_ports`: never chosen, within the range or not.
    pub reserved: PortSet,
    /// `net.ipv4.tcp_tw_reuse`: whether connect(2) may take over a TIME_WAIT: 0 never, 1 always,
    /// 2 on loopback.
    pub tcp_tw_reuse: Option<u32>,
    /// `net.ipv4.tcp_tw_reuse_delay` (6.14): how old, in milliseconds, it must be for that. One
    /// second before.
    pub tcp_tw_reuse_delay_ms: Option<u32>,
    /// `net.ipv4.tcp_timestamps`, without which no TIME_WAIT is taken over: 0 is off.
    pub tcp_timestamps: Option<u32>,
    /// `net.ipv4.tcp_max_tw_buckets`: how many timewait sockets are kept at most.
    pub tcp_max_tw_buckets: Option<u32>,
}

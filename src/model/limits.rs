//! Sysctls that bound a listener's queues.

/// The settings of one network namespace, `None` where the file is not there to read
/// (Documentation/networking/ip-sysctl.rst, Documentation/admin-guide/sysctl/net.rst).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListenLimits {
    /// `net.core.somaxconn`: the cap that listen(2) applies at the time it is called.
    pub somaxconn: Option<u32>,
    /// `net.ipv4.tcp_max_syn_backlog`: counts only while SYN cookies are off.
    pub tcp_max_syn_backlog: Option<u32>,
    /// `net.ipv4.tcp_syncookies`: 0 off, 1 when the SYN queue is full, 2 always.
    pub tcp_syncookies: Option<u32>,
}

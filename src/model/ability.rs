//! What this program can see on this host, with these rights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that reports rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Entering other network namespaces (CAP_SYS_ADMIN).
    OtherNamespaces,
    /// Reading the descriptors of other users' processes (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH).
    OtherProcesses,
    /// /proc shows the processes of all users (no `hidepid`).
    AllProcesses,
    /// Packet sockets (CAP_NET_RAW).
    Packets,
    /// Marks of sockets and the connection tracker's statistics (CAP_NET_ADMIN).
    NetworkAdministration,
    /// Sockets of TCP, UDP and unix over netlink (`tcp_diag`, `udp_diag`, `unix_diag`).
    SockDiag,
    /// Sockets that are bound and no more (Linux 6.8).
    BoundSockets,
    /// Numbers of open descriptors without listing them (Linux 6.2).
    DescriptorCounts,
    /// Cgroups, and with them units, containers and CPU quotas.
    Cgroups,
    /// Pressure stall information (CONFIG_PSI).
    Pressure,
    /// Types of the kernel for BPF (CONFIG_DEBUG_INFO_BTF).
    Btf,
    /// BPF iterators over the descriptors of all processes (CAP_BPF, CAP_PERFMON).
    DescriptorIterator,
    /// The queues of listeners read from the sockets themselves, by a BPF iterator over TCP sockets
    /// (Linux 5.9).
    QueueIterator,
}

/// Whether the host has it, as far as that can be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    pub ability: Ability,
    /// `null` where it cannot be known.
    pub here: Option<bool>,
}

//! What drops packets before they reach a socket: connection tracking, network interfaces and the
//! queues between them and the protocols; and what bounds the memory of sockets.

use serde::{Deserialize, Serialize};

/// What is the same in every network namespace. A number that is not visible here is `None`: most
/// of these settings exist in the initial namespace alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostNetwork {
    /// The receive queue of each CPU (`/proc/net/softnet_stat`).
    pub softnet: Option<Vec<SoftnetCpu>>,
    /// `net.core.netdev_max_backlog`: packets that a CPU's queue holds.
    pub netdev_max_backlog: Option<u32>,
    /// Memory of all TCP sockets of the host.
    pub tcp_memory: ProtocolMemory,
    /// Memory of all UDP sockets of the host.
    pub udp_memory: ProtocolMemory,
    /// TCP sockets that no process holds any more, without TIME_WAITs (sockstat `orphan`).
    pub orphans: Option<u64>,
    /// `net.ipv4.tcp_max_orphans`.
    pub max_orphans: Option<u64>,
}

/// The packets that one CPU took from interfaces, since boot. 32-bit numbers, which wrap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftnetCpu {
    /// `None` before Linux 5.10.
    pub cpu: Option<u32>,
    pub processed: u32,
    /// Dropped as its queue was full, or by the limit for one flow.
    pub dropped: u32,
    /// Times that it stopped with packets left, as its time or budget was spent. Nothing is lost.
    pub time_squeeze: u32,
    /// Of `dropped`, those of a flow with more than its share (`net.core.flow_limit_cpu_bitmap`).
    pub flow_limit: Option<u32>,
}

/// Memory of one protocol's sockets, in pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolMemory {
    /// sockstat `mem`. The kernel counts up to some pages per CPU late.
    pub pages: Option<u64>,
    /// `net.ipv4.tcp_mem`, `net.ipv4.udp_mem`.
    pub limits: Option<MemoryLimits>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryLimits {
    pub low: u64,
    pub pressure: u64,
    pub high: u64,
}

/// What drops packets in one network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetnsNetwork {
    /// `None` where netfilter does not track connections.
    pub conntrack: Option<Conntrack>,
    /// `None` where they could not be listed.
    pub interfaces: Option<Vec<Interface>>,
    /// The reverse-path filter of each interface that has one, where it has dropped packets.
    pub rp_filter: Vec<ReversePathFilter>,
}

/// The table of tracked connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conntrack {
    /// `nf_conntrack_count`, of this namespace.
    pub count: u64,
    /// `nf_conntrack_max`. One number for the host, which bounds each namespace's table.
    pub max: Option<u64>,
    /// `None` where they may not be read.
    pub totals: Option<ConntrackTotals>,
}

/// Counted since the namespace was created, all CPUs together. 32-bit numbers per CPU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConntrackTotals {
    /// Packets dropped for lack of an entry, or with an entry that could not be inserted.
    pub drop: u64,
    /// Entries removed to make room in a full table.
    pub early_drop: u64,
    /// Packets dropped as their entry could not be inserted: another one had the same addresses and
    /// ports, or the hash chain was too long.
    pub insert_failed: u64,
}

impl ConntrackTotals {
    pub fn add(&mut self, other: &ConntrackTotals) {
        self.drop += other.drop;
        self.early_drop += other.early_drop;
        self.insert_failed += other.insert_failed;
    }
}

/// A network interface, and what it has counted (`struct rtnl_link_stats64`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    pub index: u32,
    pub name: String,
    /// What it is, for a virtual interface: `veth`, `bridge`, `bond`.
    pub kind: Option<String>,
    /// The bridge, bond or VRF that it is a port of.
    pub master: Option<u32>,
    pub stats: InterfaceStats,
}

/// Numbers since the interface was created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceStats {
    pub rx_packets: u64,
    pub tx_packets: u64,
    /// Bad packets received, `rx_crc_errors` included.
    pub rx_errors: u64,
    pub tx_errors: u64,
    /// Received but not processed: for lack of memory or of room in a queue, and packets of a
    /// protocol that nobody handles.
    pub rx_dropped: u64,
    pub tx_dropped: u64,
    /// Received with a wrong checksum of the link layer.
    pub rx_crc_errors: u64,
    /// Packets for which the host had no buffer ready in time.
    pub rx_missed_errors: u64,
    /// Received on an inactive port of a bond. `None` before Linux 4.6.
    pub rx_nohandler: Option<u64>,
}

/// The reverse-path filter of an interface (`rp_filter`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversePathFilter {
    pub interface: String,
    /// The larger of its own value and that of `all`: 1 drops what comes in by another interface
    /// than replies would leave by, 2 what has no route back at all.
    pub mode: u32,
}

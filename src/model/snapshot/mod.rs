//! One reading of the host: raw facts and neutral tallies, in parts, per network namespace. It
//! concludes nothing, and can be stored and read back.

mod connections;
mod elsewhere;
mod half_closed;
mod listeners;
mod network;
mod port_holders;
mod processes;
#[cfg(test)]
mod tests;
mod time_waits;

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

pub use connections::ConnectionTally;
pub use elsewhere::Elsewhere;
pub use half_closed::{
    HalfClosed, HalfClosedGroup, HalfClosedKey, HalfClosedSocket, HalfClosedTally, ServiceEnd,
};
pub use listeners::{
    HalfOpen, LimitHistory, Limits, Listeners, QueueContents, RequestTally, Requests,
    WaitingConnections,
};
pub use network::{
    Conntrack, ConntrackTotals, HostNetwork, Interface, InterfaceStats, MemoryLimits, NetnsNetwork,
    ProtocolMemory, ReversePathFilter, SoftnetCpu,
};
pub use port_holders::{HeldSocket, Oldest, PortHolders, PortTally, Tuple, TupleKey};
pub use processes::Processes;
pub use time_waits::{Flow, FlowTally, HostEnds, Kept, Side, TimeWaits};

use super::{
    Counters, HostPressure, HostSettings, Incomplete, ListenLimits, Listener, Netns, Owners,
    PortLimits, ProcessActivity, Sysctls,
};

/// One reading of the host. A part that was not asked for is `None` or empty; one that was asked
/// for and could not be read is `None` and listed in `incomplete`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Wall-clock time in milliseconds since 1970.
    pub time_ms: i64,
    /// Time since boot (`CLOCK_BOOTTIME`), which never steps backwards.
    pub at: Duration,
    /// `/proc/sys/kernel/random/boot_id`: `at` and the counters compare only within one boot.
    pub boot_id: Option<String>,
    pub host: String,
    pub kernel: String,
    pub namespaces: Vec<NetnsSnapshot>,
    /// The other namespaces; `None` where they were not asked for either.
    pub elsewhere: Option<Elsewhere>,
    pub processes: Option<Processes>,
    /// What drops packets and bounds the memory of sockets on the whole host.
    pub host_network: Option<HostNetwork>,
    /// Settings of the host, and what the kernel's defaults follow from.
    pub host_settings: Option<HostSettings>,
    /// The processes that hold the sockets of all namespaces.
    pub owners: Option<Arc<Owners>>,
    /// What owners of listeners are doing; empty where that was not asked for.
    #[serde(default)]
    pub activity: Vec<ProcessActivity>,
    /// How long tasks of the host were stalled; read with `activity`.
    #[serde(default)]
    pub pressure: Option<HostPressure>,
    /// Paths of the listeners' cgroups by id, as far as they are known.
    pub cgroups: BTreeMap<u64, String>,
    pub incomplete: Vec<Incomplete>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NetnsSnapshot {
    pub netns: Netns,
    /// Time since boot when it was read; namespaces are read one after the other.
    pub at: Duration,
    pub settings: Settings,
    /// The settings below /proc/sys/net that were asked for.
    pub sysctls: Sysctls,
    /// Its counters: all, or those that the other parts need.
    pub counters: Counters,
    /// Interface names by index, where a socket is bound to an interface.
    pub interfaces: BTreeMap<u32, String>,
    /// Sockets that others connect or send to.
    pub listeners: Option<Listeners>,
    /// Request sockets.
    pub half_open: Option<HalfOpen>,
    /// Connections that nobody has accepted; `None` also when the time for it ran out.
    pub waiting: Option<WaitingConnections>,
    /// By inode, the listeners whose queues could be read themselves; what is here is not in
    /// `half_open` and `waiting`, unless they were needed for others.
    #[serde(default)]
    pub queues: BTreeMap<u32, QueueContents>,
    pub port_holders: Option<Arc<PortHolders>>,
    /// What the kernel keeps of closed connections.
    pub time_waits: Option<Arc<TimeWaits>>,
    pub connections: Option<ConnectionTally>,
    /// Connections that one end has closed.
    pub half_closed: Option<Arc<HalfClosed>>,
    /// What drops packets before they reach a socket.
    pub network: Option<NetnsNetwork>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub listen: ListenLimits,
    pub ports: PortLimits,
}

impl Snapshot {
    pub fn namespace(&self, netns: &Netns) -> Option<&NetnsSnapshot> {
        let mut namespaces = self.namespaces.iter();
        namespaces.find(|other| other.netns.inode == netns.inode)
    }

    /// Whether every part that changes are computed from was read again since.
    pub fn renews(&self, earlier: &Snapshot) -> bool {
        self.namespaces.iter().all(|now| {
            let then = earlier.namespace(&now.netns);
            then.is_none_or(|then| match (now.walked_at(), then.walked_at()) {
                (Some(now), Some(then)) => now > then,
                _ => true,
            })
        })
    }

    /// How long ago the sockets that hold ports and those in TIME_WAIT were read; `None` where
    /// neither was asked for.
    pub fn walk_age(&self) -> Option<Duration> {
        let walked = self.namespaces.iter().filter_map(NetnsSnapshot::walked_at);
        walked.map(|walked| self.at.saturating_sub(walked)).max()
    }
}

impl NetnsSnapshot {
    pub fn sockets(&self) -> &[Listener] {
        match &self.listeners {
            Some(listeners) => &listeners.sockets,
            None => &[],
        }
    }

    /// Timewait sockets of both families, by sockstat.
    pub fn timewait_sockets(&self) -> Option<u64> {
        u64::try_from(self.counters.value("sockstat.TCP", "tw")?).ok()
    }

    /// Whether there are enough TCP sockets to use nine of ten ephemeral ports; they may as well be
    /// servers, or clients of many destinations. Sockets that are only bound do not count.
    pub fn may_lack_ports(&self) -> bool {
        let tables = [
            ("sockstat.TCP", "inuse"),
            ("sockstat6.TCP6", "inuse"),
            ("sockstat.TCP", "tw"),
        ];
        let counts = tables.map(|(table, name)| self.counters.value(table, name).unwrap_or(0));
        let ports = &self.settings.ports;
        let usable = |range: &RangeInclusive<u16>| range.len() - ports.reserved.within(range).len();
        let usable = ports.range.as_ref().map(usable);
        usable.is_some_and(|usable| counts.iter().sum::<i128>() * 10 >= usable as i128 * 9)
    }

    /// Time since the earlier reading of this namespace, or `elapsed` where neither has a time.
    pub fn elapsed_since(&self, earlier: &NetnsSnapshot, elapsed: Duration) -> Duration {
        let own = self.at.saturating_sub(earlier.at);
        if own.is_zero() { elapsed } else { own }
    }

    /// When the table of connections was last dumped, of those parts that are compared.
    fn walked_at(&self) -> Option<Duration> {
        let ports = self.port_holders.as_ref().map(|part| part.at);
        let time_waits = self.time_waits.as_ref().map(|part| part.at);
        ports.into_iter().chain(time_waits).min()
    }
}

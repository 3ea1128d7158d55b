//! Snapshots to a report of the network.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    HalfClosedReport, MemoryEvents, Traffic, findings::findings, half_closed::half_closed,
};
use crate::{
    analysis::{Finding, Previous, change, of_netns, per_second, wrapping_change},
    model::{
        Incomplete, Netns, NetnsSnapshot, Snapshot,
        snapshot::{
            Conntrack, ConntrackTotals, HostNetwork, Interface, NetnsNetwork, ProtocolMemory,
            ReversePathFilter, SoftnetCpu,
        },
    },
};

/// What drops packets, and what bounds sockets, on the host and in each network namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct NetworkReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// The whole host.
    pub host: HostReport,
    /// One element per network namespace that was read.
    pub namespaces: Vec<NamespaceReport>,
}

is_report!(NetworkReport, "network/v1");

/// What is the same in all namespaces. `null` is not visible in the caller's namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct HostReport {
    /// Since the previous reading.
    pub softnet: Option<SoftnetReport>,
    /// `net.core.netdev_max_backlog`.
    pub netdev_max_backlog: Option<u32>,
    /// All TCP sockets.
    pub tcp_memory: MemoryReport,
    /// All UDP sockets.
    pub udp_memory: MemoryReport,
    /// TCP sockets that no process holds, TIME_WAITs not included.
    pub orphans: Option<u64>,
    /// `net.ipv4.tcp_max_orphans`.
    pub max_orphans: Option<u64>,
    /// orphans ÷ max_orphans.
    pub orphans_ratio: Option<f64>,
}

/// The receive queues of all CPUs, since the previous reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SoftnetReport {
    /// Packets taken.
    pub processed: u64,
    /// Packets dropped, by a full queue or by the limit for one flow.
    pub dropped: u64,
    /// Of `dropped`, by the limit for one flow.
    pub flow_limit: u64,
    /// Times that a CPU stopped with packets left. Nothing is lost by that.
    pub time_squeeze: u64,
}

/// Memory of one protocol's sockets, in pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct MemoryReport {
    /// In use.
    pub pages: Option<u64>,
    /// Up to here a protocol is not limited.
    pub low: Option<u64>,
    /// Beyond this TCP is under memory pressure.
    pub pressure: Option<u64>,
    /// Beyond this no memory is granted.
    pub high: Option<u64>,
    /// pages ÷ high.
    pub used_ratio: Option<f64>,
}

/// One network namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct NamespaceReport {
    /// The network namespace.
    pub netns: Netns,
    /// `null` where netfilter does not track connections.
    pub conntrack: Option<ConntrackReport>,
    /// Number of interfaces; `null` where they could not be listed.
    pub interfaces: Option<u64>,
    /// The interfaces that lost or ignored packets since the previous reading.
    pub losing: Vec<InterfaceReport>,
    /// Packets that the reverse-path filter dropped since the previous reading.
    pub rp_filter_drops: Option<u64>,
    /// The same per second.
    pub rp_filter_drops_per_second: Option<f64>,
    /// Interfaces with a reverse-path filter, where it has dropped packets.
    #[serde(skip)]
    pub rp_filter: Vec<ReversePathFilter>,
    /// TCP since the previous reading.
    pub traffic: Traffic,
    /// Lack of memory since the previous reading.
    pub memory_events: MemoryEvents,
    /// Connections that one end has closed, by service, the largest group first.
    pub half_closed: Vec<HalfClosedReport>,
}

/// The table of tracked connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct ConntrackReport {
    /// Entries.
    pub count: u64,
    /// `net.netfilter.nf_conntrack_max`, which is one for the host; `null` without a limit.
    pub limit: Option<u64>,
    /// count ÷ limit.
    pub fill_ratio: Option<f64>,
    /// Packets dropped since the previous reading.
    pub drops: Option<u64>,
    /// Entries removed from a full table since the previous reading.
    pub early_drops: Option<u64>,
    /// Packets dropped since the previous reading as their entry could not be inserted.
    pub insert_failed: Option<u64>,
    /// The same per second.
    pub insert_failed_per_second: Option<f64>,
}

/// An interface that lost or ignored packets since the previous reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InterfaceReport {
    /// Its name.
    pub name: String,
    /// `veth`, `bridge`…; `null` for hardware.
    pub kind: Option<String>,
    /// It is a port of a bridge, a bond or a VRF.
    pub is_port: bool,
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Of `rx_errors`, with a wrong checksum.
    pub rx_crc_errors: u64,
    /// Packets lost as the host had no buffer ready.
    pub rx_missed_errors: u64,
    /// Packets ignored or dropped after they were received.
    pub rx_dropped: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets dropped instead of being sent.
    pub tx_dropped: u64,
}

/// Compares with limits and, for what is lost, with the previous reading.
pub fn report(now: &Snapshot, before: Previous<'_>) -> NetworkReport {
    let host = now.host_network.as_ref();
    let earlier = before.and_then(|(before, _)| before.host_network.as_ref());
    let namespace = |namespace| of_namespace(namespace, of_netns(before, namespace), now);
    let mut report = NetworkReport {
        incomplete: now.incomplete.clone(),
        findings: Vec::new(),
        host: host.map_or_else(HostReport::default, |host| of_host(host, earlier)),
        namespaces: now.namespaces.iter().map(namespace).collect(),
    };
    report.findings = findings(&report);
    report
}

fn of_host(now: &HostNetwork, before: Option<&HostNetwork>) -> HostReport {
    let softnet = || Some((now.softnet.as_deref()?, before?.softnet.as_deref()?));
    HostReport {
        softnet: softnet().map(|(now, before)| of_softnet(now, before)),
        netdev_max_backlog: now.netdev_max_backlog,
        tcp_memory: MemoryReport::of(&now.tcp_memory),
        udp_memory: MemoryReport::of(&now.udp_memory),
        orphans: now.orphans,
        max_orphans: now.max_orphans,
        orphans_ratio: ratio(now.orphans, now.max_orphans),
    }
}

/// A CPU that came online in between has no earlier numbers. Kernels that do not number the lines
/// leave out CPUs that are offline, so that lines are of the same CPUs only while there are as many.
fn of_softnet(now: &[SoftnetCpu], before: &[SoftnetCpu]) -> SoftnetReport {
    let mut sum = SoftnetReport::default();
    for (place, cpu) in now.iter().enumerate() {
        let then = match cpu.cpu {
            Some(_) => before.iter().find(|then| then.cpu == cpu.cpu),
            None => before.get(place).filter(|_| before.len() == now.len()),
        };
        let Some(then) = then else {
            continue;
        };
        let moved = |before, now| u64::from(wrapping_change(before, now));
        sum.processed += moved(then.processed, cpu.processed);
        sum.dropped += moved(then.dropped, cpu.dropped);
        sum.time_squeeze += moved(then.time_squeeze, cpu.time_squeeze);
        let limited = then.flow_limit.zip(cpu.flow_limit);
        sum.flow_limit += limited.map_or(0, |(before, now)| moved(before, now));
    }
    sum
}

fn of_namespace(
    now: &NetnsSnapshot,
    before: Previous<'_, NetnsSnapshot>,
    all: &Snapshot,
) -> NamespaceReport {
    let none = NetnsNetwork::default();
    let network = now.network.as_ref().unwrap_or(&none);
    let earlier = before.and_then(|(before, _)| before.network.as_ref());
    let elapsed = before.map(|(_, elapsed)| elapsed);
    let per_second = |count: Option<u64>| per_second(count? as f64, elapsed?);
    let conntrack = network.conntrack.map(|conntrack| {
        let then = earlier.and_then(|earlier| earlier.conntrack);
        let mut report = ConntrackReport::of(&conntrack, then.and_then(|then| then.totals));
        report.insert_failed_per_second = per_second(report.insert_failed);
        report
    });
    let value = |part: &NetnsSnapshot| part.counters.value("TcpExt", "IPReversePathFilter");
    let filtered = before.and_then(|(before, _)| change(value(before)?, value(now)?));
    let filtered = filtered.and_then(|count| u64::try_from(count).ok());
    let interfaces = network.interfaces.as_deref();
    let then = earlier.and_then(|earlier| earlier.interfaces.as_deref());
    NamespaceReport {
        netns: now.netns.clone(),
        conntrack,
        interfaces: interfaces.map(|interfaces| interfaces.len() as u64),
        losing: losing(interfaces.unwrap_or_default(), then.unwrap_or_default()),
        rp_filter_drops: filtered,
        rp_filter_drops_per_second: per_second(filtered),
        rp_filter: network.rp_filter.clone(),
        traffic: Traffic::of(now, before),
        memory_events: MemoryEvents::of(now, before),
        half_closed: half_closed(now, before, all.owners.as_deref()),
    }
}

/// Interfaces are told apart by index and name: both are given again.
fn losing(now: &[Interface], before: &[Interface]) -> Vec<InterfaceReport> {
    let then = |one: &Interface| {
        let mut before = before.iter();
        before.find(|then| then.index == one.index && then.name == one.name)
    };
    let compared = now.iter().filter_map(|now| Some((now, then(now)?)));
    let reports = compared.filter_map(|(now, before)| InterfaceReport::of(now, before));
    reports.filter(InterfaceReport::has_lost).collect()
}

impl ConntrackReport {
    fn of(now: &Conntrack, before: Option<ConntrackTotals>) -> Self {
        let limit = now.max.filter(|max| *max > 0);
        let moved = |of: fn(&ConntrackTotals) -> u64| {
            of(now.totals.as_ref()?).checked_sub(of(before.as_ref()?))
        };
        ConntrackReport {
            count: now.count,
            limit,
            fill_ratio: ratio(Some(now.count), limit),
            drops: moved(|totals| totals.drop),
            early_drops: moved(|totals| totals.early_drop),
            insert_failed: moved(|totals| totals.insert_failed),
            insert_failed_per_second: None,
        }
    }
}

impl InterfaceReport {
    /// `None` where a number fell: it is another interface, or was reset.
    fn of(now: &Interface, before: &Interface) -> Option<Self> {
        let (then, stats) = (&before.stats, &now.stats);
        Some(InterfaceReport {
            name: now.name.clone(),
            kind: now.kind.clone(),
            is_port: now.master.is_some(),
            received: stats.rx_packets.checked_sub(then.rx_packets)?,
            sent: stats.tx_packets.checked_sub(then.tx_packets)?,
            rx_errors: stats.rx_errors.checked_sub(then.rx_errors)?,
            rx_crc_errors: stats.rx_crc_errors.checked_sub(then.rx_crc_errors)?,
            rx_missed_errors: stats.rx_missed_errors.checked_sub(then.rx_missed_errors)?,
            rx_dropped: stats.rx_dropped.checked_sub(then.rx_dropped)?,
            tx_errors: stats.tx_errors.checked_sub(then.tx_errors)?,
            tx_dropped: stats.tx_dropped.checked_sub(then.tx_dropped)?,
        })
    }

    fn has_lost(&self) -> bool {
        self.lost_received() + self.lost_sent() + self.rx_dropped > 0
    }

    /// Packets that came and were lost for certain.
    pub fn lost_received(&self) -> u64 {
        self.rx_errors + self.rx_missed_errors
    }

    /// Packets that were to be sent and were not.
    pub fn lost_sent(&self) -> u64 {
        self.tx_errors + self.tx_dropped
    }
}

impl MemoryReport {
    fn of(memory: &ProtocolMemory) -> Self {
        let high = memory.limits.map(|limits| limits.high);
        MemoryReport {
            pages: memory.pages,
            low: memory.limits.map(|limits| limits.low),
            pressure: memory.limits.map(|limits| limits.pressure),
            high,
            used_ratio: ratio(memory.pages, high),
        }
    }
}

pub(super) fn ratio(count: Option<u64>, limit: Option<u64>) -> Option<f64> {
    let limit = limit.filter(|limit| *limit > 0)?;
    Some(count? as f64 / limit as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before Linux 5.10 the line of CPU 2 takes the place of that of CPU 1, which went offline.
    #[test]
    fn lines_without_a_number_are_not_compared_where_a_cpu_came_or_went() {
        let cpu = |dropped| SoftnetCpu {
            dropped,
            ..SoftnetCpu::default()
        };
        let dropped = |now: &[SoftnetCpu], before: &[SoftnetCpu]| of_softnet(now, before).dropped;
        assert_eq!(dropped(&[cpu(3), cpu(9)], &[cpu(3), cpu(7)]), 2);
        assert_eq!(dropped(&[cpu(3), cpu(1)], &[cpu(3), cpu(7), cpu(1)]), 0);
    }
}

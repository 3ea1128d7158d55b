//! Packets that interfaces lose, and the queues between them and the protocols.

use super::{NamespaceReport, tool};
use crate::analysis::{
    Finding,
    Severity::{Info, Warning},
    finding::in_shell,
    network::{HostReport, InterfaceReport},
    rules::{
        INTERFACE_DROPS, INTERFACE_IGNORED_ONE_IN, INTERFACE_LEAST, INTERFACE_LOSS_ONE_IN,
        SOFTNET_DROPS,
    },
};

/// A CPU that stops with packets left (`time_squeeze`) loses none. Before Linux 6.10 the packets of
/// an interface that goes down count, too, so that a few are ordinary where containers end.
pub fn softnet(host: &HostReport) -> Option<Finding> {
    let softnet = host.softnet.filter(|softnet| softnet.dropped > 0)?;
    let dropped = softnet.dropped;
    let severity = match is_much(dropped, softnet.processed) {
        true => Warning,
        false => Info,
    };
    let message = format!(
        "{dropped} received packets dropped by the queues of CPUs since the previous reading"
    );
    let finding = SOFTNET_DROPS
        .finding(severity, "host", message)
        .count("host.softnet.dropped", dropped, "packets")
        .count("host.softnet.flow_limit", softnet.flow_limit, "packets")
        .count("host.softnet.processed", softnet.processed, "packets")
        .count("host.softnet.time_squeeze", softnet.time_squeeze, "times")
        .count_known(
            "host.netdev_max_backlog",
            host.netdev_max_backlog,
            "packets",
        );
    let finding = match softnet.flow_limit >= dropped {
        true => finding
            .because("one flow took more than its share of a queue (net.core.flow_limit_cpu_bitmap)")
            .remedy("sysctl -w net.core.flow_limit_cpu_bitmap=0 # a heavy flow may then crowd out others"),
        false => {
            let finding = finding.likely(
                "a queue was full (net.core.netdev_max_backlog): one CPU receives most packets, or \
                 has too little time for them",
            );
            let more = host.netdev_max_backlog.map(|limit| limit.saturating_mul(2));
            finding
                .with(more, |finding, more| {
                    finding.remedy(format!(
                        "sysctl -w net.core.netdev_max_backlog={more} # packets wait longer, and \
                         take memory, for each CPU"
                    ))
                })
                .remedy("spread the interface's packets over CPUs: ethtool -L, or rps_cpus in /sys/class/net")
        }
    };
    Some(
        finding
            .next("cat /proc/net/softnet_stat")
            .next("cat /proc/interrupts"),
    )
}

/// `softnet_drops`: received packets that the queues of CPUs dropped count as `rx_dropped`, too.
pub fn interfaces<'a>(
    namespace: &'a NamespaceReport,
    softnet_drops: bool,
) -> impl Iterator<Item = Finding> + 'a {
    let interfaces = namespace.losing.iter();
    interfaces.filter_map(move |interface| {
        let ignored = || ignored(namespace, interface).filter(|_| !softnet_drops);
        lost(namespace, interface).or_else(ignored)
    })
}

/// Far less slows TCP down little.
fn is_much(lost: u64, passed: u64) -> bool {
    let all = lost.saturating_add(passed);
    lost >= INTERFACE_LEAST && lost.saturating_mul(INTERFACE_LOSS_ONE_IN) >= all
}

fn lost(namespace: &NamespaceReport, interface: &InterfaceReport) -> Option<Finding> {
    let received = (interface.lost_received(), interface.received);
    let sent = (interface.lost_sent(), interface.sent);
    let parts: Vec<String> = [(received, "received"), (sent, "sent")]
        .into_iter()
        .filter(|((lost, passed), _)| is_much(*lost, *passed))
        .map(|((lost, passed), way)| format!("{lost} packets lost, {passed} {way}"))
        .collect();
    if parts.is_empty() {
        return None;
    }
    let message = format!("{} since the previous reading", parts.join("; "));
    let finding = INTERFACE_DROPS.finding(Warning, &interface.name, message);
    let finding = about(finding, namespace, interface);
    let name = in_shell(&interface.name);
    let (missed, bad) = (interface.rx_missed_errors, interface.rx_errors);
    let finding = if interface.lost_sent() > interface.lost_received() {
        finding.likely(
            "the other end does not take the packets: a virtual machine, container or tunnel that \
             is down or slow; on hardware the link or the driver",
        )
    } else if missed > bad {
        finding
            .likely("packets come faster than the host takes them from the ring of the interface")
            .remedy(format!(
                "ethtool -G {name} rx 4096 # the largest is shown by ethtool -g; the link is reset \
                 for a moment"
            ))
    } else {
        finding
            .likely("bad packets on the wire: cable, transceiver, port, or duplex settings")
            .remedy("replace the cable or the transceiver, then compare the counters at both ends")
    };
    let show = tool(namespace, format!("ip -s -s link show dev {name}"));
    let hardware = interface.kind.is_none() && interface.name != "lo";
    Some(finding.next(show).with(
        hardware.then(|| tool(namespace, format!("ethtool -S {name}"))),
        Finding::next,
    ))
}

/// Packets that need not be lost: packets of unhandled protocols count as dropped,
/// too. A port of a bridge or bond passes on what it does not handle itself.
fn ignored(namespace: &NamespaceReport, interface: &InterfaceReport) -> Option<Finding> {
    let dropped = interface.rx_dropped;
    let is_much = dropped >= INTERFACE_LEAST
        && dropped.saturating_mul(INTERFACE_IGNORED_ONE_IN) >= interface.received;
    if interface.is_port || !is_much {
        return None;
    }
    let message = format!(
        "{dropped} of {} received packets ignored or dropped since the previous reading",
        interface.received
    );
    let finding = INTERFACE_DROPS.finding(Info, &interface.name, message);
    let name = in_shell(&interface.name);
    let finding = about(finding, namespace, interface)
        .likely(
            "packets of a protocol or VLAN that nobody handles here, or too little memory in the \
             driver",
        )
        .next(tool(
            namespace,
            format!("tcpdump -c 20 -eni {name} not ip and not ip6 and not arp"),
        ))
        .next(tool(namespace, format!("ip -s -s link show dev {name}")));
    Some(finding)
}

fn about(finding: Finding, namespace: &NamespaceReport, interface: &InterfaceReport) -> Finding {
    let numbers = [
        ("rx_errors", interface.rx_errors),
        ("rx_crc_errors", interface.rx_crc_errors),
        ("rx_missed_errors", interface.rx_missed_errors),
        ("rx_dropped", interface.rx_dropped),
        ("tx_errors", interface.tx_errors),
        ("tx_dropped", interface.tx_dropped),
    ];
    let moved = numbers.into_iter().filter(|(_, count)| *count > 0);
    let finding = finding
        .in_netns(&namespace.netns)
        .text("kind", interface.kind.clone())
        .count("received", interface.received, "packets")
        .count("sent", interface.sent, "packets");
    moved.fold(finding, |finding, (name, count)| {
        finding.count(name, count, "packets")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::network::SoftnetReport;

    /// An interface that went down with packets under way, or one burst in many packets.
    #[test]
    fn a_few_packets_that_cpus_drop_are_an_info() {
        let severity = |dropped, processed| {
            let host = HostReport {
                softnet: Some(SoftnetReport {
                    processed,
                    dropped,
                    ..SoftnetReport::default()
                }),
                ..HostReport::default()
            };
            softnet(&host).map(|finding| finding.severity)
        };
        assert_eq!(severity(0, 100), None);
        assert_eq!(severity(9, 0), Some(Info));
        assert_eq!(severity(10, 9990), Some(Warning));
        assert_eq!(severity(10, 9991), Some(Info));
    }
}

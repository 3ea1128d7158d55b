//! TCP that fares badly, by the counters of a namespace.

use super::{NamespaceReport, tool};
use crate::analysis::{
    Finding,
    Severity::Warning,
    rules::{
        RESETS_ONE_IN, RESETS_PER_SECOND, RESETS_SENT, RETRANSMISSIONS_HIGH, RETRANSMISSIONS_LEAST,
        RETRANSMISSIONS_PERCENT,
    },
};

/// SYNs and SYN-ACKs are not counted: they are retransmitted where nobody answers, whatever the
/// path loses.
pub fn retransmissions(namespace: &NamespaceReport) -> Option<Finding> {
    let traffic = &namespace.traffic;
    let (sent, again) = (traffic.sent?, traffic.retransmitted?);
    let all = sent.saturating_add(again);
    let is_much = again.saturating_mul(100) >= all.saturating_mul(RETRANSMISSIONS_PERCENT);
    if again < RETRANSMISSIONS_LEAST || !is_much {
        return None;
    }
    let percent = traffic.retransmitted_ratio? * 100.0;
    let message = format!(
        "{again} of {all} segments retransmitted since the previous reading ({percent:.1} %)"
    );
    let duplicates = traffic.duplicates_reported;
    let is_spurious = duplicates.is_some_and(|count| count.saturating_mul(2) >= again);
    let cause = match is_spurious {
        true => "reordering or delay on the path: peers report at least half of them as duplicates",
        false => "packets lost on the path to some peers, or dropped by them",
    };
    let finding = RETRANSMISSIONS_HIGH
        .of_netns(Warning, &namespace.netns, message)
        .count("traffic.sent", sent, "segments")
        .count("traffic.retransmitted", again, "segments")
        .decimal(
            "traffic.retransmitted_ratio",
            traffic.retransmitted_ratio,
            "ratio",
        )
        .count_known("traffic.duplicates_reported", duplicates, "segments")
        .likely(cause)
        .next(tool(namespace, "ss -tni | grep -B1 retrans:"))
        .next(tool(namespace, "ip -s link"));
    Some(finding)
}

/// Separates resets that processes cause from resets that answer packets without a connection.
pub fn resets(namespace: &NamespaceReport) -> Option<Finding> {
    let traffic = &namespace.traffic;
    let (resets, per_second) = (traffic.resets_sent?, traffic.resets_sent_per_second?);
    let handshakes = traffic.handshakes?;
    // A few in an instant are many a second.
    let rate = per_second.min(resets as f64);
    if rate <= RESETS_PER_SECOND || resets.saturating_mul(RESETS_ONE_IN) <= handshakes {
        return None;
    }
    let message = format!(
        "{resets} RSTs sent since the previous reading ({per_second:.0} a second), {handshakes} \
         handshakes"
    );
    let finding = RESETS_SENT
        .of_netns(Warning, &namespace.netns, message)
        .count("traffic.resets_sent", resets, "segments")
        .decimal("traffic.resets_sent_per_second", per_second, "segments")
        .count("traffic.handshakes", handshakes, "connections")
        .count_known(
            "traffic.resets_by_processes",
            traffic.resets_by_processes,
            "connections",
        )
        .count_known(
            "traffic.failed_handshakes",
            traffic.failed_handshakes,
            "connections",
        );
    let by_processes = traffic.resets_by_processes.unwrap_or(0);
    let finding = match by_processes.saturating_mul(2) >= resets {
        true => finding
            .likely(
                "processes close connections with unread data, or before all data has come, or \
                 with SO_LINGER 0",
            )
            .remedy("read to the end of a request before close(), or shutdown(SHUT_WR) and read"),
        false => finding
            .likely(
                "connects to ports on which nothing listens (a service that is down, a scan), or \
                 segments of connections that have ended",
            )
            .remedy("start the service that peers connect to, or drop the scanner's SYNs"),
    };
    Some(finding.next_in_netns("sockdiag trace --summary --for 10s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::network::Traffic;

    #[test]
    fn a_few_resets_in_an_instant_are_not_many() {
        let found = |sent: u64, milliseconds: u64| {
            let traffic = Traffic {
                resets_sent: Some(sent),
                resets_sent_per_second: Some(sent as f64 * 1000.0 / milliseconds as f64),
                handshakes: Some(sent),
                ..Traffic::default()
            };
            let namespace = NamespaceReport {
                traffic,
                ..NamespaceReport::default()
            };
            resets(&namespace).is_some()
        };
        assert!(!found(20, 10));
        assert!(found(21, 10));
        assert!(!found(40, 2000));
        assert!(found(41, 2000));
    }
}

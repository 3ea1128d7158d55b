//! The rules of `counters`: drops that a counter alone proves, between two readings.

use super::{CounterReport, CountersReport, Why};
use crate::analysis::{
    Finding, Severity,
    Severity::{Critical, Info, Warning},
    finding::{Rule, SINCE, worst_first},
    rules::{
        ACCEPT_QUEUE_OVERFLOW, LISTEN_DROPS_OTHER, SYN_COOKIES_ACTIVE, SYN_QUEUE_FULL,
        TIMEWAIT_OVERFLOW, UDP_RECEIVE_OVERFLOW,
    },
};

/// A counter of which any rise is a problem.
struct Signal {
    counter: &'static str,
    rule: &'static Rule,
    severity: Severity,
    /// What the counter counts, as it follows the number.
    what: &'static str,
    next: &'static str,
}

static SIGNALS: [Signal; 6] = [
    Signal {
        counter: "TcpExtListenOverflows",
        rule: &ACCEPT_QUEUE_OVERFLOW,
        severity: Critical,
        what: "SYNs or final ACKs dropped by full accept queues",
        next: "sockdiag queues -w",
    },
    Signal {
        counter: "TcpExtTCPReqQFullDrop",
        rule: &SYN_QUEUE_FULL,
        severity: Critical,
        what: "SYNs dropped by full SYN queues",
        next: "sockdiag queues -w",
    },
    Signal {
        counter: "TcpExtTCPReqQFullDoCookies",
        rule: &SYN_COOKIES_ACTIVE,
        severity: Warning,
        what: "SYNs answered with cookies by full SYN queues",
        next: "sockdiag queues -w",
    },
    Signal {
        counter: "TcpExtTCPTimeWaitOverflow",
        rule: &TIMEWAIT_OVERFLOW,
        severity: Warning,
        what: "connections closed without a TIME_WAIT",
        next: "sockdiag timewait",
    },
    Signal {
        counter: "UdpRcvbufErrors",
        rule: &UDP_RECEIVE_OVERFLOW,
        severity: Warning,
        what: "IPv4 datagrams dropped by full receive buffers",
        next: "sockdiag queues -u -w",
    },
    Signal {
        counter: "Udp6RcvbufErrors",
        rule: &UDP_RECEIVE_OVERFLOW,
        severity: Warning,
        what: "IPv6 datagrams dropped by full receive buffers",
        next: "sockdiag queues -u -w",
    },
];

/// What the report concludes, the worst first.
pub fn findings(report: &CountersReport) -> Vec<Finding> {
    let counters = report
        .counters
        .iter()
        .filter(|counter| !counter.is_harmless);
    let mut findings: Vec<Finding> = counters.filter_map(risen).collect();
    findings.extend(report.why.iter().filter_map(other_drops));
    worst_first(&mut findings);
    findings
}

fn risen(counter: &CounterReport) -> Option<Finding> {
    let delta = counter.delta.filter(|delta| *delta > 0)?;
    let name = counter.kernel_name();
    let signal = SIGNALS.iter().find(|signal| signal.counter == name)?;
    let message = format!("{delta} {} {SINCE}", signal.what);
    let (rule, severity) = (signal.rule, signal.severity);
    let finding = rule
        .of_netns(severity, &counter.netns, message)
        .text("name", counter.name.to_string())
        .count("delta", delta, "events")
        .decimal("per_second", counter.per_second, "events")
        .next_in_netns(signal.next);
    Some(finding)
}

/// Drops at listeners that neither an accept queue nor a SYN queue explains.
fn other_drops(why: &Why) -> Option<Finding> {
    let (drops, severity, since) = match &why.delta {
        Some(delta) => (delta, Warning, SINCE),
        None => (&why.total, Info, "since the namespace was created"),
    };
    let other = drops.other.filter(|other| *other > 0)?;
    let message =
        format!("{other} listen drops {since} are neither accept-queue nor SYN-queue overflows");
    let finding = LISTEN_DROPS_OTHER
        .of_netns(severity, &why.netns, message)
        .count("why.other", other, "packets")
        .count_known("why.listen_drops", drops.listen_drops, "packets")
        .likely(
            "no route for the SYN-ACK, no memory, a security module; with SYN cookies off, a SYN \
             queue over 3/4 of net.ipv4.tcp_max_syn_backlog",
        )
        .next_in_netns("sockdiag queues -w");
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::counters::{Drops, entry},
        model::CounterId,
    };

    fn counter(name: &str, delta: Option<i128>) -> CounterReport {
        let id = CounterId::from(name);
        CounterReport {
            name: id.name,
            table: id.table,
            value: Some(9),
            delta,
            ..CounterReport::default()
        }
    }

    fn ids(counter: CounterReport) -> Vec<&'static str> {
        let report = CountersReport {
            counters: vec![counter],
            ..CountersReport::default()
        };
        findings(&report).iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn each_signal_is_a_counter_of_the_catalogue() {
        for signal in &SIGNALS {
            assert!(
                entry(signal.counter).is_some_and(|entry| entry.trouble),
                "{}",
                signal.counter
            );
            assert_eq!(ids(counter(signal.counter, Some(1))), [signal.rule.id]);
            assert!(
                ids(counter(signal.counter, Some(0))).is_empty(),
                "risen before"
            );
            assert!(ids(counter(signal.counter, None)).is_empty(), "since boot");
        }
        assert!(ids(counter("TcpActiveOpens", Some(1))).is_empty());
    }

    /// With tcp_syncookies = 2 every SYN counts as if the SYN queue were full.
    #[test]
    fn a_counter_that_rises_without_a_problem_proves_nothing() {
        let harmless = CounterReport {
            is_harmless: true,
            ..counter("TcpExtTCPReqQFullDoCookies", Some(1))
        };
        assert!(ids(harmless).is_empty());
    }

    #[test]
    fn drops_that_a_queue_explains_are_not_other_drops() {
        let why = |other, delta| Why {
            netns: Default::default(),
            total: Drops {
                other,
                ..Drops::default()
            },
            delta,
        };
        let drops = |other| {
            Some(Drops {
                other: Some(other),
                ..Drops::default()
            })
        };
        assert_eq!(other_drops(&why(Some(0), None)), None);
        assert_eq!(other_drops(&why(None, None)), None);
        let since_boot = other_drops(&why(Some(3), None)).unwrap();
        assert_eq!((since_boot.severity, since_boot.inferred), (Info, true));
        assert!(
            since_boot
                .message
                .starts_with("3 listen drops since the namespace")
        );
        assert_eq!(
            other_drops(&why(Some(3), drops(0))),
            None,
            "before the interval"
        );
        assert_eq!(
            other_drops(&why(Some(3), drops(1))).unwrap().severity,
            Warning
        );
    }
}

//! The rules of `timewait`: the bucket limit, and ports in TIME_WAIT.

use super::{Fullest, NamespaceReport, TimewaitReport};
use crate::analysis::{
    Finding,
    Severity::{Info, Warning},
    finding::{SINCE, worst_first},
    rules::{NEAR_LIMIT, PORTS_HELD_BY_TIME_WAIT, TIMEWAIT_NEAR_LIMIT, TIMEWAIT_OVERFLOW},
};

/// What the report concludes, the worst first.
pub fn findings(report: &TimewaitReport) -> Vec<Finding> {
    let namespaces = report.namespaces.iter();
    let limits = namespaces.filter_map(|namespace| overflow(namespace).or_else(|| near(namespace)));
    let mut findings: Vec<Finding> = limits.collect();
    findings.extend(report.fullest.as_ref().and_then(ports));
    worst_first(&mut findings);
    findings
}

/// Without a previous reading, losses count only while the limit is reached.
fn overflow(report: &NamespaceReport) -> Option<Finding> {
    let limit = report.totals.limit.map(u64::from);
    let is_full = limit.is_some_and(|limit| report.totals.count >= limit);
    let message = match report.totals.overflows_delta {
        Some(lost @ 1..) => {
            format!("{lost} connections lost their TIME_WAIT {SINCE}")
        }
        None if report.totals.overflows > Some(0) && is_full => {
            "the limit is reached: connections are closed without a TIME_WAIT".to_owned()
        }
        _ => return None,
    };
    let finding = TIMEWAIT_OVERFLOW.of_netns(Warning, &report.netns, message);
    let finding = match is_full {
        true => finding.because("net.ipv4.tcp_max_tw_buckets is reached"),
        false => finding.likely(
            "net.ipv4.tcp_max_tw_buckets was reached between the readings, or memory was short",
        ),
    };
    Some(about(finding, report))
}

fn near(report: &NamespaceReport) -> Option<Finding> {
    report
        .totals
        .fill_ratio
        .filter(|ratio| *ratio >= NEAR_LIMIT)?;
    let (count, limit) = (report.totals.count, report.totals.limit?);
    let message = format!("{count} of {limit} buckets used (net.ipv4.tcp_max_tw_buckets)");
    let finding = TIMEWAIT_NEAR_LIMIT.of_netns(Warning, &report.netns, message);
    Some(about(finding, report))
}

fn about(finding: Finding, report: &NamespaceReport) -> Finding {
    let more = report
        .totals
        .limit
        .unwrap_or(0)
        .saturating_mul(2)
        .max(16_384);
    finding
        .count("count", report.totals.count, "connections")
        .count_known("limit", report.totals.limit, "connections")
        .count_known("overflows", report.totals.overflows, "connections")
        .count_known(
            "overflows_delta",
            report.totals.overflows_delta,
            "connections",
        )
        .remedy_in_netns(format!("sysctl -w net.ipv4.tcp_max_tw_buckets={more}"))
        .remedy("let the peers close first: the end that closes first keeps the TIME_WAIT")
        .next_in_netns("sockdiag timewait --by service -w")
}

fn ports(tuple: &Fullest) -> Option<Finding> {
    let subject = format!("{} → {}", tuple.source, tuple.destination);
    let message = format!("{} of {} ports are in TIME_WAIT", tuple.count, tuple.usable);
    (tuple.ratio() >= NEAR_LIMIT).then(|| {
        PORTS_HELD_BY_TIME_WAIT
            .finding(Info, subject, message)
            .in_netns(&tuple.netns)
            .count("fullest.count", tuple.count, "ports")
            .count("fullest.usable", tuple.usable, "ports")
            .because("connections to it are short and closed from this end first")
            .remedy("keep connections open (a pool)")
            .next_in_netns("sockdiag ports")
    })
}

#[cfg(test)]
mod tests {
    use super::{super::Totals, *};
    use crate::model::{Address, Netns};

    fn found(count: u64, overflows: i128, overflows_delta: Option<i128>) -> Option<Finding> {
        let totals = Totals {
            count,
            fin_wait_2: 0,
            limit: Some(100),
            fill_ratio: Some(count as f64 / 100.0),
            overflows: Some(overflows),
            overflows_delta,
        };
        let netns = Netns::default();
        let namespace = NamespaceReport { netns, totals };
        let report = TimewaitReport {
            namespaces: vec![namespace],
            ..TimewaitReport::default()
        };
        findings(&report).into_iter().next()
    }

    fn id(count: u64, overflows: i128, delta: Option<i128>) -> Option<&'static str> {
        found(count, overflows, delta).map(|finding| finding.id)
    }

    #[test]
    fn a_limit_is_near_from_four_fifths_on() {
        assert_eq!(id(79, 0, None), None);
        assert_eq!(id(80, 0, None), Some("timewait_near_limit"));
        assert_eq!(
            id(100, 0, None),
            Some("timewait_near_limit"),
            "and nothing lost yet"
        );
    }

    /// What was lost since the namespace was created may be long ago.
    #[test]
    fn an_overflow_needs_losses_in_the_interval_or_a_full_table() {
        assert_eq!(id(79, 9, None), None);
        assert_eq!(id(10, 9, Some(0)), None);
        assert_eq!(id(100, 9, Some(0)), Some("timewait_near_limit"));
        assert_eq!(id(99, 1, None), Some("timewait_near_limit"));
        assert_eq!(id(100, 1, None), Some("timewait_overflow"));
        assert_eq!(id(10, 9, Some(1)), Some("timewait_overflow"));
    }

    /// A TIME_WAIT is also lost where memory is short.
    #[test]
    fn the_limit_is_the_cause_only_where_it_is_reached() {
        let cause = |count| found(count, 9, Some(1)).map(|finding| finding.inferred);
        assert_eq!([cause(100), cause(10)], [Some(false), Some(true)]);
        let remedy = found(100, 9, Some(1)).unwrap().remedy;
        assert_eq!(remedy[0], "sysctl -w net.ipv4.tcp_max_tw_buckets=16384");
    }

    #[test]
    fn a_tuple_that_time_waits_hold_to_four_fifths_is_an_info() {
        let found = |count| {
            let fullest = Fullest {
                netns: Netns::default(),
                source: [10, 0, 0, 5].into(),
                destination: Address {
                    address: [10, 0, 0, 9].into(),
                    port: 80,
                },
                count,
                usable: 10,
            };
            let report = TimewaitReport {
                fullest: Some(fullest),
                ..TimewaitReport::default()
            };
            findings(&report).into_iter().next()
        };
        assert_eq!(found(7), None);
        let eight = found(8).unwrap();
        assert_eq!(
            (eight.id, eight.severity),
            ("ports_held_by_time_wait", Info)
        );
        assert_eq!(eight.subject, "10.0.0.5 → 10.0.0.9:80");
        assert_eq!(eight.message, "8 of 10 ports are in TIME_WAIT");
    }
}

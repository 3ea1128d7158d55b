//! The rules of `timewait`: how near the bucket limit is, and ports that TIME_WAITs hold.

use super::{Fullest, NamespaceReport, TimewaitReport};
use crate::analysis::{
    Finding,
    Severity::{Info, Warning},
    finding::{namespace, on_netns, worst_first},
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

/// Connections were lost since the previous reading; without one, some were lost before and the
/// limit is reached now.
fn overflow(report: &NamespaceReport) -> Option<Finding> {
    let is_full = report
        .limit
        .is_some_and(|limit| report.count >= limit.into());
    let message = match report.overflows_delta {
        Some(lost @ 1..) => {
            format!("{lost} connections lost their TIME_WAIT since the previous reading")
        }
        None if report.overflows > Some(0) && is_full => {
            "the limit is reached: connections are closed without a TIME_WAIT".to_owned()
        }
        _ => return None,
    };
    let finding = TIMEWAIT_OVERFLOW.finding(Warning, namespace(&report.netns), message);
    let finding = match is_full {
        true => finding.because("net.ipv4.tcp_max_tw_buckets is reached"),
        false => finding.likely(
            "net.ipv4.tcp_max_tw_buckets was reached between the readings, or memory was short",
        ),
    };
    Some(about(finding, report))
}

fn near(report: &NamespaceReport) -> Option<Finding> {
    let limit = report
        .limit
        .filter(|_| report.fill_ratio >= Some(NEAR_LIMIT))?;
    let message = format!(
        "{} of {limit} buckets used (net.ipv4.tcp_max_tw_buckets)",
        report.count
    );
    let finding = TIMEWAIT_NEAR_LIMIT.finding(Warning, namespace(&report.netns), message);
    Some(about(finding, report))
}

fn about(finding: Finding, report: &NamespaceReport) -> Finding {
    let limit = report.limit.unwrap_or(0);
    finding
        .in_netns(&report.netns)
        .count("count", report.count, "connections")
        .with(report.limit, |finding, limit| {
            finding.count("limit", limit, "connections")
        })
        .with(report.overflows, |finding, lost| {
            finding.count("overflows", lost, "connections")
        })
        .with(report.overflows_delta, |finding, lost| {
            finding.count("overflows_delta", lost, "connections")
        })
        .remedy(format!(
            "sysctl -w net.ipv4.tcp_max_tw_buckets={}",
            limit.saturating_mul(2).max(16_384)
        ))
        .remedy("let the peers close first: the end that closes first keeps the TIME_WAIT")
        .next(on_netns(
            "sockdiag timewait --by service -w".to_owned(),
            &report.netns,
        ))
}

fn ports(tuple: &Fullest) -> Option<Finding> {
    let (source, destination) = (tuple.source, tuple.destination);
    (tuple.ratio() >= NEAR_LIMIT).then(|| {
        let message = format!("{} of {} ports are in TIME_WAIT", tuple.count, tuple.usable);
        PORTS_HELD_BY_TIME_WAIT
            .finding(Info, format!("{source} → {destination}"), message)
            .in_netns(&tuple.netns)
            .count("fullest.count", tuple.count, "ports")
            .count("fullest.usable", tuple.usable, "ports")
            .because("connections to it are short and closed from this end first")
            .remedy("keep connections open (a pool)")
            .next(on_netns("sockdiag ports".to_owned(), &tuple.netns))
    })
}

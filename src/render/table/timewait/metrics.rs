//! Timewait sockets for a scraper: groups as `--by` makes them.

use sockdiag::analysis::timewait::{Side, TimewaitReport};

use crate::render::{Kind, Metric};

/// Numbers of each namespace, and of each group.
pub fn metrics(report: &TimewaitReport) -> Vec<Metric> {
    let gauge = |name, help| Metric::new(name, Kind::Gauge, help);
    let mut sockets = gauge(
        "sockdiag_timewait_sockets",
        "Sockets in TIME_WAIT, or in FIN_WAIT2 without an owner.",
    );
    let mut limit = gauge(
        "sockdiag_timewait_limit",
        "The most that are kept (tcp_max_tw_buckets).",
    );
    let mut overflows = Metric::new(
        "sockdiag_timewait_overflows_total",
        Kind::Counter,
        "Connections forgotten at once for want of a bucket or memory.",
    );
    let mut groups = gauge(
        "sockdiag_timewait_group_sockets",
        "Timewait sockets that have something in common.",
    );
    for namespace in &report.namespaces {
        let labels = vec![("netns", namespace.netns.label())];
        sockets.add(&labels, namespace.count as f64);
        if let Some(most) = namespace.limit {
            limit.add(&labels, most.into());
        }
        if let Some(lost) = namespace.overflows {
            overflows.add(&labels, lost as f64);
        }
    }
    for group in &report.groups {
        let side = group.side.map_or("", Side::word).to_owned();
        let labels = vec![
            ("netns", group.netns.label()),
            ("key", group.key.clone().unwrap_or_default()),
            ("side", side),
        ];
        groups.add(&labels, group.count as f64);
    }
    vec![sockets, limit, overflows, groups]
}

//! The ports for a scraper: one series for each destination, so that ports of clients do not
//! multiply them.

use sockdiag::analysis::ports::{PortsReport, TupleReport};

use crate::render::{Kind, Labels, Metric};

/// The fullest tuple of each destination; sums of what adds up.
pub fn metrics(report: &PortsReport) -> Vec<Metric> {
    let gauge = |name, help| Metric::new(name, Kind::Gauge, help);
    let mut usable = gauge(
        "sockdiag_ephemeral_ports_usable",
        "Ports that connect(2) may choose from.",
    );
    let mut bound = gauge(
        "sockdiag_ephemeral_ports_bound",
        "Ports of the range held by listeners and by bind(2) for every destination.",
    );
    let mut used = gauge(
        "sockdiag_ephemeral_ports_used",
        "Ports held towards the destination, in any state.",
    );
    let mut ratio = gauge(
        "sockdiag_ephemeral_ports_used_ratio",
        "Share of the usable ports that is not free, of the fullest tuple; 1 is exhausted.",
    );
    let mut time_wait = gauge(
        "sockdiag_ephemeral_ports_time_wait",
        "Ports held by closed connections.",
    );
    for namespace in &report.namespaces {
        let labels = vec![("netns", namespace.netns.label())];
        usable.add(&labels, namespace.range.usable as f64);
        let held = namespace.listeners + namespace.bound_only.unwrap_or(0);
        bound.add(&labels, held as f64);
    }
    for row in &report.tuples {
        let labels = labels(row);
        used.add(&labels, row.used as f64);
        ratio.raise(&labels, row.used_ratio);
        time_wait.add(&labels, row.states.time_wait as f64);
    }
    vec![usable, bound, used, ratio, time_wait]
}

fn labels(row: &TupleReport) -> Labels {
    let name = |end: Option<String>| end.unwrap_or_default();
    vec![
        ("netns", row.netns.label()),
        ("source", name(row.source.map(|source| source.to_string()))),
        (
            "destination",
            name(row.destination.map(|end| end.to_string())),
        ),
        (
            "process",
            name(row.process.as_ref().map(|process| process.name.clone())),
        ),
    ]
}

//! The ports for a scraper: series of the tuples that hold much, so that a host with many
//! destinations does not make many series.

use sockdiag::analysis::ports::{PortsReport, TupleReport};

use crate::render::{Kind, Labels, Metric};

/// A tuple that holds less than this part of the usable ports has no series.
const MUCH: f64 = 0.01;

/// Numbers of each namespace, and of each line that holds much.
pub fn metrics(report: &PortsReport) -> Vec<Metric> {
    let gauge = |name, help| Metric::new(name, Kind::Gauge, help);
    let mut usable = gauge(
        "sockdiag_ephemeral_ports_usable",
        "Ports that connect(2) may choose from.",
    );
    let mut bound = gauge(
        "sockdiag_ephemeral_ports_bound",
        "Ports held by listeners and, since Linux 6.8, by bind(2) for every destination.",
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
        bound.add(&labels, namespace.blocked as f64);
    }
    for row in report.tuples.iter().filter(|row| holds_much(row, report)) {
        let labels = labels(row);
        used.add(&labels, row.used as f64);
        ratio.raise(&labels, row.used_ratio);
        time_wait.add(&labels, row.states.time_wait as f64);
    }
    vec![usable, bound, used, ratio, time_wait]
}

fn holds_much(row: &TupleReport, report: &PortsReport) -> bool {
    let mut namespaces = report.namespaces.iter();
    let namespace = namespaces.find(|namespace| namespace.netns == row.netns);
    let usable = namespace.map_or(0, |namespace| namespace.range.usable);
    row.used as f64 >= usable as f64 * MUCH
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
        ("interface", name(row.interface.clone())),
        (
            "process",
            name(row.process.as_ref().map(|process| process.name.clone())),
        ),
    ]
}

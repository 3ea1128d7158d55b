//! Metric series of `ports`. Tuples that use few ports have none, so that a host with many
//! destinations does not make many series.

use std::io;

use sockdiag::analysis::ports::{NamespaceReport, PortsReport, TupleReport};

use crate::render::prom::{self, Labels, Series};

/// A tuple that uses a smaller share of the usable ports has no series.
const FEWEST: f64 = 0.01;

#[rustfmt::skip]
static NAMESPACES: [Series<NamespaceReport>; 2] = [
    Series::gauge("sockdiag_ephemeral_ports_usable", "Ports that connect(2) may choose from.", |namespace| vec![("netns", namespace.netns.label())], |namespace| Some(namespace.range.usable as f64)),
    Series::gauge("sockdiag_ephemeral_ports_bound", "Ports in use by listeners and, since Linux 6.8, by bind(2) for every destination.", |namespace| vec![("netns", namespace.netns.label())], |namespace| Some(namespace.blocked as f64)),
];

#[rustfmt::skip]
static TUPLES: [Series<TupleReport>; 3] = [
    Series::gauge("sockdiag_ephemeral_ports_used", "Ports in use towards the destination, in any state.", labels, |row| Some(row.used as f64)),
    Series::gauge("sockdiag_ephemeral_ports_used_ratio", "Share of the usable ports that is not free, of the fullest tuple; 1 is exhausted.", labels, |row| Some(row.used_ratio)).largest(),
    Series::gauge("sockdiag_ephemeral_ports_time_wait", "Ports in use by closed connections.", labels, |row| Some(row.states.time_wait as f64)),
];

pub fn write(report: &PortsReport, out: &mut dyn io::Write) -> io::Result<()> {
    let rows = report.tuples.iter();
    prom::write(out, &NAMESPACES, &report.namespaces)?;
    prom::write(out, &TUPLES, rows.filter(|row| has_series(row, report)))
}

fn has_series(row: &TupleReport, report: &PortsReport) -> bool {
    let mut namespaces = report.namespaces.iter();
    let namespace = namespaces.find(|namespace| namespace.netns == row.netns);
    let usable = namespace.map_or(0, |namespace| namespace.range.usable);
    row.used as f64 >= usable as f64 * FEWEST
}

fn labels(row: &TupleReport) -> Labels {
    let process = row.process.as_ref();
    let all = [
        ("netns", Some(row.netns.label())),
        ("source", row.source.map(|source| source.to_string())),
        ("destination", row.destination.map(|end| end.to_string())),
        ("interface", row.interface.clone()),
        ("process", process.map(|process| process.name.clone())),
    ];
    all.map(|(name, value)| (name, value.unwrap_or_default()))
        .to_vec()
}

//! Metric series of a trace's summary.

use std::{io, net::SocketAddr, slice};

use sockdiag::analysis::handshake::{ListenerSummary, Outcome, Summary};

use super::cells::key;
use crate::render::prom::{self, Series, no_labels};

#[rustfmt::skip]
static OUTCOMES: [Series<(Outcome, u64)>; 1] = [
    Series::gauge("sockdiag_trace_handshakes", "TCP handshakes that ended while this trace ran, by outcome", |(outcome, _)| vec![("outcome", key(outcome))], |(_, count)| Some(*count as f64)),
];

#[rustfmt::skip]
static SERVERS: [Series<ListenerSummary>; 1] = [
    Series::gauge("sockdiag_trace_failed_handshakes", "TCP handshakes that failed while this trace ran, by server: those with most failures", |server| vec![("server", SocketAddr::new(server.address, server.port).to_string())], |server| Some(server.failed as f64)),
];

#[rustfmt::skip]
static QUANTILES: [Series<(&str, Option<f64>)>; 1] = [
    Series::gauge("sockdiag_trace_handshake_seconds", "Percentiles of the time from SYN to ACK of established handshakes", |(quantile, _)| vec![("quantile", (*quantile).to_owned())], |(_, milliseconds)| milliseconds.map(|ms| ms / 1000.0)),
];

#[rustfmt::skip]
static PACKETS: [Series<Summary>; 2] = [
    Series::gauge("sockdiag_trace_packets", "Packets captured while this trace ran", no_labels, |summary| Some(summary.packets as f64)),
    Series::gauge("sockdiag_trace_lost_packets", "Packets that the capture dropped while this trace ran", no_labels, |summary| summary.lost_by_kernel.map(|packets| packets as f64)),
];

pub fn write(summary: &Summary, out: &mut dyn io::Write) -> io::Result<()> {
    let outcomes = summary.outcomes.iter();
    let outcomes: Vec<_> = outcomes.map(|(key, count)| (*key, *count)).collect();
    let all = &summary.latency_ms;
    let quantiles = [
        ("0.5", all.p50),
        ("0.9", all.p90),
        ("0.99", all.p99),
        ("1", all.max),
    ];
    prom::write(out, &OUTCOMES, &outcomes)?;
    prom::write(out, &SERVERS, &summary.listeners)?;
    prom::write(out, &QUANTILES, &quantiles)?;
    prom::write(out, &PACKETS, slice::from_ref(summary))
}

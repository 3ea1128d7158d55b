//! A trace's summary for a scraper.

use std::net::SocketAddr;

use sockdiag::analysis::trace::Summary;

use super::cells::key;
use crate::render::{Kind, Metric};

/// Its numbers.
pub fn metrics(summary: &Summary) -> Vec<Metric> {
    let mut handshakes = Metric::new(
        "sockdiag_trace_handshakes",
        Kind::Gauge,
        "TCP handshakes that ended while this trace ran, by outcome",
    );
    for (outcome, count) in &summary.outcomes {
        let labels = vec![("outcome", key(outcome))];
        handshakes.add(&labels, *count as f64);
    }
    let mut failed = Metric::new(
        "sockdiag_trace_failed_handshakes",
        Kind::Gauge,
        "TCP handshakes that failed while this trace ran, of the servers with most failures",
    );
    for server in &summary.listeners {
        let name = SocketAddr::new(server.address, server.port).to_string();
        failed.add(&vec![("server", name)], server.failed as f64);
    }
    let mut latency = Metric::new(
        "sockdiag_trace_handshake_seconds",
        Kind::Gauge,
        "Percentiles of the time from SYN to ACK, of those established",
    );
    let all = &summary.latency_ms;
    for (quantile, value) in [
        ("0.5", all.p50),
        ("0.9", all.p90),
        ("0.99", all.p99),
        ("1", all.max),
    ] {
        if let Some(milliseconds) = value {
            latency.add(
                &vec![("quantile", quantile.to_owned())],
                milliseconds / 1000.0,
            );
        }
    }
    let mut packets = Metric::new(
        "sockdiag_trace_packets",
        Kind::Gauge,
        "Packets that were looked at while this trace ran",
    );
    packets.add(&Vec::new(), summary.packets as f64);
    let mut lost = Metric::new(
        "sockdiag_trace_lost_packets",
        Kind::Gauge,
        "Packets that the kernel had no room for while this trace ran",
    );
    if let Some(packets) = summary.lost_by_kernel {
        lost.add(&Vec::new(), packets as f64);
    }
    vec![handshakes, failed, latency, packets, lost]
}

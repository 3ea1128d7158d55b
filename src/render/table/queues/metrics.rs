//! The queues for a scraper.

use sockdiag::analysis::queues::{ListenerReport, LocalReport, QueueReport};

use super::columns::protocol;
use crate::render::{Kind, Labels, Metric};

/// Sums over the sockets that share an address; the fullest and the oldest where a sum says little.
pub fn metrics(report: &QueueReport) -> Vec<Metric> {
    let mut length = Metric::new(
        "sockdiag_accept_queue_length",
        Kind::Gauge,
        "Connections waiting for accept(2).",
    );
    let mut limit = Metric::new(
        "sockdiag_accept_queue_limit",
        Kind::Gauge,
        "Accept queue limit; full is greater than this.",
    );
    let mut fullest = Metric::new(
        "sockdiag_accept_queue_fill_ratio",
        Kind::Gauge,
        "Fill of the fullest socket at this address; 1 is full.",
    );
    let mut wait = Metric::new(
        "sockdiag_accept_queue_oldest_wait_seconds",
        Kind::Gauge,
        "Time the oldest connection has waited for accept(2).",
    );
    let mut syn = Metric::new(
        "sockdiag_syn_queue_length",
        Kind::Gauge,
        "Half-open connections.",
    );
    let mut syn_limit = Metric::new(
        "sockdiag_syn_queue_limit",
        Kind::Gauge,
        "Half-open connections that are kept at most.",
    );
    let mut bytes = Metric::new(
        "sockdiag_receive_queue_bytes",
        Kind::Gauge,
        "Memory of datagrams waiting to be read.",
    );
    let mut buffer = Metric::new(
        "sockdiag_receive_queue_limit_bytes",
        Kind::Gauge,
        "Receive buffer.",
    );
    let mut drops = Metric::new(
        "sockdiag_listener_drops_total",
        Kind::Counter,
        "Packets dropped by the sockets at this address, for any reason.",
    );
    for listener in &report.listeners {
        let labels = labels(listener);
        if let Some(queue) = &listener.accept_queue {
            length.add(&labels, queue.length.into());
            limit.add(&labels, queue.limit.into());
            fullest.raise(&labels, queue.fill_ratio);
            if let Some(oldest) = queue.oldest_wait_ms {
                wait.raise(&labels, oldest as f64 / 1000.0);
            }
        }
        // Of the endpoint, and repeated on each of its sockets.
        if let Some(queue) = &listener.syn_queue {
            queue
                .length
                .into_iter()
                .for_each(|length| syn.raise(&labels, length.into()));
            queue
                .limit
                .into_iter()
                .for_each(|limit| syn_limit.raise(&labels, limit as f64));
        }
        if let Some(queue) = &listener.receive_queue {
            bytes.add(&labels, queue.bytes.into());
            queue
                .limit_bytes
                .into_iter()
                .for_each(|limit| buffer.add(&labels, limit.into()));
        }
        listener
            .drops
            .into_iter()
            .for_each(|dropped| drops.add(&labels, dropped.into()));
    }
    vec![
        length, limit, fullest, wait, syn, syn_limit, bytes, buffer, drops,
    ]
}

/// What stays the same over restarts, so that series do not multiply.
fn labels(listener: &ListenerReport) -> Labels {
    let local = match &listener.local {
        LocalReport::Unix { path } => path.clone(),
        inet => inet.to_string(),
    };
    vec![
        ("netns", listener.netns.label()),
        ("protocol", protocol(listener.protocol).to_owned()),
        ("local", local),
        ("unit", listener.unit.clone().unwrap_or_default()),
    ]
}

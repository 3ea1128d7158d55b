//! Metric series of `queues`: sums over the sockets that share an address, or the largest value
//! where a sum would hide it.

use sockdiag::analysis::queues::{AcceptQueue, ListenerReport, LocalReport};

use super::columns::protocol;
use crate::render::prom::{Labels, Series};

/// The SYN queue belongs to the endpoint and is repeated on each of its sockets.
#[rustfmt::skip]
pub static SERIES: [Series<ListenerReport>; 9] = [
    Series::gauge("sockdiag_accept_queue_length", "Connections waiting for accept(2).", labels, |l| accept_queue(l, |queue| Some(queue.length.into()))),
    Series::gauge("sockdiag_accept_queue_limit", "Accept queue limit; full is greater than this.", labels, |l| accept_queue(l, |queue| Some(queue.limit.into()))),
    Series::gauge("sockdiag_accept_queue_fill_ratio", "Fill of the fullest socket at this address; 1 is full.", labels, |l| accept_queue(l, |queue| Some(queue.fill_ratio))).largest(),
    Series::gauge("sockdiag_accept_queue_oldest_wait_seconds", "Time the oldest connection has waited for accept(2).", labels, |l| accept_queue(l, |queue| Some(queue.oldest_wait_ms? as f64 / 1000.0))).largest(),
    Series::gauge("sockdiag_syn_queue_length", "Request sockets: SYN answered, final ACK (TCP_DEFER_ACCEPT: data) not received.", labels, |l| l.syn_queue.as_ref()?.length.map(f64::from)).largest(),
    Series::gauge("sockdiag_syn_queue_limit", "Limit of request sockets.", labels, |l| l.syn_queue.as_ref()?.limit.map(|limit| limit as f64)).largest(),
    Series::gauge("sockdiag_receive_queue_bytes", "Memory of datagrams that wait to be read.", labels, |l| Some(l.receive_queue.as_ref()?.bytes.into())),
    Series::gauge("sockdiag_receive_queue_limit_bytes", "Size of the receive buffer.", labels, |l| l.receive_queue.as_ref()?.limit_bytes.map(f64::from)),
    Series::counter("sockdiag_listener_drops_total", "Packets dropped by the sockets at this address, for any reason.", labels, |l| l.drops.map(f64::from)),
];

fn accept_queue(listener: &ListenerReport, value: fn(&AcceptQueue) -> Option<f64>) -> Option<f64> {
    listener.accept_queue.as_ref().and_then(value)
}

/// Only what outlives a restart, so that series do not multiply.
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

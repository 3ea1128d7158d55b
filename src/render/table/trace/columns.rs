//! Its columns.

use sockdiag::analysis::handshake::Event;

use super::{
    super::{Align::*, Cell, Column, Narrower, Value},
    cells::*,
};

/// The columns shown by default; the end of a connection has one more.
pub fn shown(closes: bool) -> Vec<&'static str> {
    let before = [
        "started",
        "client",
        "server",
        "outcome",
        "retransmits",
        "queue",
    ];
    // A failure mostly has no times: its note begins there.
    let times = ["syn_to_syn_ack", "syn_ack_to_ack"];
    let lived = closes.then_some("lived");
    let shown = before.into_iter().chain(times).chain(lived);
    shown.chain(["note"]).collect()
}

/// Columns that join two values, for people.
pub const TWO_IN_ONE: [&str; 2] = ["retransmits", "queue"];

pub const USUAL: &[(&str, usize)] = &[
    ("started", 12),
    ("client", 16),
    ("server", 14),
    ("outcome", 15),
    ("syn_ack_to_ack", 6),
    ("total", 6),
    ("lived", 6),
    ("queue", 8),
];

pub const NARROWER: &[Narrower] = &[
    Narrower::Join(["syn_to_syn_ack", "syn_ack_to_ack"], "total"),
    Narrower::Drop("note"),
    Narrower::Drop("queue"),
    Narrower::Drop("retransmits"),
    Narrower::Drop("lived"),
    Narrower::Drop("total"),
    Narrower::Shorten("client server"),
    Narrower::Drop("started"),
    Narrower::LastResort("client"),
];

#[rustfmt::skip]
pub static COLUMNS: [Column<Event>; 24] = [
    Column::new("started", "TIME", Left, started, "when the first packet was captured, local time; of a close, the last packet"),
    Column::new("client", "CLIENT", Left, |e, _| name(ends(e).map(|ends| ends.0)), "sender of the SYN"),
    Column::new("server", "SERVER", Left, |e, _| name(ends(e).map(|ends| ends.1)), "receiver of the SYN"),
    Column::new("outcome", "OUTCOME", Left, outcome, "how it ended"),
    Column::new("syn_to_syn_ack", "SYN→SYN-ACK", Right, |e, _| latency(handshake(e).and_then(|h| h.syn_to_syn_ack_ms)), "first SYN to first SYN-ACK: the server's kernel where captured on the server, else the network too"),
    Column::new("syn_ack_to_ack", "→ACK", Right, |e, _| latency(handshake(e).and_then(|h| h.syn_ack_to_ack_ms)), "first SYN-ACK to first ACK: network and client where captured on the server"),
    Column::new("total", "TOTAL", Right, |e, _| latency(handshake(e).and_then(|h| h.total_ms)), "first SYN to first ACK"),
    Column::new("host", "HOST", Right, |e, _| latency(handshake(e).and_then(|h| h.host_ms)), "the part of TOTAL spent on the host it was captured on"),
    Column::new("network", "NETWORK", Right, |e, _| latency(handshake(e).and_then(|h| h.network_ms)), "the part of TOTAL spent in the network and on the peer"),
    Column::new("retransmits", "RETRANS", Left, retransmits, "retransmissions of the SYN and of the SYN-ACK"),
    Column::new("syn_retransmits", "SYN RETRANS", Right, |e, _| Cell::count(handshake(e).map(|h| h.syn_retransmits)), "retransmissions of the SYN"),
    Column::new("syn_ack_retransmits", "SYN-ACK RETRANS", Right, |e, _| Cell::count(handshake(e).map(|h| h.syn_ack_retransmits)), "retransmissions of the SYN-ACK"),
    Column::new("queue", "QUEUE", Left, queue, "length and limit of the listener's accept queue, sampled within milliseconds"),
    Column::new("queue_length", "QUEUE LENGTH", Right, |e, _| Cell::count(sample(e).map(|queue| queue.length)), "connections in the listener's accept queue"),
    Column::new("queue_limit", "QUEUE LIMIT", Right, |e, _| Cell::count(sample(e).map(|queue| queue.limit)), "its limit; the queue is full when its length is greater"),
    Column::new("lived", "LIVED", Right, |e, _| latency(close(e).and_then(|close| close.lived_ms)), "from the SYN to the end of the connection"),
    Column::new("half_closed", "HALF CLOSED", Right, |e, _| latency(close(e).and_then(|close| close.half_closed_ms)), "how long only one end had closed"),
    Column::new("interface", "INTERFACE", Left, interface, "interface that the first packet was captured on"),
    Column::new("vlan", "VLAN", Right, |e, _| Cell::known(handshake(e).and_then(|h| h.vlan), |id| Value::Id(id.into())), "id of the outermost VLAN"),
    Column::new("captured_on", "CAPTURED ON", Left, |e, _| name(handshake(e).and_then(|h| h.captured_on).map(|host| key(&host))), "role of the capturing host: server, client, both, or between"),
    Column::new("confirmed", "CONFIRMED", Left, confirmed, "a later segment, or this kernel, proves that the server received the ACK"),
    Column::new("reused_after", "REUSED AFTER", Right, |e, _| latency(handshake(e).and_then(|h| h.reused_after_ms)), "time since the previous connection with the same 4-tuple ended"),
    Column::new("packet", "PACKET", Right, packet, "number of the packet that decided the outcome"),
    Column::new("note", "NOTE", Left, note, "why it failed, and what limits the certainty of the outcome"),
];

//! Its columns.

use sockdiag::analysis::handshake::Event;

use super::{
    super::{Align::*, Column, Narrower, Rising::*},
    cells::*,
};

/// The columns of a trace; the end of a connection has one more.
pub fn shown(closes: bool) -> Vec<&'static str> {
    let all = [
        "started",
        "client",
        "server",
        "outcome",
        "syn_to_syn_ack",
        "syn_ack_to_ack",
        "retransmits",
        "lived",
        "queue",
        "note",
    ];
    let mut shown = all.to_vec();
    shown.retain(|key| closes || *key != "lived");
    shown
}

/// Columns that join two values, for people.
pub const TWO_IN_ONE: [&str; 2] = ["retransmits", "queue"];

/// How wide they usually are.
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

/// What gives way, first to last.
pub const NARROWER: &[Narrower] = &[
    Narrower::Join(["syn_to_syn_ack", "syn_ack_to_ack"], "total"),
    Narrower::Drop("note"),
    Narrower::Drop("queue"),
    Narrower::Drop("retransmits"),
    Narrower::Drop("lived"),
    Narrower::Drop("total"),
    Narrower::Drop("started"),
    Narrower::LastResort("client"),
];

/// Every column.
pub const COLUMNS: &[Column<Event>] = &[
    Column::new(
        "started",
        "TIME",
        Left,
        Neutral,
        started,
        "when its first packet was seen, local time; of an end, the last one",
    ),
    Column::new(
        "client",
        "CLIENT",
        Left,
        Neutral,
        client,
        "who sent the SYN",
    ),
    Column::new(
        "server",
        "SERVER",
        Left,
        Neutral,
        server,
        "whom it was sent to",
    ),
    Column::new("outcome", "OUTCOME", Left, Neutral, outcome, "how it ended"),
    Column::new(
        "syn_to_syn_ack",
        "SYN→SYN-ACK",
        Right,
        Bad,
        syn_to_syn_ack,
        "first SYN to first SYN-ACK: the server's kernel where captured on the server, else the network too",
    ),
    Column::new(
        "syn_ack_to_ack",
        "→ACK",
        Right,
        Bad,
        syn_ack_to_ack,
        "first SYN-ACK to first ACK: network and client where captured on the server",
    ),
    Column::new(
        "total",
        "TOTAL",
        Right,
        Bad,
        total,
        "first SYN to first ACK",
    ),
    Column::new(
        "host",
        "HOST",
        Right,
        Bad,
        host,
        "the half of it that was spent on the host it was captured on",
    ),
    Column::new(
        "network",
        "NETWORK",
        Right,
        Bad,
        network,
        "the other half: the network, and the peer behind it",
    ),
    Column::new(
        "retransmits",
        "RETRANS",
        Left,
        Bad,
        retransmits,
        "how often the SYN and the SYN-ACK were sent again",
    ),
    Column::new(
        "syn_retransmits",
        "SYN RETRANS",
        Right,
        Bad,
        syn_retransmits,
        "how often the SYN was sent again",
    ),
    Column::new(
        "syn_ack_retransmits",
        "SYN-ACK RETRANS",
        Right,
        Bad,
        syn_ack_retransmits,
        "how often the SYN-ACK was sent again",
    ),
    Column::new(
        "queue",
        "QUEUE",
        Left,
        Neutral,
        queue,
        "the listener's accept queue and its limit, looked at within some milliseconds",
    ),
    Column::new(
        "queue_length",
        "QUEUE LENGTH",
        Right,
        Neutral,
        queue_length,
        "connections that waited in the listener's accept queue",
    ),
    Column::new(
        "queue_limit",
        "QUEUE LIMIT",
        Right,
        Neutral,
        queue_limit,
        "its limit; it is full when the length is greater",
    ),
    Column::new(
        "lived",
        "LIVED",
        Right,
        Neutral,
        lived,
        "from the SYN to the end of the connection",
    ),
    Column::new(
        "half_closed",
        "HALF CLOSED",
        Right,
        Neutral,
        half_closed,
        "for how long one end had closed and the other had not",
    ),
    Column::new(
        "interface",
        "DEVICE",
        Left,
        Neutral,
        interface,
        "where its first packet was seen",
    ),
    Column::new(
        "vlan",
        "VLAN",
        Right,
        Neutral,
        vlan,
        "the outermost VLAN's id",
    ),
    Column::new(
        "captured_on",
        "CAPTURED ON",
        Left,
        Neutral,
        captured_on,
        "whose half the times are: the server's, the client's, both, or between",
    ),
    Column::new(
        "confirmed",
        "CONFIRMED",
        Left,
        Neutral,
        confirmed,
        "something later, or this kernel, proves that the server took the ACK",
    ),
    Column::new(
        "reused_after",
        "REUSED AFTER",
        Right,
        Neutral,
        reused_after,
        "since the connection before with the same addresses and ports ended",
    ),
    Column::new(
        "packet",
        "PACKET",
        Right,
        Neutral,
        packet,
        "which packet of the capture tells the outcome",
    ),
    Column::new(
        "note",
        "NOTE",
        Left,
        Neutral,
        note,
        "why it failed, and what makes the verdict doubtful",
    ),
];

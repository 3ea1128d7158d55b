//! Its columns.

use jiff::{Timestamp, tz::TimeZone};
use sockdiag::{
    analysis::trace::{Close, Handshake, How, Line, Outcome, QueueSample, Remark, Side},
    model::Address,
};

use super::super::{Align::*, Cell, Column, Narrower, Rising::*, Value, View};
use crate::render::{Tone, text};

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

/// Every column that holds one value, for programs.
pub fn single() -> Vec<&'static str> {
    let all = COLUMNS.iter().map(|column| column.key);
    all.filter(|key| !["retransmits", "queue"].contains(key))
        .collect()
}

/// How wide they usually are.
pub const USUAL: &[(&str, usize)] = &[
    ("started", 12),
    ("client", 17),
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
pub const COLUMNS: &[Column<Line>] = &[
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
        "the listener's accept queue and its limit, looked at some milliseconds later",
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
        "something later proves that the server took the ACK",
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

fn started(row: &Line, _: &View) -> Cell {
    let (written, nanoseconds) = match row {
        Line::Handshake(handshake) => (&handshake.started, handshake.started_ns),
        Line::Close(close) => (&close.ended, close.ended_ns),
        Line::Summary(_) => return Value::Missing.into(),
    };
    let time = Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::MAX);
    let shown = time.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f");
    Cell::name(shown.to_string(), written)
}

fn end(address: Address) -> Cell {
    Cell::text(address.to_string())
}

fn client(row: &Line, _: &View) -> Cell {
    match row {
        Line::Handshake(handshake) => end(handshake.client),
        Line::Close(close) => end(close.client),
        Line::Summary(_) => Value::Missing.into(),
    }
}

fn server(row: &Line, _: &View) -> Cell {
    match row {
        Line::Handshake(handshake) => end(handshake.server),
        Line::Close(close) => end(close.server),
        Line::Summary(_) => Value::Missing.into(),
    }
}

fn outcome(row: &Line, _: &View) -> Cell {
    match row {
        Line::Handshake(handshake) => {
            let tone = match handshake.outcome {
                Outcome::Established => Tone::Plain,
                outcome if outcome.is_failure() => Tone::Bad,
                _ => Tone::Warning,
            };
            Cell::name(handshake.outcome.word(), key(&handshake.outcome)).tone(tone)
        }
        Line::Close(close) => {
            let (shown, raw) = ending(close);
            Cell::name(shown, raw).tone(Tone::Quiet)
        }
        Line::Summary(_) => Value::Missing.into(),
    }
}

/// A word of an enum as JSON has it.
pub fn key(word: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(word).ok();
    let text = json.as_ref().and_then(|json| json.as_str());
    text.unwrap_or_default().to_owned()
}

fn ending(close: &Close) -> (&'static str, &'static str) {
    match (close.how, close.reset_by.unwrap_or(close.closed_by)) {
        (How::Fin, Side::Client) => ("client closed", "closed_by_client"),
        (How::Fin, Side::Server) => ("server closed", "closed_by_server"),
        (How::Fin, Side::Both) => ("both closed", "closed_by_both"),
        (How::Reset, Side::Client) => ("client reset", "aborted_by_client"),
        (How::Reset, Side::Server) => ("server reset", "aborted_by_server"),
        (How::Reset, Side::Both) => ("reset", "aborted"),
    }
}

/// A value that only a handshake has.
fn of(row: &Line, cell: impl FnOnce(&Handshake) -> Cell) -> Cell {
    match row {
        Line::Handshake(handshake) => cell(handshake),
        Line::Close(_) | Line::Summary(_) => Value::Missing.into(),
    }
}

/// A value that only an end has.
fn of_end(row: &Line, cell: impl FnOnce(&Close) -> Cell) -> Cell {
    match row {
        Line::Close(close) => cell(close),
        Line::Handshake(_) | Line::Summary(_) => Value::Missing.into(),
    }
}

fn latency(milliseconds: Option<f64>) -> Cell {
    let value = milliseconds.map(|number| Value::Both {
        shown: text::latency(number),
        raw: number.to_string(),
        rank: Some(number),
    });
    value.unwrap_or(Value::Missing).into()
}

fn syn_to_syn_ack(row: &Line, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.syn_to_syn_ack_ms))
}

fn syn_ack_to_ack(row: &Line, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.syn_ack_to_ack_ms))
}

fn total(row: &Line, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.total_ms))
}

fn host(row: &Line, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.host_ms))
}

fn network(row: &Line, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.network_ms))
}

fn reused_after(row: &Line, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.reused_after_ms))
}

fn lived(row: &Line, _: &View) -> Cell {
    of_end(row, |close| latency(close.lived_ms))
}

fn half_closed(row: &Line, _: &View) -> Cell {
    of_end(row, |close| latency(close.half_closed_ms))
}

fn retransmits(row: &Line, _: &View) -> Cell {
    of(row, |handshake| {
        let (syns, answers) = (handshake.syn_retransmits, handshake.syn_ack_retransmits);
        let shown = match (syns, answers) {
            (0, 0) => {
                return Cell::from(Value::Both {
                    shown: text::MISSING.to_owned(),
                    raw: "0+0".to_owned(),
                    rank: Some(0.0),
                });
            }
            (syns, 0) => format!("{syns} SYN"),
            (0, answers) => format!("{answers} SYN-ACK"),
            (syns, answers) => format!("{syns} SYN {answers} SYN-ACK"),
        };
        let both = Value::Both {
            shown,
            raw: format!("{syns}+{answers}"),
            rank: Some(f64::from(syns) + f64::from(answers)),
        };
        Cell::from(both).tone(Tone::Warning)
    })
}

fn syn_retransmits(row: &Line, _: &View) -> Cell {
    of(row, |handshake| {
        Cell::count(Some(handshake.syn_retransmits))
    })
}

fn syn_ack_retransmits(row: &Line, _: &View) -> Cell {
    of(row, |handshake| {
        Cell::count(Some(handshake.syn_ack_retransmits))
    })
}

fn queue_length(row: &Line, _: &View) -> Cell {
    let length = |queue: QueueSample| queue.length;
    of(row, |handshake| {
        Cell::count(handshake.listener_queue.map(length))
    })
}

fn queue_limit(row: &Line, _: &View) -> Cell {
    let limit = |queue: QueueSample| queue.limit;
    of(row, |handshake| {
        Cell::count(handshake.listener_queue.map(limit))
    })
}

fn queue(row: &Line, _: &View) -> Cell {
    of(row, |handshake| {
        let sample = handshake.listener_queue;
        sample.map_or(Value::Missing.into(), |sample| filled(&sample))
    })
}

/// `12/128`, `129/128 full`.
pub fn filled(sample: &QueueSample) -> Cell {
    let raw = format!("{}/{}", sample.length, sample.limit);
    match sample.is_full() {
        true => Cell::name(format!("{raw} full"), raw).tone(Tone::Bad),
        false => Cell::text(raw),
    }
}

fn interface(row: &Line, _: &View) -> Cell {
    let name = match row {
        Line::Handshake(handshake) => &handshake.interface,
        Line::Close(close) => &close.interface,
        Line::Summary(_) => &None,
    };
    let cell = name.as_deref().map(Cell::text);
    cell.unwrap_or(Value::Missing.into())
}

fn vlan(row: &Line, _: &View) -> Cell {
    of(row, |handshake| Cell::count(handshake.vlan))
}

fn captured_on(row: &Line, _: &View) -> Cell {
    of(row, |handshake| {
        let place = handshake.captured_on.as_ref();
        place.map_or(Value::Missing.into(), |place| Cell::text(key(place)))
    })
}

fn confirmed(row: &Line, _: &View) -> Cell {
    of(row, |handshake| {
        Cell::word(if handshake.confirmed { "yes" } else { "no" })
    })
}

fn packet(row: &Line, _: &View) -> Cell {
    Cell::count(match row {
        Line::Handshake(handshake) => Some(handshake.packet),
        Line::Close(close) => Some(close.packet),
        Line::Summary(_) => None,
    })
}

fn note(row: &Line, _: &View) -> Cell {
    of(row, |handshake| {
        let said = noted(handshake);
        said.map_or(Value::Missing.into(), Cell::text)
    })
}

/// Why it failed, and what else must be known.
pub fn noted(handshake: &Handshake) -> Option<String> {
    let reason = handshake.reason.into_iter();
    let remarks = handshake.remarks.iter().map(|remark| said(*remark));
    let mut all: Vec<String> = reason.chain(remarks).map(str::to_owned).collect();
    if let Some(after) = handshake.reused_after_ms {
        all.push(format!("ports used again after {}", text::latency(after)));
    }
    (!all.is_empty()).then(|| all.join("; "))
}

fn said(remark: Remark) -> &'static str {
    match remark {
        Remark::BegunBefore => "SYN not seen",
        Remark::EndedEarly => "the capture ended first",
        Remark::LossPossible => "packets were lost meanwhile",
        Remark::ClockStepped => "the clock was set meanwhile",
        Remark::ChallengeAck => "the server still had an old connection",
        Remark::SynAckNotRepeated => "SYN-ACK sent once only: perhaps a SYN cookie",
        Remark::ServerSequenceChanged => "SYN-ACKs with different numbers",
        Remark::Evicted => "not waited for: too many at once",
    }
}

//! What stands in its columns.

use jiff::{Timestamp, tz::TimeZone};
use sockdiag::{
    analysis::handshake::{Close, Event, Handshake, How, Outcome, QueueSample, Remark, Side},
    model::Address,
};

use super::super::{Cell, Value, View};
use crate::render::{Tone, text};

pub fn started(row: &Event, _: &View) -> Cell {
    let (written, nanoseconds) = match row {
        Event::Handshake(handshake) => (&handshake.started, handshake.started_ns),
        Event::Close(close) => (&close.ended, close.ended_ns),
        Event::Summary(_) => return Value::Missing.into(),
    };
    let time = Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::MAX);
    let shown = time.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f");
    Cell::name(shown.to_string(), written)
}

fn end(address: Address) -> Cell {
    Cell::text(address.to_string())
}

pub fn client(row: &Event, _: &View) -> Cell {
    match row {
        Event::Handshake(handshake) => end(handshake.client),
        Event::Close(close) => end(close.client),
        Event::Summary(_) => Value::Missing.into(),
    }
}

pub fn server(row: &Event, _: &View) -> Cell {
    match row {
        Event::Handshake(handshake) => end(handshake.server),
        Event::Close(close) => end(close.server),
        Event::Summary(_) => Value::Missing.into(),
    }
}

pub fn outcome(row: &Event, _: &View) -> Cell {
    match row {
        Event::Handshake(handshake) => {
            let tone = match handshake.outcome {
                Outcome::Established => Tone::Plain,
                outcome if outcome.is_failure() => Tone::Bad,
                _ => Tone::Warning,
            };
            Cell::name(handshake.outcome.word(), key(&handshake.outcome)).tone(tone)
        }
        Event::Close(close) => {
            let (shown, raw) = ending(close);
            Cell::name(shown, raw).tone(Tone::Quiet)
        }
        Event::Summary(_) => Value::Missing.into(),
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
fn of(row: &Event, cell: impl FnOnce(&Handshake) -> Cell) -> Cell {
    match row {
        Event::Handshake(handshake) => cell(handshake),
        Event::Close(_) | Event::Summary(_) => Value::Missing.into(),
    }
}

/// A value that only an end has.
fn of_end(row: &Event, cell: impl FnOnce(&Close) -> Cell) -> Cell {
    match row {
        Event::Close(close) => cell(close),
        Event::Handshake(_) | Event::Summary(_) => Value::Missing.into(),
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

pub fn syn_to_syn_ack(row: &Event, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.syn_to_syn_ack_ms))
}

pub fn syn_ack_to_ack(row: &Event, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.syn_ack_to_ack_ms))
}

pub fn total(row: &Event, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.total_ms))
}

pub fn host(row: &Event, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.host_ms))
}

pub fn network(row: &Event, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.network_ms))
}

pub fn reused_after(row: &Event, _: &View) -> Cell {
    of(row, |handshake| latency(handshake.reused_after_ms))
}

pub fn lived(row: &Event, _: &View) -> Cell {
    of_end(row, |close| latency(close.lived_ms))
}

pub fn half_closed(row: &Event, _: &View) -> Cell {
    of_end(row, |close| latency(close.half_closed_ms))
}

pub fn retransmits(row: &Event, _: &View) -> Cell {
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

pub fn syn_retransmits(row: &Event, _: &View) -> Cell {
    of(row, |handshake| {
        Cell::count(Some(handshake.syn_retransmits))
    })
}

pub fn syn_ack_retransmits(row: &Event, _: &View) -> Cell {
    of(row, |handshake| {
        Cell::count(Some(handshake.syn_ack_retransmits))
    })
}

pub fn queue_length(row: &Event, _: &View) -> Cell {
    let length = |queue: QueueSample| queue.length;
    of(row, |handshake| {
        Cell::count(handshake.listener_queue.map(length))
    })
}

pub fn queue_limit(row: &Event, _: &View) -> Cell {
    let limit = |queue: QueueSample| queue.limit;
    of(row, |handshake| {
        Cell::count(handshake.listener_queue.map(limit))
    })
}

pub fn queue(row: &Event, _: &View) -> Cell {
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

pub fn interface(row: &Event, _: &View) -> Cell {
    let name = match row {
        Event::Handshake(handshake) => &handshake.interface,
        Event::Close(close) => &close.interface,
        Event::Summary(_) => &None,
    };
    let cell = name.as_deref().map(Cell::text);
    cell.unwrap_or(Value::Missing.into())
}

pub fn vlan(row: &Event, _: &View) -> Cell {
    of(row, |handshake| Cell::count(handshake.vlan))
}

pub fn captured_on(row: &Event, _: &View) -> Cell {
    of(row, |handshake| {
        let place = handshake.captured_on.as_ref();
        place.map_or(Value::Missing.into(), |place| Cell::text(key(place)))
    })
}

pub fn confirmed(row: &Event, _: &View) -> Cell {
    of(row, |handshake| {
        Cell::word(if handshake.confirmed { "yes" } else { "no" })
    })
}

pub fn packet(row: &Event, _: &View) -> Cell {
    Cell::count(match row {
        Event::Handshake(handshake) => Some(handshake.packet),
        Event::Close(close) => Some(close.packet),
        Event::Summary(_) => None,
    })
}

pub fn note(row: &Event, _: &View) -> Cell {
    of(row, |handshake| {
        let said = noted(handshake);
        said.map_or(Value::Missing.into(), Cell::text)
    })
}

/// Why it failed, and what else must be known.
pub fn noted(handshake: &Handshake) -> Option<String> {
    let reason = handshake.reason.map(|reason| reason.text).into_iter();
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

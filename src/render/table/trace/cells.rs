//! The cells of its columns.

use std::sync::OnceLock;

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
    let shown = time.to_zoned(local_zone().clone()).strftime("%H:%M:%S%.3f");
    Cell::name(shown.to_string(), written)
}

/// Read once, as the file it comes from cannot be opened later.
pub fn local_zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(TimeZone::system)
}

pub fn ends(row: &Event) -> Option<(Address, Address)> {
    match row {
        Event::Handshake(handshake) => Some((handshake.client, handshake.server)),
        Event::Close(close) => Some((close.client, close.server)),
        Event::Summary(_) => None,
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
            Cell::name(shown, raw)
        }
        Event::Summary(_) => Value::Missing.into(),
    }
}

/// The JSON name of an enum's variant.
pub fn key(variant: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(variant).ok();
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

pub fn handshake(row: &Event) -> Option<&Handshake> {
    match row {
        Event::Handshake(handshake) => Some(handshake),
        Event::Close(_) | Event::Summary(_) => None,
    }
}

pub fn close(row: &Event) -> Option<&Close> {
    match row {
        Event::Close(close) => Some(close),
        Event::Handshake(_) | Event::Summary(_) => None,
    }
}

pub fn name(value: Option<impl ToString>) -> Cell {
    value.map_or(Value::Missing.into(), |value| Cell::text(value.to_string()))
}

pub fn latency(milliseconds: Option<f64>) -> Cell {
    let value = milliseconds.map(|number| Value::Both {
        shown: text::latency(number),
        raw: number.to_string(),
        rank: Some(number),
    });
    value.unwrap_or(Value::Missing).into()
}

pub fn retransmits(row: &Event, _: &View) -> Cell {
    let Some(handshake) = handshake(row) else {
        return Value::Missing.into();
    };
    let (syns, answers) = (handshake.syn_retransmits, handshake.syn_ack_retransmits);
    let (shown, tone) = match (syns, answers) {
        (0, 0) => (text::MISSING.to_owned(), Tone::Plain),
        (_, 0) => (format!("{syns} SYN"), Tone::Warning),
        (0, _) => (format!("{answers} SYN-ACK"), Tone::Warning),
        _ => (format!("{syns} SYN {answers} SYN-ACK"), Tone::Warning),
    };
    let value = Value::Both {
        shown,
        raw: format!("{syns}+{answers}"),
        rank: Some(f64::from(syns) + f64::from(answers)),
    };
    Cell::from(value).tone(tone)
}

pub fn sample(row: &Event) -> Option<QueueSample> {
    handshake(row)?.listener_queue
}

pub fn queue(row: &Event, _: &View) -> Cell {
    sample(row).map_or(Value::Missing.into(), filled)
}

/// `12/128`, `129/128 full`.
pub fn filled(sample: QueueSample) -> Cell {
    let raw = format!("{}/{}", sample.length, sample.limit);
    let [length, limit] = [sample.length, sample.limit].map(text::grouped);
    match sample.full_members {
        _ if sample.is_full() => Cell::name(format!("{length}/{limit} full"), raw).tone(Tone::Bad),
        0 => Cell::name(format!("{length}/{limit}"), raw),
        some => {
            let shown = format!("{length}/{limit}, {some} of {} full", sample.members);
            Cell::name(shown, raw).tone(Tone::Warning)
        }
    }
}

pub fn interface(row: &Event, _: &View) -> Cell {
    let interface = match row {
        Event::Handshake(handshake) => handshake.interface.as_deref(),
        Event::Close(close) => close.interface.as_deref(),
        Event::Summary(_) => None,
    };
    name(interface)
}

pub fn confirmed(row: &Event, _: &View) -> Cell {
    let word = |handshake: &Handshake| if handshake.confirmed { "yes" } else { "no" };
    handshake(row).map_or(Value::Missing.into(), |row| Cell::word(word(row)))
}

pub fn packet(row: &Event, _: &View) -> Cell {
    match row {
        Event::Handshake(handshake) => Cell::id(handshake.packet),
        Event::Close(close) => Cell::id(close.packet),
        Event::Summary(_) => Value::Missing.into(),
    }
}

/// The reason, the remarks and how soon the ports were reused.
pub fn note(row: &Event, _: &View) -> Cell {
    let Some(handshake) = handshake(row) else {
        return Value::Missing.into();
    };
    let reason = handshake.reason.map(|reason| reason.text).into_iter();
    let remarks = handshake.remarks.iter().map(|remark| wording(*remark));
    let mut all: Vec<String> = reason.chain(remarks).map(str::to_owned).collect();
    let translated = handshake.translated.map(|ends| ends.server);
    let translated = translated.filter(|server| *server != handshake.server);
    all.extend(translated.map(|server| format!("translated to {server}")));
    let error = handshake.unreachable;
    all.extend(error.map(|error| format!("ICMP error from {}", error.by)));
    if let Some(after) = handshake.reused_after_ms {
        all.push(format!("ports reused after {}", text::latency(after)));
    }
    name((!all.is_empty()).then(|| all.join("; ")))
}

fn wording(remark: Remark) -> &'static str {
    match remark {
        Remark::BegunBefore => "SYN not captured",
        Remark::EndedEarly => "the capture ended first",
        Remark::LossPossible => "the capture dropped packets meanwhile",
        Remark::ClockStepped => "the clock was set meanwhile",
        Remark::ChallengeAck => "the server still had an old connection",
        Remark::SynAckNotRepeated => "SYN-ACK not retransmitted: perhaps a SYN cookie",
        Remark::ServerSequenceChanged => "SYN-ACKs with different sequence numbers",
        Remark::Evicted => "judged early: too many unfinished handshakes",
    }
}

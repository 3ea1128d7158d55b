//! Columns of `queues`, and their cells.

use sockdiag::{
    analysis::queues::{AcceptQueue, ListenerReport, LocalReport, Sampled, State},
    model::Protocol,
};

use crate::render::{
    Tone, names,
    table::{Align, Cell, Column, Rising, Value, View, who::owners},
    text,
};

use Align::{Left, Right};
use Rising::{Bad, Flow, Neutral};

#[rustfmt::skip]
pub static COLUMNS: [Column<ListenerReport>; 31] = [
    Column::new("netns", "NETNS", Left, Neutral, netns, "network namespace: its name, or its number"),
    Column::new("protocol", "PROTO", Left, Neutral, |l, _| Cell::word(protocol(l.protocol)), "tcp, mptcp, unix or udp"),
    Column::new("state", "STATE", Left, Neutral, state, "idle, ok, busy (half full), full (length greater than the limit: the next connection is not accepted), overflowing (full and dropping)"),
    Column::new("local", "LOCAL", Left, Neutral, local, "the address it listens on"),
    Column::new("accept", "ACCEPT", Right, Bad, accept, "connections waiting for accept(); for UDP, bytes waiting to be read"),
    Column::new("limit", "LIMIT", Right, Neutral, limit, "accept-queue limit: min(listen() backlog, somaxconn); the queue holds one more"),
    Column::new("queue", "ACCEPT", Right, Bad, queue, "waiting / limit"),
    Column::new("fill", "FILL", Right, Bad, fill, "fill of the queue; at 100% no connection is accepted"),
    Column::new("wait", "WAIT", Right, Bad, wait, "how long the oldest connection has waited for accept()"),
    Column::new("abandoned", "GONE", Right, Bad, |l, _| of_queue(l, |q| q.abandoned.map(count)), "waiting connections that the client has closed or reset"),
    Column::new("waiting_bytes", "BYTES", Right, Bad, |l, _| of_queue(l, |q| q.waiting_bytes.map(Value::Bytes)), "unread bytes on the waiting connections"),
    Column::new("syn", "SYN", Right, Bad, syn, "half-open connections of this address: SYN answered, final ACK not received"),
    Column::new("syn_limit", "SYN LIMIT", Right, Neutral, |l, _| Cell::count(l.syn_queue.as_ref().and_then(|s| s.limit)), "SYN-queue limit; 0 when every SYN is answered with a cookie"),
    Column::new("drops", "DROPS", Right, Bad, drops, "packets this socket has dropped since it was created, for any reason; an overflow at the final ACK counts twice"),
    Column::new("delta", "Δ", Right, Flow, delta, "drops since the previous reading"),
    Column::new("per_second", "/s", Right, Flow, |l, _| l.drops_per_second.map_or(Value::Missing, Value::Decimal).into(), "drops per second since the previous reading"),
    Column::new("minimum", "ACCEPT MIN", Right, Neutral, |l, _| sampled(l, |s| Value::Count(s.minimum.into())), "shortest queue of all samples"),
    Column::new("mean", "MEAN", Right, Neutral, |l, _| sampled(l, |s| Value::Decimal(s.mean)), "mean length of the queue"),
    Column::new("p95", "P95", Right, Neutral, |l, _| sampled(l, |s| Value::Count(s.p95.into())), "95 of 100 samples do not exceed this"),
    Column::new("maximum", "MAX", Right, Neutral, maximum, "longest queue of all samples"),
    Column::new("time_full", "TIME FULL", Right, Neutral, time_full, "share of the samples in which the queue was full"),
    Column::new("samples", "SAMPLES", Right, Neutral, |l, _| sampled(l, |s| Value::Count(s.samples.into())), "number of samples"),
    Column::new("limit_set_by", "LIMIT BY", Left, Neutral, limit_set_by, "who set the limit: application, somaxconn, or stale (an earlier somaxconn)"),
    Column::new("members", "MEMBERS", Right, Neutral, |l, _| Cell::count(Some(l.reuseport_members)), "sockets that share the address (SO_REUSEPORT)"),
    Column::new("fullest", "FULLEST", Right, Bad, fullest, "the fullest socket of the group: waiting / limit"),
    Column::new("user", "USER", Left, Neutral, user, "user id of the creator"),
    Column::new("inode", "INODE", Right, Neutral, |l, _| Cell::count(Some(l.inode)), "socket inode"),
    Column::new("cookie", "COOKIE", Right, Neutral, |l, _| Cell::text(l.cookie.0.to_string()), "socket cookie, which no later socket has"),
    Column::new("cgroup", "CGROUP", Left, Neutral, |l, _| name(l.cgroup.as_ref()), "cgroup of the owner, else of the creator"),
    Column::new("unit", "UNIT", Left, Neutral, |l, _| name(l.unit.as_ref()), "systemd unit, container or pod"),
    Column::new("owner", "OWNER", Left, Neutral, |l, _| owners(&l.owners), "processes that own the socket, and the id of the first"),
];

/// The protocol's name.
pub fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Mptcp => "mptcp",
        Protocol::Unix => "unix",
        Protocol::Udp => "udp",
    }
}

fn count(number: u64) -> Value {
    Value::Count(number.into())
}

fn name(name: Option<&String>) -> Cell {
    name.map_or(Value::Missing, |name| Value::Text(name.clone()))
        .into()
}

fn netns(listener: &ListenerReport, _: &View) -> Cell {
    Cell::text(listener.netns.label())
}

fn state(listener: &ListenerReport, _: &View) -> Cell {
    let tone = match listener.state {
        State::Idle => Tone::Quiet,
        State::Ok => Tone::Good,
        State::Busy => Tone::Warning,
        State::Full | State::Overflowing => Tone::Bad,
    };
    Cell::word(listener.state.word()).tone(tone)
}

/// An address is never cut; a long path loses its middle on a terminal.
fn local(listener: &ListenerReport, view: &View) -> Cell {
    let raw = listener.local.to_string();
    let shown = match (&listener.local, view.width) {
        (LocalReport::Unix { .. }, Some(width)) => text::shorten_middle(&raw, (width / 3).max(16)),
        (LocalReport::Inet { .. }, _) if view.names => names::local(&listener.local),
        _ => raw.clone(),
    };
    Value::Both {
        shown,
        raw,
        rank: None,
    }
    .into()
}

fn accept(listener: &ListenerReport, _: &View) -> Cell {
    let accept = listener
        .accept_queue
        .as_ref()
        .map(|queue| Value::Count(queue.length.into()));
    let receive = listener
        .receive_queue
        .as_ref()
        .map(|queue| Value::Bytes(queue.bytes.into()));
    accept.or(receive).unwrap_or(Value::Missing).into()
}

fn limit(listener: &ListenerReport, _: &View) -> Cell {
    let accept = listener
        .accept_queue
        .as_ref()
        .map(|queue| Value::Count(queue.limit.into()));
    let receive = listener
        .receive_queue
        .as_ref()
        .and_then(|queue| queue.limit_bytes);
    accept
        .or(receive.map(|limit| Value::Bytes(limit.into())))
        .unwrap_or(Value::Missing)
        .into()
}

fn queue(listener: &ListenerReport, view: &View) -> Cell {
    let (length, limit) = (accept(listener, view).value, limit(listener, view).value);
    Value::Both {
        shown: format!("{}/{}", length.shown(), limit.shown()),
        raw: format!("{}/{}", length.raw(), limit.raw()),
        rank: length.number(),
    }
    .into()
}

fn fill(listener: &ListenerReport, _: &View) -> Cell {
    let tone = match listener.state {
        State::Busy => Tone::Warning,
        State::Full | State::Overflowing => Tone::Bad,
        _ => Tone::Plain,
    };
    Cell::from(listener.fill_ratio().map_or(Value::Missing, Value::Ratio)).tone(tone)
}

fn of_queue(listener: &ListenerReport, value: fn(&AcceptQueue) -> Option<Value>) -> Cell {
    listener
        .accept_queue
        .as_ref()
        .and_then(value)
        .unwrap_or(Value::Missing)
        .into()
}

fn wait(listener: &ListenerReport, _: &View) -> Cell {
    of_queue(listener, |queue| {
        queue.oldest_wait_ms.map(Value::Milliseconds)
    })
}

fn syn(listener: &ListenerReport, _: &View) -> Cell {
    let Some(syn) = &listener.syn_queue else {
        return Value::Missing.into();
    };
    Cell::count(syn.length).tone(if syn.is_full() {
        Tone::Bad
    } else {
        Tone::Plain
    })
}

fn drops(listener: &ListenerReport, _: &View) -> Cell {
    let tone = if listener.drops_delta > Some(0) {
        Tone::Bad
    } else {
        Tone::Plain
    };
    Cell::count(listener.drops).tone(tone)
}

fn delta(listener: &ListenerReport, _: &View) -> Cell {
    let change = listener
        .drops_delta
        .map(|delta| Value::Change(delta.into()));
    change.unwrap_or(Value::Missing).into()
}

fn sampled(listener: &ListenerReport, value: fn(&Sampled) -> Value) -> Cell {
    let queue = listener.accept_queue.as_ref();
    queue
        .and_then(|queue| queue.sampled.as_ref())
        .map_or(Value::Missing, value)
        .into()
}

fn maximum(listener: &ListenerReport, _: &View) -> Cell {
    let was_full = |queue: &AcceptQueue| {
        queue
            .sampled
            .as_ref()
            .is_some_and(|sampled| sampled.maximum > queue.limit.into())
    };
    let full = listener.accept_queue.as_ref().is_some_and(was_full);
    sampled(listener, |sampled| count(sampled.maximum)).tone(if full {
        Tone::Bad
    } else {
        Tone::Plain
    })
}

fn time_full(listener: &ListenerReport, _: &View) -> Cell {
    let cell = sampled(listener, |sampled| Value::Ratio(sampled.full_ratio));
    let tone = if cell.value.number() > Some(0.0) {
        Tone::Bad
    } else {
        Tone::Plain
    };
    cell.tone(tone)
}

fn limit_set_by(listener: &ListenerReport, _: &View) -> Cell {
    of_queue(listener, |queue| {
        Some(Value::Word(queue.limit_set_by?.word()))
    })
}

fn fullest(listener: &ListenerReport, _: &View) -> Cell {
    let Some(fullest) = &listener.fullest else {
        return Value::Missing.into();
    };
    let text = format!("{}/{}", fullest.length, fullest.limit);
    let tone = if fullest.length > fullest.limit {
        Tone::Bad
    } else {
        Tone::Plain
    };
    let rank = Some(fullest.length.into());
    Cell::from(Value::Both {
        shown: text.clone(),
        raw: text,
        rank,
    })
    .tone(tone)
}

fn user(listener: &ListenerReport, view: &View) -> Cell {
    let Some(uid) = listener.uid else {
        return Value::Missing.into();
    };
    let shown = if view.names {
        names::user(uid)
    } else {
        uid.to_string()
    };
    Value::Both {
        shown,
        raw: uid.to_string(),
        rank: None,
    }
    .into()
}

//! Columns of `queues`, and their cells.

use sockdiag::{
    analysis::queues::{AcceptQueue, ListenerReport, Sampled, State},
    model::Protocol,
};

use crate::render::{
    Tone,
    table::{Align, Cell, Column, Value, View, ends, owners::owners_in_order},
    text,
};

use Align::{Left, Right};

#[rustfmt::skip]
pub static COLUMNS: [Column<ListenerReport>; 31] = [
    Column::new("netns", "NETNS", Left, |l, _| Cell::text(l.netns.label()), "network namespace: its name, or its inode number"),
    Column::new("protocol", "PROTO", Left, |l, _| Cell::word(protocol(l.protocol)), "tcp, mptcp, unix or udp"),
    Column::new("state", "STATE", Left, state, "idle, ok, busy (half full), full (length greater than the limit: the next connection is not accepted), overflowing (full and dropping)"),
    Column::new("local", "LOCAL", Left, |l, view| ends::local(&l.local, view), "the address it listens on"),
    Column::new("accept", "ACCEPT", Right, accept, "connections waiting for accept(); for UDP, bytes waiting to be read"),
    Column::new("limit", "LIMIT", Right, limit, "accept-queue limit: min(listen() backlog, somaxconn); the queue takes one more"),
    Column::new("queue", "ACCEPT", Right, queue, "waiting / limit"),
    Column::new("fill", "FILL", Right, fill, "fill of the queue; at 100% the next connection is not accepted"),
    Column::new("wait", "WAIT", Right, |l, _| of_queue(l, |q| q.oldest_wait_ms.map(Value::Milliseconds)), "how long the oldest connection has waited for accept()"),
    Column::new("abandoned", "GONE", Right, |l, _| of_queue(l, |q| q.abandoned.map(Value::count)), "waiting connections that the client has closed or reset"),
    Column::new("waiting_bytes", "BYTES", Right, |l, _| of_queue(l, |q| q.waiting_bytes.map(Value::Bytes)), "unread bytes on the waiting connections"),
    Column::new("syn", "SYN", Right, syn, "request sockets of this address: SYN answered, final ACK not received; with TCP_DEFER_ACCEPT also clients that have sent no data yet"),
    Column::new("syn_limit", "SYN LIMIT", Right, |l, _| Cell::count(l.syn_queue.as_ref().and_then(|s| s.limit)), "SYN-queue limit; 0 when every SYN is answered with a cookie"),
    Column::new("drops", "DROPS", Right, drops, "packets this socket has dropped since it was created, for any reason; an overflow at the final ACK counts twice"),
    Column::change("delta", "Δ", Right, |l, _| Cell::known(l.drops_delta, Value::change), "drops since the previous reading"),
    Column::change("per_second", "/s", Right, |l, _| Cell::known(l.drops_per_second, Value::Decimal), "drops per second since the previous reading"),
    Column::sampled("minimum", "ACCEPT MIN", Right, |l, _| sampled(l, |s| Value::count(s.spread.minimum)), "shortest queue of all samples"),
    Column::sampled("mean", "MEAN", Right, |l, _| sampled(l, |s| Value::Decimal(s.spread.mean)), "mean length of the queue"),
    Column::sampled("p95", "P95", Right, |l, _| sampled(l, |s| Value::count(s.spread.p95)), "95 of 100 samples do not exceed this"),
    Column::sampled("maximum", "MAX", Right, maximum, "longest queue of all samples"),
    Column::sampled("time_full", "TIME FULL", Right, time_full, "share of the samples in which the queue was full"),
    Column::sampled("samples", "SAMPLES", Right, |l, _| sampled(l, |s| Value::count(s.spread.samples)), "number of samples"),
    Column::new("limit_set_by", "LIMIT BY", Left, |l, _| of_queue(l, |q| Some(Value::Word(q.limit_set_by?.word()))), "who set the limit: application, somaxconn, or stale (an earlier somaxconn)"),
    Column::new("members", "MEMBERS", Right, |l, _| Cell::count(Some(l.reuseport_members)), "sockets that share the address (SO_REUSEPORT)"),
    Column::new("fullest", "FULLEST", Right, fullest, "the fullest socket of the group: waiting / limit"),
    Column::new("user", "USER", Left, |l, view| ends::user(l.uid, view), "user id of the creator"),
    Column::new("inode", "INODE", Right, |l, _| Cell::id(l.inode), "socket inode"),
    Column::new("cookie", "COOKIE", Right, |l, _| Cell::text(l.cookie.0.to_string()), "socket cookie, unique until the next boot"),
    Column::new("cgroup", "CGROUP", Left, |l, _| Cell::known(l.cgroup.clone(), Value::Text), "cgroup of the owner, else of the creator"),
    Column::new("unit", "UNIT", Left, |l, _| Cell::known(l.unit.clone(), Value::Text), "systemd unit, container or pod"),
    Column::new("owner", "OWNER", Left, |l, _| owners_in_order(&l.owners), "processes that own the socket, with the lowest process id of each name; in a folded row, with that of the worst socket"),
];

pub fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Mptcp => "mptcp",
        Protocol::Unix => "unix",
        Protocol::Udp => "udp",
    }
}

fn state(listener: &ListenerReport, _: &View) -> Cell {
    let tone = match listener.state {
        State::Idle => Tone::Plain,
        State::Ok => Tone::Good,
        State::Busy => Tone::Warning,
        State::Full | State::Overflowing => Tone::Bad,
    };
    Cell::word(listener.state.word()).tone(tone)
}

/// An address is never cut; a long path loses its middle on a terminal.
fn accept(listener: &ListenerReport, _: &View) -> Cell {
    match (&listener.accept_queue, &listener.receive_queue) {
        (Some(queue), _) => Cell::count(Some(queue.length)),
        (None, queue) => Cell::known(queue.as_ref(), |queue| Value::Bytes(queue.bytes.into())),
    }
}

fn limit(listener: &ListenerReport, _: &View) -> Cell {
    let receive = listener.receive_queue.as_ref();
    match &listener.accept_queue {
        Some(queue) => Cell::count(Some(queue.limit)),
        None => Cell::known(receive.and_then(|queue| queue.limit_bytes), |limit| {
            Value::Bytes(limit.into())
        }),
    }
}

fn queue(listener: &ListenerReport, view: &View) -> Cell {
    let (length, limit) = (accept(listener, view).value, limit(listener, view).value);
    Cell::from(Value::Both {
        shown: format!("{}/{}", length.shown(), limit.shown()),
        raw: format!("{}/{}", length.raw(), limit.raw()),
        rank: length.number(),
    })
}

fn fill(listener: &ListenerReport, _: &View) -> Cell {
    let tone = match listener.state {
        State::Busy => Tone::Warning,
        State::Full | State::Overflowing => Tone::Bad,
        _ => Tone::Plain,
    };
    Cell::known(listener.fill_ratio(), Value::Ratio).tone(tone)
}

fn of_queue(listener: &ListenerReport, value: fn(&AcceptQueue) -> Option<Value>) -> Cell {
    let queue = listener.accept_queue.as_ref();
    queue.and_then(value).unwrap_or(Value::Missing).into()
}

fn syn(listener: &ListenerReport, _: &View) -> Cell {
    let syn = listener.syn_queue.as_ref();
    let is_full = syn.is_some_and(|syn| syn.is_full());
    Cell::count(syn.and_then(|syn| syn.length)).tone_if(is_full, Tone::Bad)
}

fn drops(listener: &ListenerReport, _: &View) -> Cell {
    Cell::count(listener.drops).tone_if(listener.drops_delta > Some(0), Tone::Bad)
}

fn sampled(listener: &ListenerReport, value: fn(&Sampled) -> Value) -> Cell {
    let queue = listener.accept_queue.as_ref();
    Cell::known(queue.and_then(|queue| queue.sampled.as_ref()), value)
}

fn maximum(listener: &ListenerReport, _: &View) -> Cell {
    let was_full = listener.accept_queue.as_ref().is_some_and(|queue| {
        let sampled = queue.sampled.as_ref();
        sampled.is_some_and(|sampled| sampled.spread.maximum > queue.limit.into())
    });
    sampled(listener, |sampled| Value::count(sampled.spread.maximum)).tone_if(was_full, Tone::Bad)
}

fn time_full(listener: &ListenerReport, _: &View) -> Cell {
    let cell = sampled(listener, |sampled| Value::Ratio(sampled.full_ratio));
    let was_full = cell.value.number() > Some(0.0);
    cell.tone_if(was_full, Tone::Bad)
}

fn fullest(listener: &ListenerReport, _: &View) -> Cell {
    let Some(fullest) = &listener.fullest else {
        return Value::Missing.into();
    };
    let raw = format!("{}/{}", fullest.length, fullest.limit);
    let [length, limit] = [fullest.length, fullest.limit].map(text::grouped);
    let cell = Value::ranked(format!("{length}/{limit}"), raw, fullest.length.into());
    let cell = Cell::from(cell);
    cell.tone_if(fullest.length > fullest.limit, Tone::Bad)
}

//! The table of `queues`.

use std::collections::BTreeSet;

use sockdiag::{
    analysis::queues::{LimitSetBy, ListenerReport, LocalReport, QueueReport, State},
    model::{Owner, Protocol},
};

use super::{Align, Cell, Column, Narrower, Rising, Tabular, Value, View};
use crate::render::{Kind, Labels, Metric, Tone, names, text};

const fn column(
    key: &'static str,
    title: &'static str,
    align: Align,
    rising: Rising,
    cell: fn(&ListenerReport, &View) -> Cell,
    help: &'static str,
) -> Column<ListenerReport> {
    Column {
        key,
        title,
        help,
        align,
        rising,
        cell,
    }
}

use Align::{Left, Right};
use Rising::{Bad, Neutral};

#[rustfmt::skip]
static COLUMNS: [Column<ListenerReport>; 31] = [
    column("netns", "NETNS", Left, Neutral, netns, "network namespace: its name, or its number"),
    column("protocol", "PROTO", Left, Neutral, |l, _| Cell::text(protocol(l.protocol)), "tcp, mptcp, unix or udp"),
    column("state", "STATE", Left, Neutral, state, "idle, ok, busy (half full), full (greater than the limit: the next one is not taken), overflowing (full, and drops)"),
    column("local", "LOCAL", Left, Neutral, local, "where it listens"),
    column("accept", "ACCEPT", Right, Bad, accept, "connections waiting for accept(); for UDP the bytes waiting to be read"),
    column("limit", "LIMIT", Right, Neutral, limit, "the most that may wait: min(listen() backlog, somaxconn); one more fits"),
    column("queue", "ACCEPT", Right, Bad, queue, "waiting / limit"),
    column("fill", "FILL", Right, Bad, fill, "how full the queue is; 100% takes no more"),
    column("wait", "WAIT", Right, Bad, wait, "how long the oldest connection has waited for accept()"),
    column("abandoned", "GONE", Right, Bad, |l, _| of_queue(l, |q| q.abandoned.map(count)), "how many of those waiting were closed or reset by their client"),
    column("waiting_bytes", "BYTES", Right, Bad, |l, _| of_queue(l, |q| q.waiting_bytes.map(Value::Bytes)), "request bytes on the waiting connections that nobody has read"),
    column("syn", "SYN", Right, Bad, syn, "half-open connections of this address: SYN answered, last ACK not here yet"),
    column("syn_limit", "SYN LIMIT", Right, Neutral, |l, _| Cell::count(l.syn_queue.as_ref().and_then(|s| s.limit)), "the most half-open connections that are kept; 0 when every SYN is answered with a cookie"),
    column("drops", "DROPS", Right, Bad, drops, "packets this socket dropped since it was made, for any reason; an overflow at the last ACK counts twice"),
    column("delta", "Δ", Right, Bad, delta, "drops since the reading before"),
    column("per_second", "/s", Right, Bad, |l, _| l.drops_per_second.map_or(Value::Missing, Value::Decimal).into(), "drops a second since the reading before"),
    column("minimum", "MIN", Right, Neutral, |l, _| sampled(l, |s| Value::Count(s.minimum.into())), "shortest queue of all samples"),
    column("mean", "MEAN", Right, Neutral, |l, _| sampled(l, |s| Value::Decimal(s.mean)), "mean length of the queue"),
    column("p95", "P95", Right, Neutral, |l, _| sampled(l, |s| Value::Count(s.p95.into())), "95 of 100 samples do not exceed this"),
    column("maximum", "MAX", Right, Neutral, maximum, "longest queue of all samples"),
    column("time_full", "TIME FULL", Right, Neutral, time_full, "share of the samples in which the queue was full"),
    column("samples", "SAMPLES", Right, Neutral, |l, _| sampled(l, |s| Value::Count(s.samples.into())), "how many samples were taken"),
    column("limit_set_by", "LIMIT BY", Left, Neutral, limit_set_by, "who set the limit: application, somaxconn, or stale (an earlier somaxconn)"),
    column("members", "MEMBERS", Right, Neutral, |l, _| Cell::count(Some(l.reuseport_members)), "sockets that share the address (SO_REUSEPORT)"),
    column("fullest", "FULLEST", Right, Bad, fullest, "the fullest socket of the group: waiting / limit"),
    column("user", "USER", Left, Neutral, user, "user id of the creator"),
    column("inode", "INODE", Right, Neutral, |l, _| Cell::count(Some(l.inode)), "socket inode"),
    column("cookie", "COOKIE", Right, Neutral, |l, _| Cell::text(l.cookie.0.to_string()), "names the socket and no later one"),
    column("cgroup", "CGROUP", Left, Neutral, |l, _| name(l.cgroup.as_ref()), "cgroup of the owner, else of the creator"),
    column("unit", "UNIT", Left, Neutral, |l, _| name(l.unit.as_ref()), "systemd unit, container or pod"),
    column("owner", "OWNER", Left, Neutral, |l, _| owners(&l.owners), "processes that hold the socket, and the first one's id"),
];

static NARROWER: [Narrower; 8] = [
    Narrower::Drop("per_second"),
    Narrower::Drop("wait"),
    Narrower::Drop("syn"),
    Narrower::Join(["accept", "limit"], "queue"),
    Narrower::Drop("unit"),
    Narrower::Drop("fill"),
    Narrower::Drop("delta"),
    Narrower::Drop("protocol"),
];

impl Tabular for QueueReport {
    type Row = ListenerReport;

    fn rows(&self) -> &[ListenerReport] {
        &self.listeners
    }

    fn rows_mut(&mut self) -> &mut Vec<ListenerReport> {
        &mut self.listeners
    }

    fn columns() -> &'static [Column<ListenerReport>] {
        &COLUMNS
    }

    fn shown(&self, view: &View) -> Vec<&'static str> {
        let several = |of: fn(&ListenerReport) -> String| {
            self.listeners.iter().map(of).collect::<BTreeSet<_>>().len() > 1
        };
        let mut keys = Vec::new();
        keys.extend(several(|l| format!("{:?}", l.netns)).then_some("netns"));
        keys.extend(several(|l| protocol(l.protocol).to_owned()).then_some("protocol"));
        let unit = self
            .listeners
            .iter()
            .any(|listener| listener.unit.is_some());
        let who = if unit {
            &["unit", "owner"][..]
        } else {
            &["owner"]
        };
        if view.sampled {
            keys.extend([
                "local",
                "minimum",
                "mean",
                "p95",
                "maximum",
                "limit",
                "time_full",
            ]);
            keys.extend(["drops", "delta"]);
            keys.extend(who);
            return keys;
        }
        keys.extend(["state", "local", "accept", "limit", "fill"]);
        keys.extend(if view.folded {
            &["members", "fullest"][..]
        } else {
            &["wait"][..]
        });
        keys.extend(["syn", "drops"]);
        keys.extend(if view.changes {
            &["delta", "per_second"][..]
        } else {
            &[]
        });
        keys.extend(who);
        keys
    }

    fn narrower() -> &'static [Narrower] {
        &NARROWER
    }

    fn identity(row: &ListenerReport) -> String {
        row.cookie.0.to_string()
    }

    fn notes(&self, view: &View) -> Vec<String> {
        let stuck = self
            .listeners
            .iter()
            .filter(|l| l.state >= State::Full && !view.folded);
        let mut notes: Vec<String> = stuck.filter_map(explain).collect();
        let syn_full = |l: &&ListenerReport| l.syn_queue.as_ref().is_some_and(|syn| syn.is_full());
        let full: BTreeSet<String> = self
            .listeners
            .iter()
            .filter(syn_full)
            .map(|l| l.local.to_string())
            .collect();
        notes.extend(full.iter().map(|local| {
            format!("{local}: SYN queue full: new SYNs are answered with cookies, or dropped where those are off")
        }));
        if let Some(age @ 1000..) = self.syn_age_ms {
            let age = text::duration(age);
            notes.push(format!(
                "SYN was counted {age} ago: on this host counting takes long"
            ));
        }
        notes
    }

    fn nothing(&self) -> String {
        "nothing is listening here (or nothing that was asked for)".to_owned()
    }

    fn metrics(&self) -> Vec<Metric> {
        metrics(self)
    }
}

/// A line on a queue that is full: who set the limit, and how many waiters have left.
fn explain(listener: &ListenerReport) -> Option<String> {
    let queue = listener.accept_queue.as_ref()?;
    let limit = match queue.limit_set_by {
        Some(LimitSetBy::Application) => "limit set by the application's listen()".to_owned(),
        Some(LimitSetBy::Somaxconn) => "limit set by net.core.somaxconn".to_owned(),
        Some(LimitSetBy::Stale) => {
            "limit set by an earlier net.core.somaxconn; listen() again raises it".to_owned()
        }
        None => "limit set by the application or an earlier net.core.somaxconn".to_owned(),
    };
    let gone = match queue.abandoned {
        Some(gone @ 1..) => format!("; {gone} of the {} waiting have hung up", queue.length),
        _ => String::new(),
    };
    Some(format!(
        "{}: {limit}{gone}",
        text::escape(&listener.local.to_string())
    ))
}

fn protocol(protocol: Protocol) -> &'static str {
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
    Cell::text(listener.state.word()).tone(tone)
}

fn local(listener: &ListenerReport, view: &View) -> Cell {
    let number = || listener.local.to_string();
    Cell::text(if view.names {
        names::local(&listener.local)
    } else {
        number()
    })
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
    let part = |cell: Cell| cell.value.shown();
    Cell::text(format!(
        "{}/{}",
        part(accept(listener, view)),
        part(limit(listener, view))
    ))
}

fn fill(listener: &ListenerReport, _: &View) -> Cell {
    let tone = match listener.state {
        State::Busy => Tone::Warning,
        State::Full | State::Overflowing => Tone::Bad,
        _ => Tone::Plain,
    };
    Cell::from(listener.fill_ratio().map_or(Value::Missing, Value::Ratio)).tone(tone)
}

fn of_queue(
    listener: &ListenerReport,
    value: fn(&sockdiag::analysis::queues::AcceptQueue) -> Option<Value>,
) -> Cell {
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

fn sampled(
    listener: &ListenerReport,
    value: fn(&sockdiag::analysis::queues::Sampled) -> Value,
) -> Cell {
    let queue = listener.accept_queue.as_ref();
    queue
        .and_then(|queue| queue.sampled.as_ref())
        .map_or(Value::Missing, value)
        .into()
}

fn maximum(listener: &ListenerReport, _: &View) -> Cell {
    let was_full = |queue: &sockdiag::analysis::queues::AcceptQueue| {
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
        let word = match queue.limit_set_by? {
            LimitSetBy::Application => "application",
            LimitSetBy::Somaxconn => "somaxconn",
            LimitSetBy::Stale => "stale",
        };
        Some(Value::Text(word.to_owned()))
    })
}

fn fullest(listener: &ListenerReport, _: &View) -> Cell {
    let Some(fullest) = &listener.fullest else {
        return Value::Missing.into();
    };
    let tone = if fullest.length > fullest.limit {
        Tone::Bad
    } else {
        Tone::Plain
    };
    Cell::text(format!("{}/{}", fullest.length, fullest.limit)).tone(tone)
}

fn user(listener: &ListenerReport, view: &View) -> Cell {
    let name = |uid: u32| {
        if view.names {
            names::user(uid)
        } else {
            uid.to_string()
        }
    };
    listener
        .uid
        .map_or(Value::Missing, |uid| Value::Text(name(uid)))
        .into()
}

/// `caddy (811)`, `api ×4 (4121…)`, `systemd (1), api (733)`.
fn owners(owners: &[Owner]) -> Cell {
    let mut groups: Vec<(&str, BTreeSet<u32>)> = Vec::new();
    for owner in owners {
        match groups.iter_mut().find(|(name, _)| *name == owner.name) {
            Some((_, pids)) => {
                pids.insert(owner.pid);
            }
            None => groups.push((&owner.name, BTreeSet::from([owner.pid]))),
        }
    }
    let group = |(name, pids): &(&str, BTreeSet<u32>)| {
        let first = pids.first().copied().unwrap_or_default();
        match pids.len() {
            1 => format!("{name} ({first})"),
            count => format!("{name} ×{count} ({first}…)"),
        }
    };
    let groups: Vec<String> = groups.iter().map(group).collect();
    if groups.is_empty() {
        Value::Missing.into()
    } else {
        Cell::text(groups.join(", "))
    }
}

fn metrics(report: &QueueReport) -> Vec<Metric> {
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

//! Measuring the metrics of a check in one reading.

use super::{
    Check, Kind, Measured, Metric, Reading, Scope, Unit,
    metric::{self as m, Highest},
};
use crate::{
    analysis::{
        counters::Selection, doctor::Reports, fds::ProcessReport, ports::TupleReport,
        queues::ListenerReport,
    },
    model::{Listener, NetnsSnapshot, Protocol, Snapshot},
};

/// Every metric of the check, at its highest.
pub fn measure(check: &Check, at: usize, reading: &Reading) -> Vec<Measured> {
    let mut measured = match (check.kind, &check.counters) {
        (Kind::Counters, Some(selection)) => {
            let closed = reading.peaks.seen.closed_namespaces(reading.now, false);
            m::of_counters(selection, reading, closed)
        }
        (Kind::Drops, _) => drops(&check.scope, reading),
        (kind, _) => levels(kind, &check.scope, reading.reports, reading.now),
    };
    if check.kind == Kind::Queues {
        measured.splice(..0, reading.peaks.queues(&check.scope, reading));
    }
    reading.peaks.raise(at, &mut measured);
    measured
}

/// Metrics that one snapshot shows.
pub fn levels(kind: Kind, scope: &Scope, reports: &Reports, now: &Snapshot) -> Vec<Measured> {
    match kind {
        Kind::Queues => vec![waits(scope, reports, now)],
        Kind::Syn => syn_queues(scope, reports, now),
        Kind::Ports => ports(scope, reports, now),
        Kind::TimeWait => time_waits(scope, reports, now),
        Kind::Fds => descriptors(scope, reports, now),
        Kind::Drops | Kind::Leaks | Kind::Counters | Kind::Tune => Vec::new(),
    }
}

pub fn is_read(now: &Snapshot, part: fn(&NetnsSnapshot) -> bool) -> bool {
    now.namespaces.iter().any(part)
}

fn waits(scope: &Scope, reports: &Reports, now: &Snapshot) -> Measured {
    let mut waits = Highest::default();
    for listener in listeners(scope, reports) {
        if let Some(queue) = &listener.accept_queue {
            let empty = (queue.length == 0).then_some(0);
            let wait = queue.oldest_wait_ms.or(empty);
            waits.add(wait.map(|wait| wait as f64), || place(listener));
        }
    }
    waits.of(
        &m::QUEUES_WAIT,
        scope,
        is_read(now, |part| part.waiting.is_some()),
    )
}

fn syn_queues(scope: &Scope, reports: &Reports, now: &Snapshot) -> Vec<Measured> {
    let (mut lengths, mut fills) = (Highest::default(), Highest::default());
    for listener in listeners(scope, reports) {
        if let Some(queue) = &listener.syn_queue {
            let length = queue.length.map(f64::from);
            lengths.add(length, || place(listener));
            // With tcp_syncookies = 2 nothing is queued.
            if queue.limit != Some(0) {
                let fill = length
                    .zip(queue.limit)
                    .map(|(length, limit)| length / limit as f64);
                fills.add(fill, || place(listener));
            }
        }
    }
    let is_read = is_read(now, |part| part.half_open.is_some());
    vec![
        lengths.of(&m::SYN_LENGTH, scope, is_read),
        fills.of(&m::SYN_FILL, scope, is_read),
    ]
}

fn ports(scope: &Scope, reports: &Reports, now: &Snapshot) -> Vec<Measured> {
    let (mut used, mut counts) = (Highest::default(), Highest::default());
    let tuples = reports.ports.tuples.iter();
    for tuple in tuples.filter(|tuple| scope.has_tuple(tuple)) {
        used.add(Some(tuple.used_ratio), || towards(tuple));
        counts.add(Some(tuple.used as f64), || towards(tuple));
    }
    let is_read = is_read(now, |part| part.port_holders.is_some());
    vec![
        used.of(&m::PORTS_USED, scope, is_read),
        counts.of(&m::PORTS_COUNT, scope, is_read),
    ]
}

fn time_waits(scope: &Scope, reports: &Reports, now: &Snapshot) -> Vec<Measured> {
    let (mut fills, mut counts) = (Highest::default(), Highest::default());
    for namespace in &reports.timewait.namespaces {
        let label = || match namespace.netns.label() {
            label if label.is_empty() => "this namespace".to_owned(),
            label => format!("namespace {label}"),
        };
        fills.add(namespace.totals.fill_ratio, label);
        counts.add(Some(namespace.totals.count as f64), label);
    }
    let is_read = is_read(now, |part| part.time_waits.is_some());
    vec![
        fills.of(&m::TIMEWAIT_FILL, scope, is_read),
        counts.of(&m::TIMEWAIT_COUNT, scope, is_read),
    ]
}

fn descriptors(scope: &Scope, reports: &Reports, now: &Snapshot) -> Vec<Measured> {
    let (mut used, mut open) = (Highest::default(), Highest::default());
    let processes = reports.fds.processes.iter();
    for process in processes.filter(|process| scope.has_process(process)) {
        let name = |process: &ProcessReport| format!("{} ({})", process.name, process.pid);
        used.add(process.used_ratio, || name(process));
        open.add(process.open.map(|open| open as f64), || name(process));
    }
    let is_read = now.processes.is_some();
    let mut measured = vec![
        used.of(&m::FDS_USED, scope, is_read),
        open.of(&m::FDS_OPEN, scope, is_read),
    ];
    if scope.is_all() {
        measured.push(Measured {
            value: reports.fds.system.used_ratio,
            ..Measured::new(&m::HOST_FILES_USED, scope)
        });
    }
    measured
}

/// Of all namespaces by their counters, which also count for sockets that have closed; of chosen
/// sockets by their own. A lower bound where a namespace or a chosen socket has closed.
fn drops(scope: &Scope, reading: &Reading) -> Vec<Measured> {
    let (dropped, is_partial) = match scope.is_all() {
        true => counted_drops(reading),
        false => socket_drops(scope, reading),
    };
    let measured = |metric: &Metric, value| Measured {
        value,
        partial: is_partial,
        ..Measured::new(metric, scope)
    };
    vec![
        measured(&m::DROPS, dropped),
        measured(&m::DROPS_RATE, reading.rate(dropped)),
    ]
}

/// `ListenDrops` must be there; there is no `Udp6RcvbufErrors` without IPv6.
fn counted_drops(reading: &Reading) -> (Option<f64>, bool) {
    const LISTEN: &str = "TcpExtListenDrops";
    let names = [LISTEN, "UdpRcvbufErrors", "Udp6RcvbufErrors"];
    let all = names.map(str::to_owned).into_iter().collect();
    let exact = Default::default();
    let closed = reading.peaks.seen.closed_namespaces(reading.now, true);
    let is_partial = !closed.is_empty();
    let counters = m::of_counters(&Selection::Named { all, exact }, reading, closed);
    let rises = counters
        .iter()
        .filter(|counter| counter.unit == Unit::Count);
    let is_listed = rises.clone().any(|counter| counter.name == LISTEN);
    let sum: Option<f64> = rises.map(|counter| counter.value).sum();
    (sum.filter(|_| is_listed), is_partial)
}

fn socket_drops(scope: &Scope, reading: &Reading) -> (Option<f64>, bool) {
    let sockets = listeners(scope, reading.reports);
    let sockets = sockets.filter(|socket| socket.protocol != Protocol::Unix);
    let drops: Vec<Option<u32>> = sockets.map(|socket| dropped(socket, reading)).collect();
    let closed = reading.peaks.seen.closed_sockets(reading.now, scope);
    // Who owned those that have closed is unknown.
    let counted = closed.iter().filter(|_| !scope.needs_owners());
    let counted: Vec<u32> = counted.filter_map(|one| last_drops(one, reading)).collect();
    if drops.is_empty() && counted.is_empty() {
        return (None, true);
    }
    let is_partial = drops.contains(&None) || !closed.is_empty();
    let known = drops.into_iter().flatten().chain(counted);
    (Some(known.map(f64::from).sum()), is_partial)
}

/// What a socket that has closed dropped until it was last seen.
fn last_drops(socket: &Listener, reading: &Reading) -> Option<u32> {
    let (before, _) = reading.before?;
    let mut earlier = before.namespaces.iter().flat_map(NetnsSnapshot::sockets);
    let then = earlier.find(|other| other.cookie == socket.cookie);
    let base = then.map_or(Some(0), |then| then.drops)?;
    socket.drops?.checked_sub(base)
}

/// A socket that was created meanwhile has dropped meanwhile whatever it has dropped.
fn dropped(socket: &ListenerReport, reading: &Reading) -> Option<u32> {
    let (before, _) = reading.before?;
    let is_new = before.namespace(&socket.netns).is_none_or(|then| {
        let mut sockets = then.sockets().iter();
        then.listeners.is_some() && !sockets.any(|other| other.cookie == socket.cookie.0)
    });
    match is_new {
        true => socket.drops,
        false => socket.drops_delta,
    }
}

pub fn listeners<'a>(
    scope: &'a Scope,
    reports: &'a Reports,
) -> impl Iterator<Item = &'a ListenerReport> {
    let listeners = reports.queues.listeners.iter();
    listeners.filter(|listener| scope.has_listener(listener))
}

fn place(listener: &ListenerReport) -> String {
    match &listener.netns.name {
        Some(name) => format!("{} in {name}", listener.local),
        None => listener.local.to_string(),
    }
}

fn towards(tuple: &TupleReport) -> String {
    let destination = tuple.destination.map(|destination| destination.to_string());
    let source = tuple.source.map(|source| source.to_string());
    let [source, destination] = [source, destination].map(Option::unwrap_or_default);
    format!("{source} → {destination}")
}

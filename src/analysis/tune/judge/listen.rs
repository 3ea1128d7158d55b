//! Queues of listeners.

use super::{Case, Counted, Judgement, Load, doubled, named, units};
use crate::analysis::queues::{LimitSetBy, ListenerReport, State};

/// The largest value of kernels that kept limits in 16 bits.
const LARGEST: i64 = 65_535;

/// A listener whose accept queue is in trouble.
struct Trouble<'a> {
    listener: &'a ListenerReport,
    limit: i64,
    set_by: Option<LimitSetBy>,
    is_full: bool,
    /// Packets that it dropped: in the interval or, for a single reading, since it was made.
    drops: u32,
    /// Its queue has overflowed, and not only that of another listener.
    is_certain: bool,
}

impl Trouble<'_> {
    /// What was seen of it.
    fn said(&self) -> String {
        let (name, limit) = (named(self.listener), self.limit);
        let full = if self.is_full { ", full now" } else { "" };
        match self.drops {
            0 => format!("{name} is full with its limit of {limit}"),
            drops => format!("{name} dropped {drops} packets at its limit of {limit}{full}"),
        }
    }
}

/// Listeners that are full, and those that dropped packets in a namespace in which accept queues
/// overflowed. A stray reset is counted as a drop, too: which of several listeners has overflowed is
/// unknown, and so it is where an endpoint dropped fewer packets than there were overflows.
fn troubles<'a>(load: &'a Load, overflows: Option<Counted>) -> Vec<Trouble<'a>> {
    let overflows = overflows.filter(|counted| counted.is_seen());
    let trouble = |listener: &&'a ListenerReport| {
        let queue = listener.accept_queue.as_ref()?;
        let is_full = queue.length > queue.limit;
        let drops = match load.is_watched() {
            true => listener.drops_delta,
            false => listener.drops,
        };
        let drops = drops.filter(|_| overflows.is_some()).unwrap_or(0);
        (is_full || drops > 0).then_some(Trouble {
            listener,
            limit: queue.limit.into(),
            set_by: queue.limit_set_by,
            is_full,
            drops,
            is_certain: is_full,
        })
    };
    let mut all: Vec<Trouble> = load.listeners.iter().filter_map(trouble).collect();
    let mut dropping = all
        .iter_mut()
        .filter(|trouble| trouble.drops > 0)
        .peekable();
    let first = dropping.peek().map(|trouble| &trouble.listener.local);
    if let Some(endpoint) = first.cloned() {
        let dropping: Vec<&mut Trouble> = dropping.collect();
        let is_alone = dropping.iter().all(|one| one.listener.local == endpoint);
        let drops: i128 = dropping.iter().map(|one| i128::from(one.drops)).sum();
        let is_certain = is_alone && overflows.is_some_and(|counted| drops >= counted.count());
        for trouble in dropping {
            trouble.is_certain |= is_certain;
        }
    }
    all.sort_by_key(|trouble| std::cmp::Reverse((trouble.drops, trouble.is_full)));
    all
}

pub fn somaxconn(case: &Case) -> Judgement {
    let (load, Some(value)) = (case.load, case.number()) else {
        return Judgement::note("not a number");
    };
    let overflows = load.counter("TcpExt", "ListenOverflows");
    let troubles = troubles(load, overflows);
    let certain = || troubles.iter().filter(|trouble| trouble.is_certain);
    let capped: Vec<&Trouble> = certain()
        .filter(|trouble| trouble.set_by == Some(LimitSetBy::Somaxconn) && trouble.drops > 0)
        .collect();
    let drained = |trouble: &&&Trouble| !trouble.is_full || case.is_below_default();
    let curable = capped.iter().find(drained).filter(|_| value < LARGEST);
    if let Some(trouble) = curable {
        return raise_somaxconn(case, value, trouble, &capped, overflows);
    }
    if let Some(trouble) = certain().next() {
        return Judgement::note(no_cure(trouble, value));
    }
    if let Some(overflows) = overflows.filter(|_| !troubles.is_empty()) {
        return Judgement::note(unattributed(&troubles, overflows));
    }
    if value > LARGEST {
        return Judgement::note(format!(
            "a queue of {value} hides an application that does not accept: at 1000 accepts a second \
             the last connection waits {} s",
            value / 1000
        ))
        .harmful();
    }
    if case.is_below_default() {
        return Judgement::note("below the kernel's default, and no queue has overflowed");
    }
    Judgement::ok(longest(load))
}

fn raise_somaxconn(
    case: &Case,
    value: i64,
    worst: &Trouble,
    capped: &[&Trouble],
    overflows: Option<Counted>,
) -> Judgement {
    let least = case.default_number().unwrap_or(0);
    let suggested = doubled(value, least).min(LARGEST);
    let overflows = overflows.map_or(String::new(), |counted| {
        let counted = counted.said("the namespace was made");
        format!("; accept-queue overflows of the namespace: {counted}")
    });
    let full = match worst.is_full {
        true => "; it is full now: find out why it is not drained, too",
        false => "",
    };
    let happens_now = case.load.is_watched() || worst.is_full;
    Judgement::change(
        suggested,
        happens_now,
        format!(
            "{}; somaxconn sets it, and the application must ask listen() for more, too{overflows}{full}",
            worst.said()
        ),
    )
    .restarting(units(capped.iter().map(|trouble| trouble.listener)))
}

/// Which listener the overflows were at is not known.
fn unattributed(troubles: &[Trouble], overflows: Counted) -> String {
    let names: Vec<String> = troubles.iter().map(|one| named(one.listener)).collect();
    let names = match names.as_slice() {
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        [] => String::new(),
    };
    format!(
        "accept queues overflowed: {}; whether those of {names}, which dropped packets, is unknown",
        overflows.said("the namespace was made")
    )
}

/// Why raising somaxconn would not help.
fn no_cure(trouble: &Trouble, value: i64) -> String {
    let said = trouble.said();
    match trouble.set_by {
        Some(LimitSetBy::Application) => format!(
            "{said}, which the application passed to listen(): somaxconn, {value}, does not bind it"
        ),
        Some(LimitSetBy::Stale) => {
            format!("{said}, an earlier somaxconn: listen() again (restart it) to get {value}")
        }
        Some(LimitSetBy::Somaxconn) => format!(
            "{said}: the application does not accept fast enough, and a longer queue would only \
             make clients wait longer"
        ),
        None => {
            format!("{said}, which is the backlog of listen() or an earlier somaxconn, not {value}")
        }
    }
}

fn longest(load: &Load) -> String {
    let queues = load
        .listeners
        .iter()
        .filter_map(|one| one.accept_queue.as_ref());
    let longest = queues.max_by_key(|queue| queue.length);
    longest.map_or("no listener".to_owned(), |queue| {
        format!("longest accept queue: {} of {}", queue.length, queue.limit)
    })
}

pub fn tcp_max_syn_backlog(case: &Case) -> Judgement {
    let cookies = case.load.setting("net.ipv4.tcp_syncookies");
    match (cookies, case.number()) {
        (Some(0), Some(value)) => without_cookies(case, value),
        (Some(cookies), _) => {
            let why = format!(
                "has no effect with tcp_syncookies = {cookies}: the limit of the accept queue bounds \
                 the SYN queue"
            );
            match case.is_default {
                Some(false) => Judgement::note(why),
                _ => Judgement::ok(why),
            }
        }
        _ => Judgement::ok("counts only while tcp_syncookies is 0"),
    }
}

/// Three quarters of it are for peers that the kernel has no metrics of.
fn without_cookies(case: &Case, value: i64) -> Judgement {
    let most = value - value / 4;
    let full = case.load.listeners.iter().find(|listener| {
        let queue = listener.syn_queue.as_ref();
        queue.is_some_and(|queue| queue.is_full() && queue.limit == u64::try_from(most).ok())
    });
    match full {
        Some(listener) => Judgement::change(
            doubled(value, case.default_number().unwrap_or(0)),
            true,
            format!(
                "the SYN queue of {} is full at {most}, three quarters of this; tcp_syncookies = 1 \
                 would help without it",
                named(listener)
            ),
        ),
        None => Judgement::ok(format!(
            "no SYN queue is full at {most}, three quarters of this"
        )),
    }
}

pub fn tcp_abort_on_overflow(case: &Case) -> Judgement {
    let overflows = case.load.counter("TcpExt", "ListenOverflows");
    let seen = overflows.filter(|counted| counted.is_seen());
    match (case.number(), seen) {
        (Some(0), _) => Judgement::ok("at a full accept queue clients try again"),
        (_, Some(counted)) => Judgement::change(
            0,
            counted.moves(),
            format!(
                "accept queues overflowed: {}; a client whose last ACK finds the queue full gets a \
                 reset, where it would have tried again. New SYNs are dropped without one all the same",
                counted.said("the namespace was made")
            ),
        ),
        (_, None) => Judgement::note(
            "resets a client whose last ACK finds the queue full, where it would have tried again; \
             no queue has overflowed. New SYNs are never reset",
        )
        .harmful(),
    }
}

/// Whether a listener's SYN queue is full now.
pub fn full_syn_queue<'a>(load: &'a Load) -> Option<&'a ListenerReport> {
    let mut listeners = load.listeners.iter().copied();
    listeners.find(|one| {
        let is_full = one.syn_queue.as_ref().is_some_and(|queue| queue.is_full());
        is_full && one.state >= State::Busy
    })
}

//! What is kept of closed connections.

use super::{Case, Counted, Judgement, doubled, is_near_limit, percent, ports::tight};
use crate::analysis::ports::TupleReport;

/// How much of a TIME_WAIT the kernel keeps (`tw_sock_TCP` in /proc/slabinfo), in bytes.
const SOCKET_BYTES: i64 = 256;

/// The fullest tuple that TIME_WAITs keep from more connections, and whether both ends are here.
fn held_by_time_waits<'a>(case: &'a Case) -> Option<(&'a TupleReport, bool)> {
    let held = |tuple: &&TupleReport| tuple.states.time_wait * 2 >= tuple.used;
    let tuple = tight(case.load).find(held)?;
    let is_loopback = tuple.source.is_some_and(|source| source.is_loopback());
    Some((tuple, is_loopback))
}

fn said(tuple: &TupleReport) -> String {
    let end = |end: Option<String>| end.unwrap_or_default();
    let source = end(tuple.source.map(|source| source.to_string()));
    let destination = end(tuple.destination.map(|to| to.to_string()));
    format!(
        "{source} → {destination}: {} of {} ports in use are in TIME_WAIT, {} are free",
        tuple.states.time_wait, tuple.used, tuple.free
    )
}

pub fn tcp_tw_reuse(case: &Case) -> Judgement {
    let value = case.number().unwrap_or(0);
    let timestamps = case.load.setting("net.ipv4.tcp_timestamps");
    match held_by_time_waits(case) {
        Some((tuple, is_loopback)) if value == 0 || (value == 2 && !is_loopback) => {
            return Judgement::change(
                1,
                true,
                format!(
                    "{}; connect() may take them over where the peer sends timestamps, too",
                    said(tuple)
                ),
            );
        }
        _ => {}
    }
    match value {
        0 => Judgement::ok("connect() takes over no TIME_WAIT; no destination lacks ports"),
        _ if timestamps == Some(0) => {
            Judgement::note("has no effect while net.ipv4.tcp_timestamps is 0")
        }
        2 => Judgement::ok("connect() takes over TIME_WAITs of loopback connections"),
        _ => Judgement::ok("connect() takes over TIME_WAITs where the peer sends timestamps"),
    }
}

pub fn tcp_tw_reuse_delay(case: &Case) -> Judgement {
    let delay = case.value;
    Judgement::ok(format!(
        "a TIME_WAIT is {delay} ms old before connect() may take it over"
    ))
}

/// Only kernels before 4.12 have it.
pub fn tcp_tw_recycle(case: &Case) -> Judgement {
    match case.number() {
        Some(0) => Judgement::ok("off"),
        _ => Judgement::change(
            0,
            true,
            "refuses connections of clients behind one NAT address",
        ),
    }
}

/// A myth: the time in TIME_WAIT is a constant.
pub fn tcp_fin_timeout(case: &Case) -> Judgement {
    let said = "does not shorten TIME_WAIT, which is 60 s always: bounds FIN_WAIT2 after close()";
    match case.is_default {
        Some(false) => Judgement::note(said),
        _ => Judgement::ok(said),
    }
}

pub fn tcp_max_tw_buckets(case: &Case) -> Judgement {
    let Some(limit) = case.number() else {
        return Judgement::note("not a number");
    };
    let count = case.load.sockstat("sockstat.TCP", "tw");
    let lost = case.load.counter("TcpExt", "TCPTimeWaitOverflow");
    let lost = lost.filter(|counted: &Counted| counted.is_seen());
    let is_near = count.is_some_and(|count| is_near_limit(count, limit));
    let lost_said = lost.map(|lost| {
        let lost = lost.said("the namespace was made");
        format!("; closed without TIME_WAIT: {lost}")
    });
    let lost_said = lost_said.unwrap_or_default();
    let said = match count {
        Some(count) => format!("{count} of {limit} are in use{lost_said}"),
        None => format!("the number in use is unknown{lost_said}"),
    };
    let moves = lost.is_some_and(Counted::moves);
    match (is_near || moves, lost) {
        (true, _) => {
            let suggested = doubled(limit, case.default_number().unwrap_or(0));
            let cost = suggested.saturating_mul(SOCKET_BYTES) / (1 << 20);
            Judgement::change(
                suggested,
                true,
                format!("{said}; {suggested} of them need {cost} MiB"),
            )
        }
        (false, Some(_)) => Judgement::note(said),
        (false, None) if case.is_below_default() => Judgement::note(format!(
            "{said}; below the default: connections beyond it lose the protection of TIME_WAIT"
        ))
        .harmful(),
        _ => Judgement::ok(match count {
            Some(count) => format!("{count} in use, {} %", percent(count, limit)),
            None => said,
        }),
    }
}

pub fn tcp_rfc1337(case: &Case) -> Judgement {
    Judgement::ok(match case.number() {
        Some(0) => "a reset ends TIME_WAIT early",
        _ => "a reset does not end TIME_WAIT",
    })
}

pub fn tcp_timestamps(case: &Case) -> Judgement {
    if case.number() != Some(0) {
        return Judgement::ok("needed by tcp_tw_reuse and for the options of SYN cookies");
    }
    match held_by_time_waits(case) {
        Some((tuple, _)) => Judgement::change(
            1,
            true,
            format!(
                "{}; without timestamps connect() may not take them over",
                said(tuple)
            ),
        ),
        None => Judgement::note(
            "tcp_tw_reuse has no effect without, SYN cookies lose window scaling, and old segments \
             may be taken for new ones",
        )
        .harmful(),
    }
}

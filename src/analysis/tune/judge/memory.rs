//! Memory of sockets: of each, and of all together.

use super::{Case, Counted, Judgement, doubled, is_near_limit, named, percent};
use crate::{analysis::queues::ListenerReport, model::Protocol};

/// A default buffer of this many bytes or more is taken before autotuning has seen a need.
const LARGE_DEFAULT: i64 = 1 << 20;

/// A UDP socket that drops, with the packets that it dropped.
struct Dropping<'a> {
    receiver: &'a ListenerReport,
    limit: i64,
    drops: u32,
    /// In the interval that was watched, or it is full now.
    happens_now: bool,
}

impl Dropping<'_> {
    fn said(&self) -> String {
        let (name, limit, drops) = (named(self.receiver), self.limit, self.drops);
        format!("{name} dropped {drops} datagrams with a receive buffer of {limit} bytes")
    }
}

/// Drops alone may be wrong checksums: datagrams that did not fit must have been counted, too.
fn dropping<'a>(case: &'a Case) -> impl Iterator<Item = Dropping<'a>> {
    let counted = |name: &str| case.load.counter("Udp", name);
    let counted6 = case.load.counter("snmp6", "Udp6RcvbufErrors");
    let full = [counted("RcvbufErrors"), counted6].into_iter().flatten();
    let overflowed = full.clone().any(Counted::is_seen);
    let watched = case.load.is_watched();
    let receivers = case.load.listeners.iter().copied();
    let receivers = receivers.filter(move |one| overflowed && one.protocol == Protocol::Udp);
    receivers.filter_map(move |receiver| {
        let queue = receiver.receive_queue.as_ref()?;
        let drops = match watched {
            true => receiver.drops_delta?,
            false => receiver.drops?,
        };
        (drops > 0).then_some(Dropping {
            receiver,
            limit: queue.limit_bytes?.into(),
            drops,
            happens_now: watched || queue.fill_ratio >= Some(1.0),
        })
    })
}

pub fn rmem_default(case: &Case) -> Judgement {
    let Some(value) = case.number() else {
        return Judgement::note("not a number");
    };
    let most = case.load.setting("net.core.rmem_max");
    match dropping(case).find(|one| one.limit == value) {
        Some(one) => Judgement::change(
            doubled(value, case.default_number().unwrap_or(0)),
            one.happens_now,
            format!(
                "{}, the default; SO_RCVBUF would raise it for this socket alone",
                one.said()
            ),
        ),
        None if most.is_some_and(|most| value > most) => Judgement::note(
            "more than rmem_max: a socket that sets SO_RCVBUF gets less than one that does not",
        ),
        None => Judgement::ok("no UDP socket with this buffer has dropped datagrams"),
    }
}

/// The kernel doubles what SO_RCVBUF asks for.
pub fn rmem_max(case: &Case) -> Judgement {
    let Some(value) = case.number() else {
        return Judgement::note("not a number");
    };
    match dropping(case).find(|one| one.limit == value.saturating_mul(2)) {
        Some(one) => Judgement::change(
            doubled(value, case.default_number().unwrap_or(0)),
            one.happens_now,
            format!("{}, all that SO_RCVBUF can get", one.said()),
        ),
        None => Judgement::ok("no UDP socket at this bound has dropped datagrams"),
    }
}

pub fn wmem_bounds(case: &Case) -> Judgement {
    let counted = case.load.counter("Udp", "SndbufErrors");
    match counted.filter(|counted| counted.is_seen()) {
        Some(counted) => Judgement::ok(format!(
            "datagrams that found a send buffer or a queue of the host full: {}",
            counted.said("the namespace was made")
        )),
        None => Judgement::ok("no datagram found a send buffer or a queue of the host full"),
    }
}

/// tcp_rmem and tcp_wmem: least, usual and most of a buffer.
pub fn buffer_bounds(case: &Case) -> Judgement {
    let numbers = case.value.numbers();
    let numbers = numbers.and_then(|numbers| <[i64; 3]>::try_from(numbers).ok());
    let Some([least, usual, most]) = numbers else {
        return Judgement::note("not three numbers");
    };
    if least > usual || usual > most {
        return Judgement::note(format!(
            "not in order: the least is {least}, the usual {usual}, the most {most}"
        ))
        .harmful();
    }
    if usual >= LARGE_DEFAULT {
        let connections = case.load.sockstat("sockstat.TCP", "inuse");
        let all = connections.map_or(String::new(), |count| {
            format!(
                "; {count} of them {} MiB",
                usual.saturating_mul(count) >> 20
            )
        });
        return Judgement::note(format!(
            "each connection may take {usual} bytes before autotuning{all}"
        ));
    }
    Judgement::ok(format!(
        "autotuned up to {} KiB for each connection",
        most >> 10
    ))
}

/// Memory of a protocol's sockets against low, pressure and high, all in pages.
struct Pages {
    used: Option<i64>,
    pressure: i64,
    high: i64,
}

fn pages(case: &Case, table: &str) -> Option<Pages> {
    let [_, pressure, high]: [i64; 3] = case.value.numbers()?.try_into().ok()?;
    let used = case.load.sockstat(table, "mem");
    Some(Pages {
        used,
        pressure,
        high,
    })
}

pub fn tcp_mem(case: &Case) -> Judgement {
    let pressures = case.load.counter("TcpExt", "TCPMemoryPressures");
    let Some(pages) = pages(case, "sockstat.TCP") else {
        return Judgement::note("not three numbers");
    };
    judge_pages(case, &pages, pressures)
}

/// UDP has no counter of the pressure.
pub fn udp_mem(case: &Case) -> Judgement {
    match pages(case, "sockstat.UDP") {
        Some(pages) => judge_pages(case, &pages, None),
        None => Judgement::note("not three numbers"),
    }
}

fn judge_pages(case: &Case, pages: &Pages, pressures: Option<Counted>) -> Judgement {
    let high = pages.high;
    let of_memory = case.host.memory_bytes;
    let of_memory = of_memory.and_then(|bytes| bytes.checked_div(case.host.page_bytes));
    let of_memory = of_memory.and_then(|pages| i64::try_from(pages).ok());
    let is_over = |used: &i64| high > 0 && (*used >= pages.pressure || is_near_limit(*used, high));
    let said = |used| format!("sockets use {used} of {high} pages");
    if let Some(used) = pages.used.filter(is_over) {
        return raise_pages(case, pages, of_memory, &said(used));
    }
    if of_memory.is_some_and(|all| high > all) {
        let all = of_memory.unwrap_or(0);
        return Judgement::note(format!(
            "{high} is more than the {all} pages of memory: the unit is pages, not bytes"
        ))
        .harmful();
    }
    let said = match pages.used {
        Some(used) => said(used),
        None => "the pages that sockets use are unknown".to_owned(),
    };
    match pressures.filter(|counted| counted.is_seen()) {
        Some(counted) => Judgement::note(format!(
            "{said}; memory was short: {}",
            counted.said("the namespace was made")
        )),
        None => Judgement::ok(said),
    }
}

/// No more than a quarter of memory is suggested.
fn raise_pages(case: &Case, pages: &Pages, of_memory: Option<i64>, said: &str) -> Judgement {
    let default = case.default.and_then(super::SettingValue::numbers);
    let default_high = default.and_then(|numbers| numbers.last().copied());
    let wanted = pages.high.saturating_mul(2).max(default_high.unwrap_or(0));
    let most = of_memory.map_or(wanted, |all| wanted.min(all / 4));
    if most <= pages.high {
        return Judgement::note(format!(
            "{said}, a quarter of memory: find the sockets that hold it"
        ));
    }
    let low = most / 2;
    let suggested = format!("{low} {} {most}", low / 3 * 4);
    let pressure = pages.pressure;
    Judgement::change(
        super::SettingValue::Text(suggested),
        true,
        format!("{said}; buffers shrink from {pressure} on"),
    )
}

pub fn tcp_max_orphans(case: &Case) -> Judgement {
    let Some(limit) = case.number() else {
        return Judgement::note("not a number");
    };
    let Some(count) = case.load.sockstat("sockstat.TCP", "orphan") else {
        return Judgement::ok("the number of orphans is unknown");
    };
    let said = format!("{count} of {limit} orphans, {} %", percent(count, limit));
    match is_near_limit(count, limit) {
        true => Judgement::change(
            doubled(limit, case.default_number().unwrap_or(0)),
            true,
            format!(
                "{said}; beyond it connections are reset, from a quarter of it on unresponsive ones"
            ),
        ),
        false if case.is_below_default() => {
            Judgement::note(format!("{said}; below the kernel's default"))
        }
        false => Judgement::ok(said),
    }
}

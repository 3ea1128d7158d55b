//! Ports of clients.

use std::collections::BTreeSet;

use super::{Case, Judgement, Load};
use crate::{
    analysis::{
        ports::{Pressure, TupleReport},
        queues::LocalReport,
    },
    model::Protocol,
};

/// What is suggested where the range is too small: above the ports of most services.
const WIDE: (i64, i64) = (10_240, 65_535);
/// More ports than this are not listed.
const MOST: usize = 16;

/// Tuples that have used up nine of ten ports, the worst first.
pub fn tight<'a>(load: &'a Load) -> impl Iterator<Item = &'a TupleReport> {
    let tight = |tuple: &&TupleReport| tuple.state >= Pressure::Tight;
    load.tuples.iter().copied().filter(tight)
}

pub fn ip_local_port_range(case: &Case) -> Judgement {
    let Some([low, high]) = case
        .value
        .numbers()
        .and_then(|n| <[i64; 2]>::try_from(n).ok())
    else {
        return Judgement::note("not a range");
    };
    let size = high - low + 1;
    let inside = listeners_within(case.load, low, high);
    if let Some(tuple) = tight(case.load).next() {
        return widen(case, tuple, size);
    }
    if size % 2 == 1 {
        return Judgement::note(format!(
            "{size} ports are an odd number: connect() never tries {high}"
        ));
    }
    match inside.len() {
        0 => Judgement::ok(match fullest(case.load) {
            Some(tuple) => format!("fullest destination: {} of {size} ports in use", tuple.used),
            None => "no destination uses ephemeral ports".to_owned(),
        }),
        count => Judgement::note(format!(
            "{} inside ({}): a connection may take one while its service is down; reserve them \
             (net.ipv4.ip_local_reserved_ports)",
            match count {
                1 => "1 port of a listener is".to_owned(),
                count => format!("{count} ports of listeners are"),
            },
            some(&inside)
        ))
        .harmful(),
    }
}

fn widen(case: &Case, tuple: &TupleReport, size: i64) -> Judgement {
    let destination = tuple.destination.map_or(String::new(), |to| to.to_string());
    let said = format!(
        "towards {destination} {} ports are used and {} are free",
        tuple.used, tuple.free
    );
    match size < WIDE.1 - WIDE.0 + 1 {
        true => {
            let (low, high) = WIDE;
            let suggested = super::SettingValue::Text(format!("{low} {high}"));
            let inside = listeners_within(case.load, low, high);
            let reserve = match inside.is_empty() {
                true => String::new(),
                false => format!("; reserve the ports of listeners first: {}", some(&inside)),
            };
            Judgement::change(suggested, true, format!("{said}{reserve}"))
        }
        false => Judgement::note(format!(
            "{said}; the range is wide already: keep connections open, or use more addresses"
        )),
    }
}

pub fn ip_local_reserved_ports(case: &Case) -> Judgement {
    let range = case.load.ports.map(|ports| ports.range);
    let Some(range) = range else {
        return Judgement::ok("ports that connect() and bind(0) never choose");
    };
    let inside = listeners_within(case.load, range.low.into(), range.high.into());
    match inside.len() {
        0 => Judgement::ok("no listener has a port of the ephemeral range that is not reserved"),
        count if count > MOST => Judgement::note(format!(
            "{count} listeners have ports of the ephemeral range that are not reserved"
        )),
        _ => {
            let ports: Vec<String> = inside.iter().map(u16::to_string).collect();
            let before = case.value.to_string();
            let before = Some(before).filter(|before| !before.is_empty());
            let all: Vec<String> = before.into_iter().chain([ports.join(",")]).collect();
            Judgement::note(format!(
                "listeners at {} have ports of the ephemeral range; reserve those that are fixed",
                some(&inside)
            ))
            .suggesting(super::SettingValue::of(&all.join(",")))
        }
    }
}

fn fullest<'a>(load: &'a Load) -> Option<&'a TupleReport> {
    load.tuples.iter().copied().max_by_key(|tuple| tuple.used)
}

/// Ports of TCP listeners in the range that are not reserved.
fn listeners_within(load: &Load, low: i64, high: i64) -> BTreeSet<u16> {
    let reserved = &load.port_limits().reserved;
    let listeners = load.listeners.iter();
    let tcp = listeners.filter(|one| matches!(one.protocol, Protocol::Tcp | Protocol::Mptcp));
    let ports = tcp.filter_map(|listener| match &listener.local {
        LocalReport::Inet { port, .. } => Some(*port),
        LocalReport::Unix { .. } => None,
    });
    let is_inside = |port: &u16| (low..=high).contains(&i64::from(*port));
    ports
        .filter(|port| is_inside(port) && !reserved.contains(*port))
        .collect()
}

/// `40000, 40001, 40002 and 4 more`
fn some(ports: &BTreeSet<u16>) -> String {
    const LISTED: usize = 3;
    let listed: Vec<String> = ports.iter().take(LISTED).map(u16::to_string).collect();
    let listed = listed.join(", ");
    match ports.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

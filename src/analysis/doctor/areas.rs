//! The numbers that stand for each area, in a few words.

use std::collections::BTreeSet;

use super::{LookedAt, Reports, Verdict};
use crate::{
    analysis::{Finding, finding::Area},
    model::{NetnsSnapshot, Protocol, Snapshot},
};

/// The verdict on each of the areas, in their order.
pub fn look(
    now: &Snapshot,
    reports: &Reports,
    areas: &BTreeSet<Area>,
    findings: &[Finding],
) -> Vec<LookedAt> {
    let look = |area: &Area| {
        let (is_known, summary) = summary(*area, now, reports)?;
        let own = findings.iter().filter(|finding| finding.area == *area);
        Some(LookedAt {
            area: *area,
            verdict: Verdict::of(own, is_known),
            summary,
        })
    };
    areas.iter().filter_map(look).collect()
}

/// Whether the area could be read, and its summary. `None` for areas that have no numbers.
fn summary(area: Area, now: &Snapshot, reports: &Reports) -> Option<(bool, String)> {
    let is_known = |part: fn(&NetnsSnapshot) -> bool| now.namespaces.iter().any(part);
    Some(match area {
        Area::AcceptQueue => (is_known(|part| part.listeners.is_some()), accept(reports)),
        Area::SynQueue => (is_known(|part| part.half_open.is_some()), syn(reports)),
        Area::Ports => (is_known(|part| part.port_holders.is_some()), ports(reports)),
        Area::TimeWait => (is_known(|part| part.time_waits.is_some()), closed(reports)),
        Area::Descriptors => (now.processes.is_some(), descriptors(reports)),
        Area::Memory => (
            is_known(|part| part.listeners.is_some()),
            receivers(reports),
        ),
        _ => return None,
    })
}

fn accept(reports: &Reports) -> String {
    let listeners = reports.queues.listeners.iter();
    let queues = listeners.filter(|listener| listener.accept_queue.is_some());
    let fullest = queues.clone().filter_map(|queue| queue.fill_ratio());
    match queues.count() {
        0 => "no listeners".to_owned(),
        count => {
            let fullest = percent(fullest.fold(0.0, f64::max));
            format!("accept queues {fullest} full at most (listeners: {count})")
        }
    }
}

fn syn(reports: &Reports) -> String {
    let listeners = reports.queues.listeners.iter();
    let queues = listeners.filter_map(|listener| listener.syn_queue.as_ref());
    let longest = queues.filter_map(|queue| queue.length).max();
    match longest.unwrap_or(0) {
        0 => "SYN queues empty".to_owned(),
        longest => format!("SYN queues {longest} at most"),
    }
}

fn ports(reports: &Reports) -> String {
    let tuples = reports.ports.tuples.iter();
    let used = tuples.map(|tuple| tuple.used_ratio);
    match used.reduce(f64::max) {
        None => "ports unused".to_owned(),
        Some(used) => format!("ports {} used towards one destination", percent(used)),
    }
}

fn closed(reports: &Reports) -> String {
    let namespaces = reports.timewait.namespaces.iter();
    let fill = |totals: &_| {
        let totals: &crate::analysis::timewait::Totals = totals;
        totals.fill_ratio.unwrap_or(0.0)
    };
    let fullest = namespaces
        .map(|namespace| &namespace.totals)
        .reduce(|one, other| if fill(other) > fill(one) { other } else { one });
    let Some(fullest) = fullest else {
        return "TIME_WAIT not read".to_owned();
    };
    match fullest.limit {
        Some(limit) => format!("TIME_WAIT {} of {limit}", fullest.count),
        None => format!("TIME_WAIT {}", fullest.count),
    }
}

fn descriptors(reports: &Reports) -> String {
    let processes = reports.fds.processes.iter();
    let used = |process: &crate::analysis::fds::ProcessReport| process.used_ratio.unwrap_or(0.0);
    let nearest = processes.reduce(|one, other| if used(other) > used(one) { other } else { one });
    match nearest {
        None => "no processes".to_owned(),
        Some(nearest) => {
            let (share, name, pid) = (percent(used(nearest)), &nearest.name, nearest.pid);
            format!("descriptors {share} of the limit at most ({name} {pid})")
        }
    }
}

fn receivers(reports: &Reports) -> String {
    let listeners = reports.queues.listeners.iter();
    let sockets = listeners.filter(|listener| listener.protocol == Protocol::Udp);
    let fullest = sockets.filter_map(|socket| socket.fill_ratio());
    format!("UDP buffers {}", percent(fullest.fold(0.0, f64::max)))
}

fn percent(ratio: f64) -> String {
    match ratio * 100.0 {
        0.0 => "0 %".to_owned(),
        share if share < 1.0 => "<1 %".to_owned(),
        share => format!("{share:.0} %"),
    }
}

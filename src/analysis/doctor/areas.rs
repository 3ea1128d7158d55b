//! The numbers that stand for each area, in a few words.

use std::collections::BTreeSet;

use super::{LookedAt, Reports, Verdict};
use crate::{
    analysis::{Finding, fds::ProcessReport, finding::Area, timewait},
    model::{NetnsSnapshot, Protocol, Snapshot, State},
};

/// The verdict on each of the areas, in their order.
pub fn look(
    now: &Snapshot,
    reports: &Reports,
    areas: &BTreeSet<Area>,
    findings: &[Finding],
) -> Vec<LookedAt> {
    let look = |area: &Area| {
        let (summary, ratio) = summary(*area, reports)?;
        let own = findings.iter();
        let own = own.filter(|finding| finding.areas().any(|other| other == *area));
        Some(LookedAt {
            area: *area,
            verdict: Verdict::of(own, is_known(*area, now)),
            summary,
            ratio,
        })
    };
    areas.iter().filter_map(look).collect()
}

/// Whether the area could be read anywhere.
fn is_known(area: Area, now: &Snapshot) -> bool {
    let has = |part: fn(&NetnsSnapshot) -> bool| now.namespaces.iter().any(part);
    match area {
        Area::AcceptQueue | Area::Memory => has(|part| part.listeners.is_some()),
        Area::SynQueue => has(|part| part.half_open.is_some()),
        Area::Ports => has(|part| part.port_holders.is_some()),
        Area::TimeWait => has(|part| part.time_waits.is_some()),
        Area::Descriptors => now.processes.is_some(),
        Area::Connections => has(|part| part.half_closed.is_some()),
        Area::Network => has(|part| part.network.is_some()),
        _ => true,
    }
}

/// In words, and how much of the limit is used. `None` for areas that have no numbers.
fn summary(area: Area, reports: &Reports) -> Option<(String, Option<f64>)> {
    Some(match area {
        Area::AcceptQueue => accept(reports),
        Area::SynQueue => (syn(reports), None),
        Area::Ports => ports(reports),
        Area::TimeWait => closed(reports),
        Area::Descriptors => descriptors(reports),
        Area::Connections => (connections(reports), None),
        Area::Memory => memory(reports),
        Area::Network => network(reports),
        Area::Settings => (settings(reports), None),
        _ => return None,
    })
}

fn accept(reports: &Reports) -> (String, Option<f64>) {
    let listeners = reports.queues.listeners.iter();
    let queues = listeners.filter(|listener| listener.accept_queue.is_some());
    let count = queues.clone().count();
    let fill = queues.filter_map(|queue| queue.fill_ratio());
    let fullest = fill.reduce(f64::max);
    let summary = match fullest {
        None => "no listeners".to_owned(),
        Some(fullest) => {
            let fullest = percent(fullest);
            format!("accept queues {fullest} full at most (listeners: {count})")
        }
    };
    (summary, fullest)
}

fn syn(reports: &Reports) -> String {
    let listeners = reports.queues.listeners.iter();
    let queues = listeners.filter_map(|listener| listener.syn_queue.as_ref());
    match queues.filter_map(|queue| queue.length).max() {
        None | Some(0) => "SYN queues empty".to_owned(),
        Some(longest) => format!("SYN queues {longest} long at most"),
    }
}

fn ports(reports: &Reports) -> (String, Option<f64>) {
    let tuples = reports.ports.tuples.iter();
    let used = tuples.map(|tuple| tuple.used_ratio).reduce(f64::max);
    let summary = match used {
        None => "no ephemeral ports used".to_owned(),
        Some(used) => format!(
            "ephemeral ports {} used towards one destination",
            percent(used)
        ),
    };
    (summary, used)
}

fn closed(reports: &Reports) -> (String, Option<f64>) {
    let fill = |totals: &timewait::Totals| totals.fill_ratio.unwrap_or(0.0);
    let namespaces = reports.timewait.namespaces.iter();
    let fullest = namespaces
        .map(|namespace| &namespace.totals)
        .reduce(|one, other| if fill(other) > fill(one) { other } else { one });
    match fullest.map(|totals| (totals.count, totals.limit, totals.fill_ratio)) {
        None => ("TIME_WAIT not counted".to_owned(), None),
        Some((count, Some(limit), fill)) => (format!("TIME_WAIT {count} of {limit}"), fill),
        Some((count, None, _)) => (format!("TIME_WAIT {count}"), None),
    }
}

fn descriptors(reports: &Reports) -> (String, Option<f64>) {
    let used = |process: &ProcessReport| process.used_ratio.unwrap_or(0.0);
    let processes = reports.fds.processes.iter();
    let processes = processes.filter(|process| !process.is_sandboxed());
    let nearest = processes.reduce(|one, other| if used(other) > used(one) { other } else { one });
    match nearest {
        None => ("no processes".to_owned(), None),
        Some(nearest) => {
            let (share, name, pid) = (percent(used(nearest)), &nearest.name, nearest.pid);
            let summary = format!("descriptors {share} of the limit at most ({name} {pid})");
            (summary, nearest.used_ratio)
        }
    }
}

fn receivers(reports: &Reports) -> (String, Option<f64>) {
    let listeners = reports.queues.listeners.iter();
    let sockets = listeners.filter(|listener| listener.protocol == Protocol::Udp);
    let fullest = sockets
        .filter_map(|socket| socket.fill_ratio())
        .reduce(f64::max);
    let summary = match fullest {
        None => "no UDP sockets".to_owned(),
        Some(fullest) => format!("UDP buffers {} full at most", percent(fullest)),
    };
    (summary, fullest)
}

fn connections(reports: &Reports) -> String {
    let namespaces = reports.network.namespaces.iter();
    let groups = namespaces.flat_map(|namespace| &namespace.half_closed);
    let closed = groups.filter(|group| group.state == State::CloseWait);
    match closed.map(|group| group.held).sum::<u64>() {
        0 => "no CLOSE_WAIT".to_owned(),
        count => format!("CLOSE_WAIT {count}"),
    }
}

/// Of TCP and UDP together, and the fullest receive buffer.
fn memory(reports: &Reports) -> (String, Option<f64>) {
    let host = &reports.network.host;
    let shares = [host.tcp_memory.used_ratio, host.udp_memory.used_ratio];
    let used = shares.into_iter().flatten().reduce(f64::max);
    let (buffers, fullest) = receivers(reports);
    match used {
        None => (buffers, fullest),
        Some(used) => {
            let summary = format!("socket memory {}, {buffers}", percent(used));
            (
                summary,
                Some(fullest.map_or(used, |fullest| fullest.max(used))),
            )
        }
    }
}

fn network(reports: &Reports) -> (String, Option<f64>) {
    let namespaces = reports.network.namespaces.iter();
    let tables = namespaces.filter_map(|namespace| namespace.conntrack.as_ref());
    let fullest = tables.filter_map(|table| table.fill_ratio).reduce(f64::max);
    match fullest {
        None => ("connections are not tracked".to_owned(), None),
        Some(fill) => (format!("conntrack {}", percent(fill)), fullest),
    }
}

fn settings(reports: &Reports) -> String {
    let all = reports.tune.settings.iter();
    let changed = all.filter(|setting| setting.is_default == Some(false));
    format!("settings not at their default: {}", changed.count())
}

fn percent(ratio: f64) -> String {
    match ratio * 100.0 {
        0.0 => "0 %".to_owned(),
        share if share < 1.0 => "<1 %".to_owned(),
        share => format!("{share:.0} %"),
    }
}

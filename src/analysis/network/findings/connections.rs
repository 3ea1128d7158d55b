//! Connections that a process, or the peer, does not close.

use super::NamespaceReport;
use crate::{
    analysis::{
        Finding,
        Severity::Warning,
        finding::{SINCE, owners},
        network::HalfClosedReport,
        rules::{
            CLOSE_WAIT_LEAK, FIN_WAIT_PILEUP, HALF_CLOSED_GROWN_SECONDS, HALF_CLOSED_GROWTH,
            HALF_CLOSED_MANY, HALF_CLOSED_OLD_SECONDS,
        },
    },
    model::{State, snapshot::Side},
};

pub fn not_closed(namespace: &NamespaceReport) -> impl Iterator<Item = Finding> {
    let handshakes = namespace.traffic.handshakes;
    let groups = namespace.half_closed.iter();
    groups.filter_map(move |group| match group.state {
        State::CloseWait => close_wait(namespace, group),
        State::FinWait2 => fin_wait2(namespace, group),
        _ => unacknowledged(namespace, group, handshakes),
    })
}

/// Connections are worked off in the order in which they came, or at least the old ones are. So
/// those that stay are not worked off where the oldest are old, and more come or many stay.
fn is_left(group: &HalfClosedReport) -> bool {
    let Some(age) = group.oldest_seconds else {
        return false;
    };
    let grows = group.held_delta >= Some(HALF_CLOSED_GROWTH) && age >= HALF_CLOSED_GROWN_SECONDS;
    let stays = group.held >= HALF_CLOSED_MANY && age >= HALF_CLOSED_OLD_SECONDS;
    // A number that falls is being worked off.
    grows || (stays && group.held_delta.is_none_or(|delta| delta >= 0))
}

fn close_wait(namespace: &NamespaceReport, group: &HalfClosedReport) -> Option<Finding> {
    if !is_left(group) {
        return None;
    }
    let finding = CLOSE_WAIT_LEAK.finding(Warning, subject(group), message(group, "CLOSE_WAIT"));
    let finding = about(finding, namespace, group).likely(
        "the peer has closed and the process never calls close(): it does not handle the end of the \
         stream, or is stuck",
    );
    let finding = finding
        .remedy("close the socket where read() returns 0; no sysctl ends a CLOSE_WAIT")
        .with(restart(group), Finding::remedy);
    Some(next(finding, group))
}

fn fin_wait2(namespace: &NamespaceReport, group: &HalfClosedReport) -> Option<Finding> {
    if !is_left(group) {
        return None;
    }
    let finding = FIN_WAIT_PILEUP.finding(Warning, subject(group), message(group, "FIN_WAIT2"));
    let finding = about(finding, namespace, group)
        .likely("the process has shut down its side and waits for the peer, which does not close")
        .remedy("close the socket after a timeout; shutdown() alone keeps it without a limit")
        .with(restart(group), Finding::remedy);
    Some(next(finding, group))
}

/// In FIN_WAIT1 and LAST_ACK a connection waits for the peer's ACK alone, about a round trip. By
/// Little's law more of them than handshakes in the interval wait longer than the interval, unless
/// old connections are being closed in a mass: these are not held up. How long a socket has been
/// silent does not tell: it may have been idle before it was closed.
fn unacknowledged(
    namespace: &NamespaceReport,
    group: &HalfClosedReport,
    handshakes: Option<u64>,
) -> Option<Finding> {
    let count = group.held + group.unheld;
    let delta = group.held_delta.zip(group.unheld_delta);
    let stays = delta.is_some_and(|(held, unheld)| {
        let before = count as i64 - held - unheld;
        held + unheld >= 0 && before >= HALF_CLOSED_MANY as i64
    });
    let is_slow = handshakes.is_some_and(|handshakes| count > handshakes.saturating_mul(2));
    if !stays || !is_slow || group.held_up < HALF_CLOSED_MANY {
        return None;
    }
    let state = group.state.name().to_uppercase();
    let message = format!(
        "{count} closed connections in {state}, {} of which retransmit or meet a closed window",
        group.held_up
    );
    let finding = FIN_WAIT_PILEUP
        .finding(Warning, subject(group), message)
        .in_netns(&namespace.netns)
        .count("held", group.held, "connections")
        .count("unheld", group.unheld, "connections")
        .count("held_up", group.held_up, "connections")
        .count_known("unheld_delta", group.unheld_delta, "connections")
        .likely("the peers are gone, do not read, or a firewall drops the segments")
        .remedy_in_netns(
            "sysctl -w net.ipv4.tcp_orphan_retries=3 # the kernel gives them up sooner",
        );
    Some(next(finding, group))
}

/// `10.0.0.1:80`, or `→ 10.0.0.9:5432` for connections to it.
fn subject(group: &HalfClosedReport) -> String {
    match group.side {
        Side::Server => group.service.to_string(),
        Side::Client => format!("→ {}", group.service),
    }
}

fn message(group: &HalfClosedReport, state: &str) -> String {
    let more = group.held_delta.filter(|delta| *delta > 0);
    let more = more.map_or_else(String::new, |delta| format!(", {delta} more {SINCE}"));
    let age = group.oldest_seconds.unwrap_or(0.0);
    let by = owners(&group.owners).map_or_else(String::new, |names| format!(" held by {names}"));
    let held = group.held;
    format!("{held} connections in {state}{by}{more}; the oldest for at least {age:.0} s")
}

fn about(finding: Finding, namespace: &NamespaceReport, group: &HalfClosedReport) -> Finding {
    finding
        .in_netns(&namespace.netns)
        .count("held", group.held, "connections")
        .count_known("held_delta", group.held_delta, "connections")
        .decimal("oldest_seconds", group.oldest_seconds, "seconds")
        .owned_by(&group.owners)
}

fn restart(group: &HalfClosedReport) -> Option<String> {
    let names = owners(&group.owners)?;
    Some(format!(
        "until then restart {names}: that frees the sockets, and ends its other connections"
    ))
}

fn next(finding: Finding, group: &HalfClosedReport) -> Finding {
    let port = group.service.port;
    let end = if group.side == Side::Server {
        "sport"
    } else {
        "dport"
    };
    let state = group.state.name().replace('_', "-");
    let show = format!("sockdiag leaks 'state {state} and {end} = :{port}'");
    let pid = group.owners.first().map(|owner| owner.pid);
    let types = pid.map(|pid| format!("sockdiag fds --pid {pid} --types"));
    finding.next_in_netns(show).with(types, Finding::next)
}

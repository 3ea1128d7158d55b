//! What is concluded from sockets that are left over.

mod closed;

use super::{LeakKind, LeakReport, LeaksReport};
use crate::analysis::{
    Finding,
    Severity::{Critical, Info, Warning},
    finding::{Rule, inside, owners},
    network,
    rules::{
        ACCEPTOR_STALLED, IDLE_WITHOUT_KEEPALIVE, LONG_WAIT_MS, PEER_DEAD, READER_STUCK,
        STALLED_CRITICAL_MS, STUCK_SECONDS, WRITER_STUCK,
    },
};
use crate::model::{Owner, SocketState, snapshot::Side};
use closed::{close_wait, fin_wait, orphan};

pub fn findings(report: &LeaksReport) -> Vec<Finding> {
    let rows = report.leaks.iter();
    let rows = rows.filter_map(|leak| match leak.kind {
        LeakKind::Unaccepted => stalled(leak),
        LeakKind::CloseWait => close_wait(leak, &report.leaks),
        LeakKind::FinWait => fin_wait(leak),
        LeakKind::Orphan => orphan(leak),
        LeakKind::IdleNoKeepalive => idle(leak),
        LeakKind::StuckRead => reader(leak),
        LeakKind::StuckWrite => writer(leak),
        LeakKind::DeadPeer => dead(leak),
    });
    let orphans = network::orphans_near_limit(report.orphans, report.max_orphans);
    rows.chain(orphans).collect()
}

/// A socket's connections are accepted in the order in which they came: while the oldest waits, none
/// was. Which socket of a SO_REUSEPORT group it waits for is not known, so that others of the group
/// may accept, or not.
fn stalled(leak: &LeakReport) -> Option<Finding> {
    let ms = leak.oldest_seconds? * 1000.0;
    let seconds = leak.none_accepted_seconds?;
    if ms < LONG_WAIT_MS as f64 {
        return None;
    }
    let severity = match ms >= STALLED_CRITICAL_MS as f64 {
        true => Critical,
        false => Warning,
    };
    let by = match leak.queues {
        0 | 1 => format!("none was accepted within {seconds:.1} s"),
        queues => {
            format!(
                "at least 1 of the {queues} sockets that listen there accepted none within \
                 {seconds:.1} s"
            )
        }
    };
    let wait = match leak.count {
        1 => "waits",
        _ => "wait",
    };
    let message = format!(
        "{} {wait} for accept(), the oldest for {}; {by}",
        connections(leak.count),
        age(leak),
    );
    let finding = about(
        leak,
        ACCEPTOR_STALLED.finding(severity, subject(leak), message),
    );
    Some(finding.next_in_netns(format!("sockdiag queues :{}", leak.service.port)))
}

fn idle(leak: &LeakReport) -> Option<Finding> {
    if leak.remote == 0 {
        return None;
    }
    let by = match leak.remote == leak.count {
        true => held_by(leak),
        false => String::new(),
    };
    let message = format!(
        "{} with other addresses{by} without keepalive, and without data for up to {}",
        connections(leak.remote),
        seconds(leak.oldest_remote_seconds),
    );
    let finding = about(
        leak,
        IDLE_WITHOUT_KEEPALIVE.finding(Info, subject(leak), message),
    )
    .remedy(
        "set SO_KEEPALIVE, with TCP_KEEPIDLE below the idle timeout of firewalls on the path: no \
         sysctl turns it on",
    );
    Some(next(finding, leak))
}

fn reader(leak: &LeakReport) -> Option<Finding> {
    let message = format!(
        "{} bytes on {}{} not read{}",
        leak.unread_bytes,
        connections(leak.count),
        held_by(leak),
        or_more(leak),
    );
    let finding = stuck(leak, &READER_STUCK, message)?.likely(
        "the process is blocked or busy elsewhere, has forgotten the socket (an edge-triggered \
         event that was not drained), waits for more bytes than came, or reads less often than \
         the time between the readings",
    );
    let pid = leak.owner.as_ref().map(|owner| owner.pid);
    let stack = pid.map(|pid| format!("cat /proc/{pid}/stack /proc/{pid}/wchan"));
    Some(next(finding, leak).with(stack, Finding::next))
}

fn writer(leak: &LeakReport) -> Option<Finding> {
    let message = format!(
        "{}{} whose peer takes no data{}",
        connections(leak.count),
        held_by(leak),
        or_more(leak),
    );
    let finding = stuck(leak, &WRITER_STUCK, message)?
        .likely(
            "the process at the other end does not read, or too slowly, so that its window is \
             closed; where small packets pass and large ones do not, the path drops those",
        )
        .remedy("have the program time out writes, or set TCP_USER_TIMEOUT");
    Some(next(finding, leak))
}

fn dead(leak: &LeakReport) -> Option<Finding> {
    let message = format!(
        "{}{} without an answer from the peer{}",
        connections(leak.count),
        held_by(leak),
        or_more(leak),
    );
    let finding = stuck(leak, &PEER_DEAD, message)?
        .likely(
            "the peer's host is gone, or the path to it is cut: a link, a route, or a firewall that \
             drops packets; where it never carried data, the peer's accept queue may be full",
        )
        .remedy(
            "set TCP_USER_TIMEOUT, or a smaller net.ipv4.tcp_retries2, to end such connections \
             sooner than after about 15 minutes; of connections that only probe, TCP_KEEPINTVL and \
             TCP_KEEPCNT set the time",
        );
    let address = leak.samples.first().map(|sample| sample.peer.address);
    let route = address.map(|address| inside(&leak.netns, format!("ip route get {address}")));
    Some(next(finding, leak).with(route, Finding::next))
}

/// What stays for a while only may be a pause.
fn stuck(leak: &LeakReport, rule: &Rule, message: String) -> Option<Finding> {
    let is_old = leak.oldest_seconds? >= STUCK_SECONDS;
    is_old.then(|| about(leak, rule.finding(Warning, subject(leak), message)))
}

/// `10.0.0.1:80`, or `→ 10.0.0.9:5432` for connections to it.
fn subject(leak: &LeakReport) -> String {
    match leak.side {
        Side::Server => leak.service.to_string(),
        Side::Client => format!("→ {}", leak.service),
    }
}

fn connections(count: u64) -> String {
    match count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}

fn held_by(leak: &LeakReport) -> String {
    held(&leak.owners, leak.sampled)
}

/// Of many sockets, the owners of a sample are known.
fn held(by: &[Owner], is_sampled: bool) -> String {
    let some = if is_sampled { ", some of them" } else { "" };
    owners(by).map_or_else(String::new, |names| format!("{some} held by {names}"))
}

fn more(delta: Option<i64>) -> String {
    let more = delta.filter(|delta| *delta > 0);
    more.map_or_else(String::new, |delta| {
        format!(", {delta} more since the previous reading")
    })
}

fn age(leak: &LeakReport) -> String {
    seconds(leak.oldest_seconds)
}

fn seconds(age: Option<f64>) -> String {
    format!("{:.0} s", age.unwrap_or(0.0))
}

fn or_more(leak: &LeakReport) -> String {
    let oldest = if leak.count > 1 { ", the oldest" } else { "" };
    format!("{oldest} for {} or more", age(leak))
}

fn about(leak: &LeakReport, finding: Finding) -> Finding {
    finding
        .in_netns(&leak.netns)
        .count("count", leak.count, "connections")
        .decimal("growth_per_minute", leak.growth_per_minute, "connections")
        .decimal("oldest_seconds", leak.oldest_seconds, "seconds")
        .count("unread_bytes", leak.unread_bytes, "bytes")
        .owned_by(&leak.owners)
}

fn next(finding: Finding, leak: &LeakReport) -> Finding {
    let end = match leak.side {
        Side::Server => "sport",
        Side::Client => "dport",
    };
    let port = leak.service.port;
    finding.next_in_netns(format!(
        "sockdiag sockets tcp -i '{} and {end} = :{port}'",
        states(leak)
    ))
}

/// As a filter has them.
fn states(leak: &LeakReport) -> String {
    let name = |state: &SocketState| format!("state {}", state.name().replace('_', "-"));
    let states: Vec<String> = leak.states.keys().map(name).collect();
    match states.len() {
        1 => states.concat(),
        _ => format!("({})", states.join(" or ")),
    }
}

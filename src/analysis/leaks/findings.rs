//! What is concluded from sockets that are left over.

use super::{LeakKind, LeakReport, LeaksReport};
use crate::analysis::{
    Finding,
    Severity::{Critical, Info, Warning},
    finding::{Rule, inside, owners},
    network,
    rules::{
        ACCEPTOR_STALLED, CLOSE_WAIT_LEAK, FIN_WAIT_PILEUP, HALF_CLOSED_GROWN_SECONDS,
        HALF_CLOSED_GROWTH, HALF_CLOSED_MANY, HALF_CLOSED_OLD_SECONDS, IDLE_WITHOUT_KEEPALIVE,
        LONG_WAIT_MS, PEER_DEAD, READER_STUCK, STALLED_CRITICAL_MS, STUCK_SECONDS, WRITER_STUCK,
    },
};
use crate::model::{Owner, SocketState, State, snapshot::Side};

pub fn findings(report: &LeaksReport) -> Vec<Finding> {
    let rows = report.leaks.iter();
    let rows = rows.filter_map(|leak| match leak.kind {
        LeakKind::Unaccepted => stalled(leak),
        LeakKind::CloseWait => close_wait(leak, &report.leaks),
        LeakKind::FinWait => fin_wait(leak),
        LeakKind::Orphan => None,
        LeakKind::IdleNoKeepalive => idle(leak),
        LeakKind::StuckRead => reader(leak),
        LeakKind::StuckWrite => writer(leak),
        LeakKind::DeadPeer => dead(leak),
    });
    let orphans = network::orphans_near_limit(report.orphans, report.max_orphans);
    rows.chain(orphans).collect()
}

/// A socket's connections are accepted in the order in which they came, so that none was where the
/// oldest is still the same. Which socket of a SO_REUSEPORT group it waits for is not known.
fn stalled(leak: &LeakReport) -> Option<Finding> {
    let ms = leak.oldest_seconds? * 1000.0;
    if !leak.same_oldest || ms < LONG_WAIT_MS as f64 {
        return None;
    }
    let severity = match ms >= STALLED_CRITICAL_MS as f64 {
        true => Critical,
        false => Warning,
    };
    let by = match leak.queues {
        0 | 1 => "none was accepted meanwhile".to_owned(),
        queues => format!("1 of the {queues} sockets that listen there accepted none meanwhile"),
    };
    let message = format!(
        "{} wait for accept(), the oldest for {}; {by}",
        connections(leak.count),
        age(leak),
    );
    let finding = about(
        leak,
        ACCEPTOR_STALLED.finding(severity, subject(leak), message),
    );
    Some(finding.next_in_netns(format!("sockdiag queues :{}", leak.service.port)))
}

/// Whether they stay, as in [`network`]: the thresholds are the same. `age` is what several have
/// reached, as a burst of young ones beside an old one is no growth of what is left.
fn is_left(count: u64, delta: Option<i64>, age: Option<f64>) -> bool {
    let Some(age) = age else {
        return false;
    };
    let grows = delta >= Some(HALF_CLOSED_GROWTH) && age >= HALF_CLOSED_GROWN_SECONDS;
    let stays = count >= HALF_CLOSED_MANY && age >= HALF_CLOSED_OLD_SECONDS;
    grows || (stays && delta.is_none_or(|delta| delta >= 0))
}

/// Those with unread data and those without are judged together, and reported once.
fn close_wait(leak: &LeakReport, all: &[LeakReport]) -> Option<Finding> {
    let same = |other: &&LeakReport| {
        (&other.netns, other.kind, other.side, other.service)
            == (&leak.netns, leak.kind, leak.side, leak.service)
    };
    let parts: Vec<&LeakReport> = all.iter().filter(same).collect();
    let is_first = parts
        .first()
        .is_some_and(|first| std::ptr::eq(*first, leak));
    let sum = |of: fn(&LeakReport) -> u64| parts.iter().map(|part| of(part)).sum::<u64>();
    let count = sum(|part| part.count);
    // The process is at work on these.
    let left = count - sum(|part| part.draining);
    let delta = parts.iter().map(|part| part.delta).sum::<Option<i64>>();
    let age = |of: fn(&LeakReport) -> Option<f64>| {
        let ages = parts.iter().filter_map(|part| of(part));
        ages.reduce(f64::max)
    };
    let oldest = age(|part| part.oldest_seconds);
    if !is_first || !is_left(left, delta, age(|part| part.several_seconds)) {
        return None;
    }
    let growth = parts
        .iter()
        .map(|part| part.growth_per_minute)
        .sum::<Option<f64>>();
    let owners = all_owners(&parts);
    let end_unread = sum(|part| part.end_unread);
    let why = match end_unread {
        0 => {
            "the process has read the end of the stream, as read() returned 0, and does not call \
             close()"
        }
        unread if unread == count => {
            "the process does not read the end of the stream: it is stuck, or has forgotten the \
             sockets"
        }
        _ => {
            "the peer has closed and the process never calls close(): it does not handle the end \
             of the stream, or is stuck"
        }
    };
    let message = format!(
        "{} in CLOSE_WAIT{}{}; the oldest for at least {:.0} s",
        connections(count),
        held(&owners, parts.iter().any(|part| part.sampled)),
        more(delta),
        oldest.unwrap_or(0.0),
    );
    let finding = CLOSE_WAIT_LEAK
        .finding(Warning, subject(leak), message)
        .in_netns(&leak.netns)
        .count("count", count, "connections")
        .decimal("growth_per_minute", growth, "connections")
        .decimal("oldest_seconds", oldest, "seconds")
        .count("unread_bytes", sum(|part| part.unread_bytes), "bytes")
        .count("end_unread", end_unread, "connections")
        .owned_by(&owners)
        .likely(why)
        .remedy("close the socket where read() returns 0; no sysctl ends a CLOSE_WAIT");
    Some(next(finding, leak, "close-wait"))
}

fn fin_wait(leak: &LeakReport) -> Option<Finding> {
    if !leak.held || !is_left(leak.count, leak.delta, leak.several_seconds) {
        return None;
    }
    let message = format!(
        "{} shut down here{} and not closed by the peer{}; the oldest for at least {}",
        connections(leak.count),
        held_by(leak),
        more(leak.delta),
        age(leak),
    );
    let finding = about(
        leak,
        FIN_WAIT_PILEUP.finding(Warning, subject(leak), message),
    )
    .likely(match leak.states.contains_key(&FIN_WAIT2) {
        true => "the process has shut down its side and waits for the peer, which does not close",
        false => "the process has shut down its side, and the peer does not acknowledge that",
    })
    .remedy("close the socket after a timeout; shutdown() alone keeps it without a limit");
    let states = leak.states.keys().map(|state| state.name());
    let states = states.collect::<Vec<_>>().join(" or state ");
    Some(next(finding, leak, &states))
}

const FIN_WAIT2: SocketState = SocketState::Connection(State::FinWait2);

fn idle(leak: &LeakReport) -> Option<Finding> {
    if leak.remote == 0 {
        return None;
    }
    let message = format!(
        "{} with other hosts{} without keepalive, and without data for up to {}",
        connections(leak.remote),
        held_by(leak),
        age(leak),
    );
    let finding = about(
        leak,
        IDLE_WITHOUT_KEEPALIVE.finding(Info, subject(leak), message),
    )
    .remedy(
        "set SO_KEEPALIVE, with TCP_KEEPIDLE below the idle timeout of firewalls on the path: no \
         sysctl turns it on",
    );
    Some(next(finding, leak, "established"))
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
    Some(next(finding, leak, "established").with(stack, Finding::next))
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
    Some(next(finding, leak, "established"))
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
    Some(next(finding, leak, "connected").with(route, Finding::next))
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

fn all_owners(parts: &[&LeakReport]) -> Vec<Owner> {
    let mut all: Vec<Owner> = Vec::new();
    for owner in parts.iter().flat_map(|part| &part.owners) {
        if !all.iter().any(|known| known.pid == owner.pid) {
            all.push(owner.clone());
        }
    }
    all
}

fn more(delta: Option<i64>) -> String {
    let more = delta.filter(|delta| *delta > 0);
    more.map_or_else(String::new, |delta| {
        format!(", {delta} more since the previous reading")
    })
}

fn age(leak: &LeakReport) -> String {
    let age = leak.oldest_seconds.unwrap_or(0.0);
    format!("{age:.0} s")
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

fn next(finding: Finding, leak: &LeakReport, state: &str) -> Finding {
    let end = match leak.side {
        Side::Server => "sport",
        Side::Client => "dport",
    };
    let port = leak.service.port;
    finding.next_in_netns(format!(
        "sockdiag sockets tcp -i 'state {state} and {end} = :{port}'"
    ))
}

//! Connections that one end has closed.

use super::{about, age, connections, held, held_by, more, next, or_more, subject};
use crate::{
    analysis::{
        Finding,
        Severity::{Info, Warning},
        leaks::LeakReport,
        rules::{
            CLOSE_WAIT_LEAK, FIN_WAIT_PILEUP, HALF_CLOSED_GROWN_SECONDS, HALF_CLOSED_GROWTH,
            HALF_CLOSED_MANY, HALF_CLOSED_OLD_SECONDS,
        },
    },
    model::{Owner, SocketState, State},
};

const FIN_WAIT2: SocketState = SocketState::Connection(State::FinWait2);

/// Whether so many connections stay, with the thresholds of [`network`](crate::analysis::network).
/// `age` is the age that several have reached: one old connection beside a burst of new ones is no
/// leak.
fn is_left(count: u64, delta: Option<i64>, age: Option<f64>) -> bool {
    let Some(age) = age else {
        return false;
    };
    let grows = count >= HALF_CLOSED_GROWTH.unsigned_abs()
        && delta >= Some(HALF_CLOSED_GROWTH)
        && age >= HALF_CLOSED_GROWN_SECONDS;
    let stays = count >= HALF_CLOSED_MANY && age >= HALF_CLOSED_OLD_SECONDS;
    grows || (stays && delta.is_none_or(|delta| delta >= 0))
}

/// Those with unread data and those without are judged together, and reported once.
pub fn close_wait(leak: &LeakReport, all: &[LeakReport]) -> Option<Finding> {
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
    let age = |of: fn(&LeakReport) -> Option<f64>| {
        let ages = parts.iter().filter_map(|part| of(part));
        ages.reduce(f64::max)
    };
    let oldest = age(|part| part.oldest_seconds);
    let change = leak.change_of_both;
    let delta = change.map(|change| change.delta);
    if !is_first || !is_left(left, delta, age(|part| part.several_seconds)) {
        return None;
    }
    let growth = change.and_then(|change| change.per_minute());
    let owners = all_owners(&parts);
    let end_unread = sum(|part| part.end_unread);
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
        .likely(cause(end_unread, count))
        .remedy(
            "close the socket where read() returns 0, and prune connections that a pool keeps; no \
             sysctl ends a CLOSE_WAIT",
        );
    Some(next(finding, leak))
}

/// The end of the stream stays in the receive queue until the process reads it.
fn cause(end_unread: u64, count: u64) -> &'static str {
    match end_unread {
        0 => {
            "the process has read all that came and does not call close(): read() returned 0, or the \
             last read took the end of the stream together with the data, as in a pool of connections \
             that nobody prunes"
        }
        unread if unread == count => {
            "the process does not read the end of the stream: it is stuck, or has forgotten the \
             sockets"
        }
        _ => {
            "the peer has closed and the process never calls close(): it does not handle the end \
             of the stream, or is stuck"
        }
    }
}

pub fn fin_wait(leak: &LeakReport) -> Option<Finding> {
    if !leak.held || !is_left(leak.count, leak.delta(), leak.several_seconds) {
        return None;
    }
    let by_peer = match leak.states.get(&FIN_WAIT2) {
        Some(count) if *count == leak.count => "not closed by the peer",
        Some(_) => "not closed or not acknowledged by the peer",
        None => "not acknowledged by the peer",
    };
    let message = format!(
        "{} shut down here{} and {by_peer}{}; the oldest for at least {}",
        connections(leak.count),
        held_by(leak),
        more(leak.delta()),
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
    Some(next(finding, leak))
}

/// Peers vanish also from a host on which all is well, and the kernel gives these up in time.
pub fn orphan(leak: &LeakReport) -> Option<Finding> {
    let stays = leak.count >= HALF_CLOSED_MANY && leak.delta()? >= 0;
    if !stays || leak.several_seconds? < HALF_CLOSED_OLD_SECONDS {
        return None;
    }
    let message = format!(
        "{} closed here, of which the peers acknowledge neither the rest nor the end{}",
        connections(leak.count),
        or_more(leak),
    );
    let finding = about(leak, FIN_WAIT_PILEUP.finding(Info, subject(leak), message))
        .likely("the peers are gone, do not read, or a firewall drops the segments")
        .remedy_in_netns(
            "sysctl -w net.ipv4.tcp_orphan_retries=3 # the kernel gives them up sooner",
        );
    Some(next(finding, leak))
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

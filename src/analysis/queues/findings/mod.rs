//! The rules of `queues`: accept queues, SYN queues and receive buffers that are full or drop.

mod accept_queue;
mod pace;
#[cfg(test)]
mod pace_tests;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, net::SocketAddr};

use super::{ListenerReport, LocalReport, QueueReport, State, SynQueue};
use crate::{
    analysis::{
        Finding,
        Severity::{self, Critical, Warning},
        finding::{Rule, SINCE, in_shell, worst_first},
        rules::{
            FLOOD_VALIDATED_ONE_IN, SYN_COOKIES_ACTIVE, SYN_FLOOD, SYN_QUEUE_FULL,
            UDP_RECEIVE_OVERFLOW,
        },
    },
    model::{Netns, Protocol, snapshot::Requests},
};
use accept_queue::{accept_queue, is_stale, stale_limit, stuck_member};
use pace::{may_wait, paced, waiting};

/// The sockets that share an address, in the order of the report.
type Members<'a> = [&'a ListenerReport];

/// What the report concludes, the worst first.
pub fn findings(report: &QueueReport) -> Vec<Finding> {
    let endpoints = notable_endpoints(&report.listeners);
    let rules = [
        accept_queue,
        stuck_member,
        waiting,
        stale_limit,
        syn_queue,
        receive_queue,
    ];
    let endpoints = endpoints.iter();
    let findings = endpoints.flat_map(|members| rules.iter().filter_map(|rule| rule(members)));
    let mut findings: Vec<Finding> = findings.chain(report.elsewhere.iter().cloned()).collect();
    worst_first(&mut findings);
    findings
}

/// Endpoints with a socket that a rule may concern. Most have none, and are not even grouped.
fn notable_endpoints(listeners: &[ListenerReport]) -> Vec<Vec<&ListenerReport>> {
    let mut places: HashMap<_, usize> = HashMap::new();
    for listener in listeners.iter().filter(|listener| is_notable(listener)) {
        let next = places.len();
        places.entry(endpoint(listener)).or_insert(next);
    }
    let mut endpoints = vec![Vec::new(); places.len()];
    if !places.is_empty() {
        for listener in listeners {
            if let Some(place) = places.get(&endpoint(listener)) {
                endpoints[*place].push(listener);
            }
        }
    }
    endpoints
}

fn is_notable(listener: &ListenerReport) -> bool {
    let syn_is_full = || listener.syn_queue.as_ref().is_some_and(|q| q.is_full());
    listener.state >= State::Full || is_stale(listener) || may_wait(listener) || syn_is_full()
}

/// Two unix sockets of one name are an old one and a new one, not a group.
fn endpoint(listener: &ListenerReport) -> (&Netns, &LocalReport, bool, bool, Option<u64>) {
    let alone = listener.protocol == Protocol::Unix;
    (
        &listener.netns,
        &listener.local,
        listener.v6only,
        listener.protocol == Protocol::Udp,
        alone.then_some(listener.cookie.0),
    )
}

fn is_full(listener: &ListenerReport) -> bool {
    listener.fill_ratio() >= Some(1.0)
}

fn fullest<'a>(members: &Members<'a>) -> Option<&'a ListenerReport> {
    let fill = |member: &ListenerReport| member.fill_ratio().unwrap_or(0.0);
    let fuller = |one, other| if fill(other) > fill(one) { other } else { one };
    members.iter().copied().reduce(fuller)
}

/// Fewer half-open handshakes say little about who sends them.
const FEWEST_OF_FLOOD: u32 = Requests::FEW;

/// Half-open handshakes that nobody completes, each from an address of its own; or cookies that
/// hardly ever come back. SYN-ACKs that do not reach the clients look the same.
fn is_like_flood(queue: &SynQueue) -> bool {
    let (sent, validated) = (queue.cookies_sent, queue.cookies_validated);
    let come_back = sent.zip(validated).is_some_and(|(sent, validated)| {
        let share = i128::from(validated) * FLOOD_VALIDATED_ONE_IN;
        sent >= FEWEST_OF_FLOOD.into() && share >= sent.into()
    });
    let (Some(length), Some(unanswered)) = (queue.length, queue.unanswered) else {
        return false;
    };
    let peers = queue.peers.unwrap_or(0);
    let are_spread = peers * 2 >= length.min(Requests::MOST_PEERS);
    let unanswered = unanswered * 2 >= length;
    length >= FEWEST_OF_FLOOD && are_spread && unanswered && !come_back
}

/// The SYN queue belongs to the endpoint, and each member reports it.
fn syn_queue(members: &Members) -> Option<Finding> {
    let mut full = members.iter().filter_map(|member| {
        let queue = member.syn_queue.as_ref();
        Some((member, queue.filter(|queue| queue.is_full())?))
    });
    let (listener, queue) = full.next()?;
    let (length, limit) = (queue.length?, queue.limit?);
    let full = format!("SYN queue full, {length} of {limit}");
    let finding = if queue.drops() {
        let message = format!("{full}: new SYNs are dropped, as net.ipv4.tcp_syncookies is 0");
        about(listener, &SYN_QUEUE_FULL, Critical, message)
            .remedy_in_netns("sysctl -w net.ipv4.tcp_syncookies=1")
            .remedy(
                "or raise the smaller of the listen() backlog and three quarters of \
                 net.ipv4.tcp_max_syn_backlog",
            )
    } else {
        let message =
            format!("{full}: new SYNs are answered with cookies, so clients still get in");
        about(listener, &SYN_COOKIES_ACTIVE, Warning, message)
            .remedy("pass a larger backlog to listen(), unless this is a SYN flood")
    };
    let finding = match is_like_flood(queue) {
        true => flood(listener, queue, finding),
        false => finding,
    };
    let finding = finding
        .owned_by(&listener.owners)
        .count_known("syn_queue.peers", queue.peers, "addresses")
        .count_known("syn_queue.unanswered", queue.unanswered, "handshakes")
        .count_known("cookies_sent", queue.cookies_sent, "cookies")
        .count_known("cookies_validated", queue.cookies_validated, "cookies")
        .count("syn_queue.length", length, "handshakes")
        .count("syn_queue.limit", i128::from(limit), "handshakes")
        .count_known("syn_queue.cookies", queue.cookies, "mode")
        .likely(match is_like_flood(queue) {
            true => {
                "a SYN flood from forged addresses; or SYN-ACKs do not reach the clients (no route \
                 back, a firewall)"
            }
            false => {
                "SYNs that nobody completes (a flood, or clients that SYN-ACKs do not reach), a \
                 limit too small for bursts, or TCP_DEFER_ACCEPT and clients that send nothing"
            }
        });
    Some(paced(finding, listener).next_in_netns(watch(listener)))
}

/// `drops_or_cookies` is what follows from the full queue.
fn flood(listener: &ListenerReport, queue: &SynQueue, drops_or_cookies: Finding) -> Finding {
    let peers = queue.peers.unwrap_or(0);
    let more = if peers >= Requests::MOST_PEERS {
        " or more"
    } else {
        ""
    };
    let unanswered = queue.unanswered.unwrap_or(0);
    let message = format!(
        "{}; {unanswered} of them unanswered for a second or more, from {peers}{more} addresses",
        drops_or_cookies.message
    );
    let keeps_answering = "sysctl -w net.ipv4.tcp_syncookies=1 # keeps the port open meanwhile";
    let finding = about(listener, &SYN_FLOOD, Critical, message);
    match queue.drops() {
        true => finding.remedy_in_netns(keeps_answering),
        false => finding.remedy("limit new connections per source upstream, if it is a flood"),
    }
}

/// The fullest socket of an address, as each datagram goes to one of them.
fn receive_queue(members: &Members) -> Option<Finding> {
    let concerned =
        |member: &&&ListenerReport| member.receive_queue.is_some() && member.state >= State::Full;
    let full: Vec<_> = members.iter().filter(concerned).copied().collect();
    let worst = fullest(&full)?;
    let queue = worst.receive_queue.as_ref()?;
    let dropped = dropped(&full);
    let message = match dropped {
        0 => format!(
            "receive buffer full, {} bytes{}",
            queue.bytes,
            dropped_ever(worst)
        ),
        _ => format!("{dropped} datagrams dropped {SINCE}, receive buffer full"),
    };
    let finding = about(worst, &UDP_RECEIVE_OVERFLOW, Warning, message)
        .count("receive_queue.bytes", queue.bytes, "bytes")
        .count_known("receive_queue.limit_bytes", queue.limit_bytes, "bytes")
        .count_known("drops_delta", worst.drops_delta, "datagrams")
        .likely(
            "the application reads more slowly than datagrams arrive, or bursts exceed the buffer",
        )
        .remedy("raise the application's SO_RCVBUF (net.core.rmem_max bounds it)")
        .owned_by(&worst.owners);
    Some(watch_and_owner(finding, worst))
}

/// Without a previous reading the drops that there are may be old.
fn dropped_ever(listener: &ListenerReport) -> String {
    match (listener.drops_delta, listener.drops) {
        (None, Some(drops @ 1..)) => format!("; {drops} datagrams dropped since it was created"),
        _ => String::new(),
    }
}

/// Since the previous reading.
fn dropped(members: &Members) -> u64 {
    let dropped = members.iter().filter_map(|member| member.drops_delta);
    dropped.map(u64::from).sum()
}

fn about(listener: &ListenerReport, rule: &Rule, severity: Severity, message: String) -> Finding {
    let finding = rule.finding(severity, listener.local.to_string(), message);
    Finding {
        inode: listener.inode,
        ..finding.in_netns(&listener.netns)
    }
}

fn watch_and_owner(finding: Finding, listener: &ListenerReport) -> Finding {
    let finding = finding.next_in_netns(watch(listener));
    finding.with(descriptors(listener), Finding::next)
}

fn owner_and_watch(finding: Finding, listener: &ListenerReport) -> Finding {
    let finding = finding.with(descriptors(listener), Finding::next);
    finding.next_in_netns(watch(listener))
}

/// `sockdiag queues :8080 -w`
fn watch(listener: &ListenerReport) -> String {
    let place = match &listener.local {
        LocalReport::Inet { address, port, .. } if address.is_unspecified() => format!(":{port}"),
        // The filter language has no place for the interface in an address.
        LocalReport::Inet { address, port, .. } => {
            in_shell(&SocketAddr::new(*address, *port).to_string())
        }
        LocalReport::Unix { path } => in_shell(&unix_pattern(path)),
    };
    match listener.protocol {
        Protocol::Udp => format!("sockdiag queues -u {place} -w"),
        _ => format!("sockdiag queues {place} -w"),
    }
}

/// One word of the filter language, where `@` begins a file of filters, and a blank ends a word.
fn unix_pattern(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    let pattern = path.replace(|c| !is_plain(c), "*");
    match path.starts_with('/') {
        true => pattern,
        false => format!("unix:{pattern}"),
    }
}

/// Without a free descriptor an application cannot accept.
fn descriptors(listener: &ListenerReport) -> Option<String> {
    let owner = listener.owners.first()?;
    Some(format!("sockdiag fds --pid {} --types --why", owner.pid))
}

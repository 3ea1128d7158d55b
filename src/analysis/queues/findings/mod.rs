//! The rules of `queues`: accept queues, SYN queues and receive buffers that are full or drop.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::{AcceptQueue, LimitSetBy, ListenerReport, LocalReport, QueueReport, State};
use crate::{
    analysis::{
        Finding,
        Severity::{Critical, Info, Warning},
        finding::{in_shell, on_netns, owners, worst_first},
        rules::{
            ACCEPT_QUEUE_FULL, ACCEPT_QUEUE_OVERFLOW, LIMIT_STALE, MEMBER_HAS_ROOM,
            REUSEPORT_MEMBER_STUCK, SYN_COOKIES_ACTIVE, SYN_QUEUE_FULL, UDP_RECEIVE_OVERFLOW,
        },
    },
    model::{Netns, Protocol},
};

/// The sockets that share an address, in the order of the report.
type Members<'a> = [&'a ListenerReport];

/// What the report concludes, the worst first.
pub fn findings(report: &QueueReport) -> Vec<Finding> {
    let endpoints = notable_endpoints(&report.listeners);
    let rules = [
        accept_queue,
        stuck_member,
        stale_limit,
        syn_queue,
        receive_queue,
    ];
    let mut findings: Vec<Finding> = endpoints
        .iter()
        .flat_map(|members| rules.iter().filter_map(|rule| rule(members)))
        .collect();
    worst_first(&mut findings);
    findings
}

/// Endpoints with a socket that a rule may concern. Most have none, and are not grouped at all.
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
    listener.state >= State::Full || is_stale(listener) || syn_is_full()
}

/// Two unix sockets of one name are an old one and a new one, and no group.
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

fn accept_queue(members: &Members) -> Option<Finding> {
    let concerned: Vec<_> = members.iter().copied().filter(has_overflowed).collect();
    let worst = fullest(&concerned)?;
    let queue = worst.accept_queue.as_ref()?;
    let dropped = concerned.iter().filter_map(|member| member.drops_delta);
    let dropped: u64 = dropped.map(u64::from).sum();
    let is_full = if is_full(worst) { "full" } else { "was full" };
    let (rule, what) = match dropped {
        0 => (&ACCEPT_QUEUE_FULL, format!("{} waiting", queue.length)),
        _ => {
            let what = format!("{dropped} packets dropped since the previous reading");
            (&ACCEPT_QUEUE_OVERFLOW, what)
        }
    };
    let limit = limit_words(queue);
    let message = format!(
        "accept queue {is_full}, {what}, {limit}{}",
        abandoned(queue)
    );
    let finding = about(
        rule.finding(Critical, worst.local.to_string(), message),
        worst,
    )
    .count("accept_queue.length", queue.length, "connections")
    .count("accept_queue.limit", queue.limit, "connections")
    .with(queue.limit_set_by, |finding, by| {
        finding.text("accept_queue.limit_set_by", by.word())
    })
    .with(queue.abandoned, |finding, gone| {
        finding.count("accept_queue.abandoned", gone, "connections")
    })
    .with(queue.oldest_wait_ms, |finding, wait| {
        finding.count("accept_queue.oldest_wait_ms", wait, "milliseconds")
    })
    .with(worst.drops, |finding, drops| {
        finding.count("drops", drops, "packets")
    })
    .with((dropped > 0).then_some(dropped), |finding, delta| {
        finding.count("drops_delta", delta, "packets")
    })
    .likely(
        "the application accepts more slowly than connections arrive, or not at all (busy, \
             blocked, out of descriptors); or bursts exceed the limit",
    );
    Some(watch_and_owner(raise_limit(finding, queue), worst))
}

/// Its accept queue is full, or was since the previous reading. A SYN queue that drops makes a
/// listener overflow, too, but says nothing about its accept queue.
fn has_overflowed(listener: &&ListenerReport) -> bool {
    let by_syn_queue = listener
        .syn_queue
        .as_ref()
        .is_some_and(|queue| queue.is_full() && queue.drops());
    let was_full =
        listener.state == State::Overflowing && listener.drops_delta > Some(0) && !by_syn_queue;
    listener.accept_queue.is_some() && (is_full(listener) || was_full)
}

fn is_full(listener: &ListenerReport) -> bool {
    listener.fill_ratio() >= Some(1.0)
}

fn fullest<'a>(members: &Members<'a>) -> Option<&'a ListenerReport> {
    let fill = |member: &ListenerReport| member.fill_ratio().unwrap_or(0.0);
    members
        .iter()
        .copied()
        .reduce(|one, other| if fill(other) > fill(one) { other } else { one })
}

fn limit_words(queue: &AcceptQueue) -> String {
    let by = match queue.limit_set_by {
        Some(LimitSetBy::Application) => "the application's listen()",
        Some(LimitSetBy::Somaxconn) => "net.core.somaxconn",
        Some(LimitSetBy::Stale) => "an earlier net.core.somaxconn",
        None => "listen() or an earlier net.core.somaxconn",
    };
    format!("limit {} from {by}", queue.limit)
}

fn abandoned(queue: &AcceptQueue) -> String {
    match queue.abandoned {
        None | Some(0) => String::new(),
        Some(gone) if gone == u64::from(queue.length) => {
            format!("; all {gone} waiting were already abandoned by the client")
        }
        Some(gone) => format!(
            "; {gone} of the {} waiting were already abandoned by the client",
            queue.length
        ),
    }
}

fn raise_limit(finding: Finding, queue: &AcceptQueue) -> Finding {
    let listen_again =
        "call listen() again, or restart the application: a limit is set by listen()";
    match queue.limit_set_by {
        Some(LimitSetBy::Application) => finding.remedy(format!(
            "pass a larger backlog than {} to listen() and restart the application",
            queue.limit
        )),
        Some(LimitSetBy::Somaxconn) => finding
            .remedy(format!(
                "sysctl -w net.core.somaxconn={}",
                twice(queue.limit)
            ))
            .remedy(listen_again),
        Some(LimitSetBy::Stale) => finding.remedy(listen_again),
        None => finding.remedy(
            "raise the backlog given to listen() and net.core.somaxconn, whichever is smaller, and \
             restart the application",
        ),
    }
}

fn twice(limit: u32) -> u32 {
    limit.saturating_mul(2).max(4096)
}

fn stuck_member(members: &Members) -> Option<Finding> {
    let first = members.first()?;
    let all = first.reuseport_members.max(members.len() as u32);
    // Unix sockets and UDP have no SYN queue.
    if all < 2 || first.syn_queue.is_none() {
        return None;
    }
    let has_room = |member: &&&ListenerReport| member.fill_ratio() < Some(MEMBER_HAS_ROOM);
    let with_room = members.iter().filter(has_room).count();
    let full: Vec<_> = members
        .iter()
        .copied()
        .filter(|member| is_full(member))
        .collect();
    let worst = fullest(&full).filter(|_| with_room > 0)?;
    // Members may be hidden by a selection.
    let least = if members.len() < all as usize {
        "at least "
    } else {
        ""
    };
    let who = owners(full.iter().flat_map(|member| &member.owners));
    let who = who.map_or_else(String::new, |who| format!(": owned by {who}"));
    let message = format!(
        "{least}{} of {all} SO_REUSEPORT sockets full, others have room{who}",
        full.len()
    );
    let finding = REUSEPORT_MEMBER_STUCK
        .finding(Critical, worst.local.to_string(), message)
        .count("full_members", full.len() as u64, "sockets")
        .count("reuseport_members", all, "sockets")
        .count(
            "accept_queue.length",
            worst.accept_queue.as_ref()?.length,
            "connections",
        )
        .text("inode", worst.inode.to_string())
        .likely(
            "its process does not accept, or more slowly than the others; or a BPF program steers \
             connections to it",
        )
        .remedy("restart the process that does not accept, or close its socket");
    Some(owner_and_watch(about(finding, worst), worst))
}

fn is_stale(listener: &ListenerReport) -> bool {
    let queue = listener.accept_queue.as_ref();
    queue.is_some_and(|queue| queue.limit_set_by == Some(LimitSetBy::Stale))
}

fn stale_limit(members: &Members) -> Option<Finding> {
    let stale = members.iter().copied().find(|member| is_stale(member))?;
    let overflows = |member: &ListenerReport| {
        is_stale(member) && has_overflowed(&member) && member.drops_delta > Some(0)
    };
    let severity = match members.iter().any(|member| overflows(member)) {
        true => Warning,
        false => Info,
    };
    let limit = stale.accept_queue.as_ref()?.limit;
    let message = format!("limit {limit} is from an earlier net.core.somaxconn, higher now");
    let finding = LIMIT_STALE
        .finding(severity, stale.local.to_string(), message)
        .count("accept_queue.limit", limit, "connections")
        .because("net.core.somaxconn was raised after listen() was called")
        .remedy("call listen() again, or restart the application: a limit is set by listen()");
    Some(watch_and_owner(about(finding, stale), stale))
}

/// A SYN queue belongs to the endpoint, and stands on each member.
fn syn_queue(members: &Members) -> Option<Finding> {
    let listener = members.first()?;
    let queue = listener
        .syn_queue
        .as_ref()
        .filter(|queue| queue.is_full())?;
    let (length, limit) = (queue.length?, queue.limit?);
    let full = format!("SYN queue full, {length} of {limit}");
    let finding = match queue.drops() {
        true => SYN_QUEUE_FULL
            .finding(
                Critical,
                listener.local.to_string(),
                format!("{full}: new SYNs are dropped, as net.ipv4.tcp_syncookies is 0"),
            )
            .remedy("sysctl -w net.ipv4.tcp_syncookies=1")
            .remedy(
                "or raise the smaller of the listen() backlog and three quarters of \
                 net.ipv4.tcp_max_syn_backlog",
            ),
        false => SYN_COOKIES_ACTIVE
            .finding(
                Warning,
                listener.local.to_string(),
                format!("{full}: new SYNs are answered with cookies, so clients still get in"),
            )
            .remedy("pass a larger backlog to listen(), unless this is a SYN flood"),
    };
    let finding = about(finding, listener)
        .count("syn_queue.length", length, "handshakes")
        .count("syn_queue.limit", i128::from(limit), "handshakes")
        .with(queue.cookies, |finding, mode| {
            finding.count("syn_queue.cookies", mode, "mode")
        })
        .likely(
            "SYNs that nobody completes (a flood, or clients that SYN-ACKs do not reach), or a \
             limit too small for bursts",
        );
    Some(finding.next(watch(listener)))
}

/// The largest of an address: datagrams go to one of its sockets.
fn receive_queue(members: &Members) -> Option<Finding> {
    let concerned =
        |member: &&&ListenerReport| member.receive_queue.is_some() && member.state >= State::Full;
    let full: Vec<_> = members.iter().filter(concerned).copied().collect();
    let worst = fullest(&full)?;
    let queue = worst.receive_queue.as_ref()?;
    let dropped: u64 = full
        .iter()
        .filter_map(|m| m.drops_delta)
        .map(u64::from)
        .sum();
    let message = match dropped {
        0 => format!("receive buffer full, {} bytes", queue.bytes),
        _ => format!("{dropped} datagrams dropped since the previous reading, receive buffer full"),
    };
    let finding = UDP_RECEIVE_OVERFLOW
        .finding(Warning, worst.local.to_string(), message)
        .count("receive_queue.bytes", queue.bytes, "bytes")
        .with(queue.limit_bytes, |finding, limit| {
            finding.count("receive_queue.limit_bytes", limit, "bytes")
        })
        .with(worst.drops_delta, |finding, delta| {
            finding.count("drops_delta", delta, "datagrams")
        })
        .likely(
            "the application reads more slowly than datagrams arrive, or bursts exceed the buffer",
        )
        .remedy("raise the application's SO_RCVBUF (net.core.rmem_max bounds it)");
    Some(watch_and_owner(about(finding, worst), worst))
}

fn about(finding: Finding, listener: &ListenerReport) -> Finding {
    finding
        .in_netns(&listener.netns)
        .with(owners(&listener.owners), |finding, owners| {
            finding.text("owners", owners)
        })
}

fn watch_and_owner(finding: Finding, listener: &ListenerReport) -> Finding {
    let finding = finding.next(watch(listener));
    finding.with(descriptors(listener), Finding::next)
}

fn owner_and_watch(finding: Finding, listener: &ListenerReport) -> Finding {
    let finding = finding.with(descriptors(listener), Finding::next);
    finding.next(watch(listener))
}

/// `sockdiag queues :8080 -w`
fn watch(listener: &ListenerReport) -> String {
    let place = match &listener.local {
        LocalReport::Inet { address, port, .. } if address.is_unspecified() => format!(":{port}"),
        local => in_shell(&local.to_string()),
    };
    let udp = match listener.protocol {
        Protocol::Udp => " -u",
        _ => "",
    };
    on_netns(format!("sockdiag queues{udp} {place} -w"), &listener.netns)
}

/// Out of descriptors an application cannot accept.
fn descriptors(listener: &ListenerReport) -> Option<String> {
    let owner = listener.owners.first()?;
    Some(format!("sockdiag fds --pid {} --types --why", owner.pid))
}

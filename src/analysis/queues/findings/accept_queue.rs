//! The rules of accept queues: full, overflowing, full in one socket of a group, or with a limit
//! that is out of date.

use super::{
    super::{AcceptQueue, LimitSetBy, ListenerReport, State},
    Members, about, fullest, is_full, owner_and_watch, watch_and_owner,
};
use crate::analysis::{
    Finding,
    Severity::{Critical, Info, Warning},
    finding::owners,
    rules::{
        ACCEPT_QUEUE_FULL, ACCEPT_QUEUE_OVERFLOW, LIMIT_STALE, MEMBER_HAS_ROOM,
        REUSEPORT_MEMBER_STUCK,
    },
};

pub fn accept_queue(members: &Members) -> Option<Finding> {
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
    .count_known("accept_queue.abandoned", queue.abandoned, "connections")
    .count_known(
        "accept_queue.oldest_wait_ms",
        queue.oldest_wait_ms,
        "milliseconds",
    )
    .count_known("drops", worst.drops, "packets")
    .count_known("drops_delta", (dropped > 0).then_some(dropped), "packets")
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

pub fn stuck_member(members: &Members) -> Option<Finding> {
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

pub fn is_stale(listener: &ListenerReport) -> bool {
    let queue = listener.accept_queue.as_ref();
    queue.is_some_and(|queue| queue.limit_set_by == Some(LimitSetBy::Stale))
}

pub fn stale_limit(members: &Members) -> Option<Finding> {
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

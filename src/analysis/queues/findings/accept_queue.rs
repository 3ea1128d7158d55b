//! The rules of accept queues: full, overflowing, full in one socket of a group, or with an outdated
//! limit.

use super::{
    super::{AcceptQueue, LimitSetBy, ListenerReport, State},
    Members, about, dropped, fullest, is_full, owner_and_watch,
    pace::{Pace, paced},
    watch_and_owner,
};
use crate::analysis::{
    Finding,
    Severity::{Critical, Info, Warning},
    finding::{SINCE, owners},
    rules::{
        ACCEPT_QUEUE_FULL, ACCEPT_QUEUE_OVERFLOW, BACKLOG_TOO_SMALL, LIMIT_STALE, MEMBER_HAS_ROOM,
        REUSEPORT_MEMBER_STUCK,
    },
};

pub fn accept_queue(members: &Members) -> Option<Finding> {
    let concerned: Vec<_> = members.iter().copied().filter(has_overflowed).collect();
    let worst = fullest(&concerned)?;
    let queue = worst.accept_queue.as_ref()?;
    let dropped = dropped(&concerned);
    let is_full = if is_full(worst) { "full" } else { "was full" };
    let pace = Pace::of(queue);
    if dropped == 0 && pace == Pace::Bursts {
        // The burst fits, and the last reading met it.
        return None;
    }
    let (rule, severity, what) = match dropped {
        0 => {
            let what = format!("{} waiting", queue.length);
            (&ACCEPT_QUEUE_FULL, Critical, what)
        }
        _ => {
            let what = format!("{dropped} packets dropped {SINCE}");
            match pace {
                Pace::Bursts => (&BACKLOG_TOO_SMALL, Warning, what),
                _ => (&ACCEPT_QUEUE_OVERFLOW, Critical, what),
            }
        }
    };
    let (limit, abandoned) = (limit_words(queue), abandoned(queue));
    let accepted = pace.words(queue);
    let message = format!("accept queue {is_full}, {what}{accepted}, {limit}{abandoned}");
    let set_by = queue.limit_set_by.map(|set_by| set_by.word().to_owned());
    let oldest = queue.oldest_wait_ms;
    let finding = about(worst, rule, severity, message)
        .owned_by(&worst.owners)
        .count("accept_queue.length", queue.length, "connections")
        .count("accept_queue.limit", queue.limit, "connections")
        .text("accept_queue.limit_set_by", set_by)
        .count_known("accept_queue.abandoned", queue.abandoned, "connections")
        .count_known("accept_queue.oldest_wait_ms", oldest, "milliseconds")
        .count_known("drops", worst.drops, "packets")
        .count_known("drops_delta", (dropped > 0).then_some(dropped), "packets")
        .likely(pace.cause(queue));
    // A longer queue helps against bursts; it only delays those who wait for nobody.
    let finding = match pace {
        Pace::Stalled | Pace::Slow => finding,
        Pace::Unknown | Pace::Bursts | Pace::Pauses(_) => raise_limit(finding, queue),
    };
    Some(watch_and_owner(paced(finding, worst), worst))
}

/// Its accept queue is full, or was since the previous reading. The state is also `Overflowing` where
/// the SYN queue drops, which says nothing about the accept queue.
fn has_overflowed(listener: &&ListenerReport) -> bool {
    let syn_queue = listener.syn_queue.as_ref();
    let by_syn_queue = syn_queue.is_some_and(|queue| queue.is_full() && queue.drops());
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
    let who = match (queue.abandoned, queue.length) {
        (None | Some(0), _) => return String::new(),
        (Some(gone), length) if gone == u64::from(length) => format!("all {gone}"),
        (Some(gone), length) => format!("{gone} of the {length}"),
    };
    format!("; {who} waiting were already abandoned by the client")
}

fn raise_limit(finding: Finding, queue: &AcceptQueue) -> Finding {
    let listen_again =
        "call listen() again, or restart the application: a limit is set by listen()";
    match queue.limit_set_by {
        Some(LimitSetBy::Application) => finding.remedy(format!(
            "pass a larger backlog than {} to listen() and restart the application",
            queue.limit
        )),
        Some(LimitSetBy::Somaxconn) => {
            let more = queue.limit.saturating_mul(2).max(4096);
            let sysctl = format!("sysctl -w net.core.somaxconn={more}");
            finding.remedy_in_netns(sysctl).remedy(listen_again)
        }
        Some(LimitSetBy::Stale) => finding.remedy(listen_again),
        None => finding.remedy(
            "raise the backlog given to listen() and net.core.somaxconn, whichever is smaller, and \
             restart the application",
        ),
    }
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
    let full = members.iter().copied().filter(|member| is_stuck(member));
    let full: Vec<_> = full.collect();
    let worst = fullest(&full).filter(|_| with_room > 0)?;
    // A selection may leave out members.
    let least = if members.len() < all as usize {
        "at least "
    } else {
        ""
    };
    let who = owners(full.iter().flat_map(|member| &member.owners));
    let who = who.map_or_else(String::new, |who| format!(": owned by {who}"));
    let count = full.len();
    let message =
        format!("{least}{count} of {all} SO_REUSEPORT sockets full, others have room{who}");
    let length = worst.accept_queue.as_ref()?.length;
    let finding = about(worst, &REUSEPORT_MEMBER_STUCK, Critical, message)
        .count("full_members", count as u64, "sockets")
        .count("reuseport_members", all, "sockets")
        .count("accept_queue.length", length, "connections")
        .text("inode", worst.inode.to_string())
        .likely(
            "its process does not accept, or more slowly than the others; or a BPF program steers \
             connections to it",
        )
        .remedy("restart the process that does not accept, or close its socket")
        .owned_by(full.iter().flat_map(|member| &member.owners));
    Some(owner_and_watch(finding, worst))
}

/// Full, and not only for the moment of the last reading.
fn is_stuck(member: &ListenerReport) -> bool {
    let pace = member.accept_queue.as_ref().map(Pace::of);
    is_full(member) && pace != Some(Pace::Bursts)
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
    let is_overflowing = members.iter().any(|member| overflows(member));
    let severity = if is_overflowing { Warning } else { Info };
    let limit = stale.accept_queue.as_ref()?.limit;
    let message = format!("limit {limit} is from an earlier net.core.somaxconn, higher now");
    let finding = about(stale, &LIMIT_STALE, severity, message)
        .count("accept_queue.limit", limit, "connections")
        .because("net.core.somaxconn was raised after listen() was called")
        .remedy("call listen() again, or restart the application: a limit is set by listen()")
        .owned_by(&stale.owners);
    Some(watch_and_owner(finding, stale))
}

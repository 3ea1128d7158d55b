//! Notes under the table of `queues`.

use std::collections::BTreeMap;

use sockdiag::analysis::queues::{
    AcceptQueue, LimitSetBy, ListenerReport, QueueReport, State, SynQueue,
};

use crate::render::text;

/// A line for each queue that is full, and what else the table does not tell.
pub fn notes(report: &QueueReport) -> Vec<String> {
    let mut notes: Vec<String> = report.listeners.iter().filter_map(full).collect();
    // Members of a group often have the same to say.
    notes.dedup();
    notes.extend(stuck_members(&report.listeners));
    notes.extend(syn_queues(&report.listeners));
    if let Some(age @ 1000..) = report.syn_age_ms {
        let age = text::duration(age);
        notes.push(format!(
            "SYN was counted {age} ago: on this host counting takes long"
        ));
    }
    notes
}

/// Who set the limit, what raises it, and how many of those waiting have left.
fn full(listener: &ListenerReport) -> Option<String> {
    let queue = listener.accept_queue.as_ref()?;
    let own_limit = listener
        .fullest
        .map_or(queue.limit, |fullest| fullest.limit);
    let is_full = listener.state >= State::Full && queue.length >= own_limit;
    is_full.then(|| {
        format!(
            "{}: limit {}{}",
            local(listener),
            limit(own_limit, queue),
            gone(queue)
        )
    })
}

fn limit(limit: u32, queue: &AcceptQueue) -> String {
    match queue.limit_set_by {
        Some(LimitSetBy::Application) => format!("{limit} from the application's listen()"),
        Some(LimitSetBy::Somaxconn) => {
            format!("{limit} from net.core.somaxconn: raise it, then listen() again (restart)")
        }
        Some(LimitSetBy::Stale) => {
            format!("{limit} from an earlier net.core.somaxconn: listen() again (restart)")
        }
        None => format!("{limit} from listen(), or from net.core.somaxconn at that time"),
    }
}

fn gone(queue: &AcceptQueue) -> String {
    match queue.abandoned {
        None | Some(0) => String::new(),
        Some(gone) if gone == u64::from(queue.length) => {
            format!("; all {gone} waiting have closed their side")
        }
        Some(gone) => format!(
            "; {gone} of the {} waiting have closed their side",
            queue.length
        ),
    }
}

/// Groups in which some accept queues are full while others have room.
fn stuck_members(listeners: &[ListenerReport]) -> Vec<String> {
    let mut groups: BTreeMap<(String, String, bool), Vec<&ListenerReport>> = BTreeMap::new();
    let is_member =
        |listener: &&ListenerReport| listener.reuseport_members > 1 && listener.syn_queue.is_some();
    for listener in listeners.iter().filter(is_member) {
        let key = (listener.netns.label(), local(listener), listener.v6only);
        groups.entry(key).or_default().push(listener);
    }
    groups
        .into_iter()
        .filter_map(|((_, local, _), members)| stuck(&local, &members))
        .collect()
}

fn stuck(local: &str, members: &[&ListenerReport]) -> Option<String> {
    let is_full = |member: &&&ListenerReport| member.fill_ratio() >= Some(1.0);
    let free = members.iter().any(|member| member.fill_ratio() < Some(0.5));
    let holder = members.iter().find(is_full)?.owners.first();
    let who = holder.map(|owner| {
        format!(
            ": {} ({}) does not accept",
            text::escape(&owner.name),
            owner.pid
        )
    });
    let (full, all) = (members.iter().filter(is_full).count(), members.len());
    let who = who.unwrap_or_default();
    free.then(|| {
        format!("{local}: {full} of {all} SO_REUSEPORT sockets full, others have room{who}")
    })
}

/// SYN queues that are full, each address once.
fn syn_queues(listeners: &[ListenerReport]) -> Vec<String> {
    let mut full: BTreeMap<String, &SynQueue> = BTreeMap::new();
    for listener in listeners {
        if let Some(queue) = listener.syn_queue.as_ref().filter(|queue| queue.is_full()) {
            full.insert(local(listener), queue);
        }
    }
    let note = |(local, queue): (String, &SynQueue)| {
        let (length, limit) = (queue.length.unwrap_or(0), queue.limit.unwrap_or(0));
        let then = match queue.drops() {
            true => "tcp_syncookies = 0, so new SYNs are dropped",
            false => "new SYNs are answered with cookies, so clients still get in",
        };
        format!("{local}: SYN queue full, {length} of {limit}: {then}")
    };
    full.into_iter().map(note).collect()
}

fn local(listener: &ListenerReport) -> String {
    text::escape(&listener.local.to_string())
}

//! Owners that have no descriptor left, or whose threads all wait for something else.

use std::collections::BTreeMap;

use super::{
    cause::Plight,
    owner::{Owner, Waits},
};
use crate::{
    analysis::{
        fds::raise_limit,
        rules::{OWNER_BLOCKED, OWNER_OUT_OF_DESCRIPTORS},
    },
    model::{CallKind, Doing, ProcessActivity, SystemCall, ThreadActivity},
};

/// accept() fails with EMFILE before it looks at the queue.
pub fn for_descriptors(owner: &Owner<'_>) -> Option<Plight> {
    let in_force = |soft: u64| owner.nr_open.map_or(soft, |nr_open| soft.min(nr_open));
    let is_out = |process: &ProcessActivity| {
        let limit = in_force(process.limits?.soft);
        Some(process.open? >= limit && process.has_free != Some(true))
    };
    let process = owner.now;
    if !is_out(process)? {
        return None;
    }
    let (pid, open, limits) = (process.pid, process.open?, process.limits?);
    let limit = in_force(limits.soft);
    let text = format!("has {open} of {limit} descriptors open: accept() fails with EMFILE");
    let plight = Plight::new(&OWNER_OUT_OF_DESCRIPTORS, text)
        .certain_if(owner.before.and_then(is_out) != Some(false))
        .count("open", open, "descriptors")
        .count("soft_limit", limits.soft, "descriptors");
    let commands = raise_limit(pid, limits, owner.nr_open);
    let plight = commands.into_iter().fold(plight, Plight::remedy);
    Some(
        plight
            .next(format!("sockdiag fds --pid {pid} --types --why"))
            .next(format!("sockdiag fds --pid {pid} -w")),
    )
}

/// Every thread sleeps, and none of them for connections. io_uring accepts without a thread that
/// waits.
pub fn for_other(owner: &Owner<'_>) -> Option<Plight> {
    let process = owner.now;
    let all = owner
        .threads()
        .all(|thread| owner.waits(thread) == Waits::ForOther);
    let is_known = process.io_uring == Some(false) && process.threads_unread == 0;
    if !all || !is_known || process.threads.is_empty() {
        return None;
    }
    let slept = owner
        .threads()
        .all(|thread| owner.ran(thread) == Some(false));
    let since = owner.elapsed().filter(|_| slept);
    let places = places(&process.threads);
    let text = match since {
        Some(since) => format!("has not run for {:.1} s: {places}", since.as_secs_f64()),
        None => format!("does not wait for connections: {places}"),
    };
    let (pid, shown) = (process.pid, shown(&process.threads)?);
    let plight = Plight::new(&OWNER_BLOCKED, text)
        .certain_if(slept)
        .count("blocked_threads", process.threads.len() as u64, "threads")
        .remedy(format!(
            "gdb -p {pid} -batch -ex 'thread apply all bt' # what each thread waits for; stops the process while it prints"
        ))
        .next(format!("cat /proc/{pid}/task/{}/stack", shown.tid));
    Some(match call(shown).and_then(|call| call.fd) {
        Some(fd) => plight.next(format!("ls -l /proc/{pid}/fd/{fd}")),
        None => plight,
    })
}

/// The thread that is worth looking at first: in uninterruptible sleep, else the first.
fn shown(threads: &[ThreadActivity]) -> Option<&ThreadActivity> {
    let uninterruptible = threads.iter().find(|thread| thread.state == 'D');
    uninterruptible.or(threads.first())
}

/// Different places that are named.
const NAMED: usize = 3;

/// `2 threads in futex() (a lock or a condition), 1 thread in read() of pipe:[7] (data)`
fn places(threads: &[ThreadActivity]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for thread in threads {
        *counts.entry(place(thread)).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(place, count)| {
        (
            !place.contains("uninterruptible"),
            std::cmp::Reverse(*count),
        )
    });
    let others: usize = counts.iter().skip(NAMED).map(|(_, count)| count).sum();
    let named = counts
        .into_iter()
        .take(NAMED)
        .map(|(place, count)| match count {
            1 => format!("1 thread {place}"),
            count => format!("{count} threads {place}"),
        });
    let mut parts: Vec<String> = named.collect();
    if others > 0 {
        parts.push(format!("{others} elsewhere"));
    }
    parts.join(", ")
}

fn place(thread: &ThreadActivity) -> String {
    let function = || thread.stack_top.as_deref().or(thread.wchan.as_deref());
    let place = match call(thread) {
        Some(call) => in_call(call, function()),
        None => match function() {
            Some(function) => format!("in the kernel's {function}"),
            None => "in the kernel".to_owned(),
        },
    };
    match thread.state {
        'D' => format!("in uninterruptible sleep (D) {place}"),
        _ => place,
    }
}

fn in_call(call: &SystemCall, function: Option<&str>) -> String {
    let of = call
        .file
        .as_ref()
        .map(|file| format!(" of {file}"))
        .unwrap_or_default();
    match (call.kind, call.number, function) {
        (Some(kind), ..) if kind.may_wait_for_connections() => {
            format!("in {}{of} for other events", kind.name())
        }
        (Some(kind @ CallKind::Sleep), ..) => format!("in {}", kind.name()),
        (Some(kind), ..) => format!("in {}{of} ({})", kind.name(), kind.description()),
        (None, _, Some(function)) => format!("in the kernel's {function}"),
        (None, Some(number), None) => format!("in system call {number}"),
        (None, None, None) => "in a system call".to_owned(),
    }
}

fn call(thread: &ThreadActivity) -> Option<&SystemCall> {
    match &thread.doing {
        Some(Doing::Call(call)) => Some(call),
        _ => None,
    }
}

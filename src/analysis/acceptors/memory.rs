//! Owners that are slowed down by want of memory.

use std::time::Duration;

use super::{
    cause::Plight,
    owner::{Owner, Waits},
};
use crate::{
    analysis::{
        finding::in_shell,
        rules::{MEMORY_PRESSURE, MEMORY_STALLED},
    },
    model::{Doing, MemoryLimit, Stalled, ThreadActivity},
};

/// Stalls happen in system calls and in page faults: to a thread that runs, that waits for a disk,
/// or that sleeps outside of a system call.
pub fn pressure(owner: &Owner<'_>) -> Option<Plight> {
    let may_stall = |thread: &ThreadActivity| {
        thread.state == 'D'
            || owner.waits(thread) == Waits::Runs
            || thread.doing == Some(Doing::Kernel)
    };
    let elapsed = owner.elapsed()?;
    if !owner.threads().any(may_stall) {
        return None;
    }
    at_its_limit(owner, elapsed).or_else(|| on_the_host(owner, elapsed))
}

/// By the pressure of the cgroup or, under cgroup v1, of the host.
fn at_its_limit(owner: &Owner<'_>, elapsed: Duration) -> Option<Plight> {
    let limits = owner.now.memory_limits.as_ref()?;
    let (limit, hits) = limits
        .iter()
        .find_map(|limit| Some((limit, hits(owner, limit)?)))?;
    let own = owner.now.pressure.memory;
    let own = own.zip(owner.before.and_then(|before| before.pressure.memory));
    let host = owner
        .host
        .and_then(|(now, before)| now.memory.zip(before.memory));
    let stalled = share(own.or(host)?, elapsed, |stalled| Some(stalled.some))?;
    if stalled < MEMORY_STALLED {
        return None;
    }
    let text = format!(
        "met the memory limit of its cgroup {hits} times ({}); tasks were stalled on memory {:.0} % of the time",
        limit.file,
        stalled * 100.0
    );
    let more = limit.limit_bytes.saturating_add(limit.limit_bytes / 2);
    let plight = Plight::new(&MEMORY_PRESSURE, text)
        .count("limit_hits", hits, "times")
        .ratio("memory_stalled_ratio", stalled)
        .remedy(format!(
            "echo {more} > {} # takes memory from others; for good: MemoryMax= of its unit, or the container's memory limit",
            in_shell(&limit.file)
        ));
    Some(plight.next(format!("grep Vm /proc/{}/status", owner.now.pid)))
}

/// How often the limit was met since the earlier reading, if at all.
fn hits(owner: &Owner<'_>, limit: &MemoryLimit) -> Option<u64> {
    let before = owner.before?.memory_limits.as_ref()?;
    let before = before.iter().find(|other| other.file == limit.file)?;
    let rise = |now: Option<u64>, before: Option<u64>| {
        let rise = now
            .zip(before)
            .and_then(|(now, before)| now.checked_sub(before));
        rise.unwrap_or(0)
    };
    let hits = rise(limit.high, before.high) + rise(limit.max, before.max);
    (hits > 0).then_some(hits)
}

/// All tasks of the host at once, so that this one was among them.
fn on_the_host(owner: &Owner<'_>, elapsed: Duration) -> Option<Plight> {
    let (now, before) = owner.host?;
    let stalled = share((now.memory?, before.memory?), elapsed, |stalled| {
        stalled.full
    })?;
    if stalled < MEMORY_STALLED {
        return None;
    }
    let text = format!(
        "shares a host without free memory: all tasks were stalled on memory {:.0} % of the time",
        stalled * 100.0
    );
    let plight = Plight::new(&MEMORY_PRESSURE, text)
        .ratio("memory_stalled_ratio", stalled)
        .remedy("end or move the processes that use most memory, or add memory")
        .next("ps -eo pid,rss,comm --sort=-rss");
    Some(plight.next("cat /proc/pressure/memory"))
}

fn share(
    (now, before): (Stalled, Stalled),
    elapsed: Duration,
    of: impl Fn(&Stalled) -> Option<Duration>,
) -> Option<f64> {
    let stalled = of(&now)?.checked_sub(of(&before)?)?;
    Some((stalled.as_secs_f64() / elapsed.as_secs_f64()).min(1.0))
}

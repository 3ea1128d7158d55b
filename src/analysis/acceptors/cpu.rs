//! Owners that want to run: throttled by a quota, without a CPU, or busy.

use std::time::Duration;

use super::{
    cause::Plight,
    owner::{Owner, Waits},
};
use crate::{
    analysis::{
        finding::in_shell,
        rules::{BUSY, OWNER_BUSY, OWNER_STARVED, OWNER_THROTTLED, STARVED, THROTTLED_PERIODS},
    },
    model::{CpuQuota, ThreadActivity},
};

/// The quota is that of all processes of the cgroup, so that it says nothing about one whose threads
/// never wanted to run.
pub fn throttled(owner: &Owner<'_>) -> Option<Plight> {
    let wants = |thread: &ThreadActivity| {
        owner.waits(thread) == Waits::Runs || owner.ran(thread) == Some(true)
    };
    if !owner.threads().any(wants) {
        return None;
    }
    let now = owner.now.cpu_quotas.as_ref()?;
    let elapsed = owner.elapsed()?;
    let (quota, throttled, periods) = now
        .iter()
        .filter_map(|quota| change(owner, quota))
        .map(|(quota, throttled, used)| (quota, throttled, used.max(periods(quota, elapsed))))
        .find(|(_, throttled, periods)| *throttled as f64 >= THROTTLED_PERIODS * *periods as f64)?;
    let (used, period) = (quota.quota.as_micros(), quota.period.as_micros());
    let percent = used * 100 / period.max(1);
    let text = format!(
        "used up its CPU quota of {percent} % of a core ({}) in {throttled} of {periods} periods and was throttled",
        quota.file
    );
    let threads = &owner.now.threads;
    let more = match quota.file.ends_with("cpu.max") {
        true => format!("'{} {period}'", used * 2),
        false => (used * 2).to_string(),
    };
    let file = in_shell(&quota.file);
    Some(
        Plight::new(&OWNER_THROTTLED, text)
            .certain_if(threads.len() == 1 && owner.now.threads_unread == 0)
            .count("throttled_periods", throttled, "periods")
            .count("periods", periods, "periods")
            .remedy(format!(
                "echo {more} > {file} # takes CPU time from others; for good: CPUQuota= of its unit, or the container's CPU limit"
            ))
            .next(format!("cat {}", in_shell(&stat_beside(&quota.file)))),
    )
}

/// The kernel counts only periods in which tasks of the cgroup wanted to run.
fn periods(quota: &CpuQuota, elapsed: Duration) -> u64 {
    let periods = elapsed.as_micros() / quota.period.as_micros().max(1);
    periods.try_into().unwrap_or(u64::MAX)
}

/// A quota with the periods that it throttled, and all that the kernel counted, since the earlier reading.
fn change<'a>(owner: &Owner<'_>, quota: &'a CpuQuota) -> Option<(&'a CpuQuota, u64, u64)> {
    let before = owner.before?.cpu_quotas.as_ref()?;
    let before = before.iter().find(|other| other.file == quota.file)?;
    let throttled = quota
        .throttled_periods
        .checked_sub(before.throttled_periods)?;
    let periods = quota.periods.checked_sub(before.periods)?;
    (throttled > 0).then_some((quota, throttled, periods))
}

fn stat_beside(file: &str) -> String {
    let (folder, _) = file.rsplit_once('/').unwrap_or(("", file));
    format!("{folder}/cpu.stat")
}

/// How a thread spent the time since the earlier reading, as shares of it.
#[derive(Debug, Clone, Copy)]
struct Spent {
    on_cpu: f64,
    waited: f64,
    /// The kernel's numbers did not move, from which the rest is concluded.
    stood_still: bool,
    /// It was runnable all the time.
    never_slept: bool,
}

impl Spent {
    fn is_counted(&self) -> bool {
        self.on_cpu + self.waited >= BUSY
    }

    fn is_starved(&self) -> bool {
        self.waited >= STARVED
    }

    /// A hypervisor that takes the CPU away (steal) takes that time off both shares. A thread that
    /// never slept and was on a CPU for this long waited for less than it takes to be starved.
    fn is_runnable(&self) -> bool {
        let is_told_apart = self.is_starved() || self.on_cpu >= 1.0 - STARVED;
        self.is_counted() || (self.never_slept && is_told_apart)
    }
}

/// Threads that run are the ones that could accept where every other thread waits for something
/// else.
pub fn busy_or_starved(owner: &Owner<'_>) -> Option<Plight> {
    let could = |thread: &&ThreadActivity| owner.waits(thread) == Waits::Runs;
    let is_known = |thread: &ThreadActivity| owner.waits(thread) != Waits::Unknown;
    if owner.now.threads_unread > 0 || !owner.threads().all(is_known) {
        return None;
    }
    let spent: Option<Vec<Spent>> = owner
        .threads()
        .filter(could)
        .map(|thread| spent(owner, thread))
        .collect();
    let spent = spent.filter(|spent| !spent.is_empty())?;
    if !spent.iter().all(Spent::is_runnable) {
        return None;
    }
    let starved = spent.iter().filter(|spent| spent.is_starved()).count();
    let is_alone = owner.now.threads.len() == 1;
    match starved {
        0 => Some(busy(owner, &spent).certain_if(is_alone)),
        all if all == spent.len() => {
            let without_quota = owner.now.cpu_quotas.as_ref();
            let without_quota = without_quota.is_some_and(|quotas| {
                let mut quotas = quotas.iter();
                quotas.all(|quota| change(owner, quota).is_none())
            });
            Some(
                starving(owner, &spent).certain_if(
                    is_alone && without_quota && !spent.iter().any(|one| one.stood_still),
                ),
            )
        }
        _ => None,
    }
}

/// The kernel counts a wait when it ends, so that a thread that was put on no CPU at all waited all
/// the time though its numbers stand still.
fn spent(owner: &Owner<'_>, thread: &ThreadActivity) -> Option<Spent> {
    let (before, elapsed) = (owner.before(thread)?, owner.elapsed()?);
    let share = |now: u64, before: u64| {
        let nanoseconds = now.checked_sub(before)?;
        Some((nanoseconds as f64 / elapsed.as_nanos() as f64).min(1.0))
    };
    let on_cpu = share(thread.on_cpu_ns?, before.on_cpu_ns?)?;
    let waited = share(thread.waited_ns?, before.waited_ns?)?;
    let stood_still = before.state == 'R' && owner.ran(thread) == Some(false) && on_cpu == 0.0;
    Some(Spent {
        on_cpu,
        waited: if stood_still { 1.0 } else { waited },
        stood_still,
        never_slept: thread.sleeps.is_some() && thread.sleeps == before.sleeps,
    })
}

fn busy(owner: &Owner<'_>, spent: &[Spent]) -> Plight {
    let pid = owner.now.pid;
    let least = least(spent, |spent| spent.on_cpu);
    let threads = threads(spent.len());
    let without_sleep = match spent.iter().all(Spent::is_counted) {
        true => "",
        false => " and never slept",
    };
    let text = format!(
        "is busy: {threads} that could accept used {:.0} % of a core or more{without_sleep}",
        least * 100.0
    );
    Plight::new(&OWNER_BUSY, text)
        .ratio("on_cpu_ratio", least)
        .ratio("waited_for_cpu_ratio", spent.iter().map(|spent| spent.waited).fold(0.0, f64::max))
        .remedy("accept in more threads or processes (workers with SO_REUSEPORT), or do less between two accept() calls (uses more cores)")
        .next(format!("top -H -p {pid}"))
        .next(format!("perf top -p {pid}"))
}

fn starving(owner: &Owner<'_>, spent: &[Spent]) -> Plight {
    let pid = owner.now.pid;
    let least = least(spent, |spent| spent.waited);
    let text = format!(
        "is runnable but gets no CPU: {} that could accept waited for one {:.0} % of the time or more",
        threads(spent.len()),
        least * 100.0
    );
    Plight::new(&OWNER_STARVED, text)
        .ratio("waited_for_cpu_ratio", least)
        .ratio("on_cpu_ratio", spent.iter().map(|spent| spent.on_cpu).fold(0.0, f64::max))
        .remedy(format!(
            "renice -n -5 -p {pid}, or raise the weight of its cgroup (CPUWeight=): takes CPU time from others on the same CPUs"
        ))
        .next("ps -eLo pid,tid,cls,ni,psr,pcpu,comm --sort=-pcpu")
        .next(format!("taskset -cp {pid}"))
}

fn least(spent: &[Spent], of: impl Fn(&Spent) -> f64) -> f64 {
    spent.iter().map(of).fold(1.0, f64::min)
}

fn threads(count: usize) -> String {
    match count {
        1 => "the thread".to_owned(),
        count => format!("the {count} threads"),
    }
}

//! Snapshots to a report of descriptors.

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Selection, Why, findings::findings, why::why};
use crate::{
    analysis::{
        Finding, Previous, Spread,
        incomplete::counted,
        per_second,
        rules::{FD_LEAK_GROWTH, FD_LEAK_SAMPLES, FD_LIMIT_OF_SANDBOX, NEAR_LIMIT},
    },
    model::{
        FdLimits, FdTypes, Incomplete, ProcessFds, Snapshot, SystemFds, snapshot::Processes,
        unit_of,
    },
};

/// Every selected process, the one nearest to its limit first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct FdsReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Number of processes, selected or not.
    #[serde(skip)]
    pub there: usize,
    /// The host.
    pub system: SystemReport,
    /// One element per process, without kernel threads and zombies, which have no descriptors.
    pub processes: Vec<ProcessReport>,
}

is_report!(FdsReport, "fds/v1");

/// The open files of the whole host, in all namespaces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct SystemReport {
    /// Open files (`fs.file-nr`); descriptors that share a file count once.
    pub open: Option<u64>,
    /// `fs.file-max`: beyond it open() fails with ENFILE for all but root. systemd sets 2⁶³ − 1.
    pub limit: Option<u64>,
    /// open ÷ limit.
    pub used_ratio: Option<f64>,
    /// `fs.nr_open`: the bound on any process's descriptors, and on its limits.
    pub nr_open: Option<u64>,
}

/// How near a process is to its limit, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Less than 80 % of the limit is used.
    Ok,
    /// 80 % or more; also where a limit was lowered below `open`, but numbers below it are free.
    Near,
    /// The limit is reached or exceeded: open(), socket() and accept() fail with EMFILE.
    Full,
}

/// The descriptors of one process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ProcessReport {
    /// Process id (thread group).
    pub pid: u32,
    /// Its name (`/proc/PID/comm`).
    pub name: String,
    /// Its command line, arguments separated by spaces; `null` when it may not be read.
    pub command_line: Option<String>,
    /// `null` when `used_ratio` is.
    pub state: Option<State>,
    /// Open descriptors; `null` where they may not be counted.
    pub open: Option<u64>,
    /// RLIMIT_NOFILE, which open() checks; `fs.nr_open` for `unlimited`; `null` is unknown.
    pub soft_limit: Option<u64>,
    /// The value up to which the process may raise `soft_limit` itself.
    pub hard_limit: Option<u64>,
    /// open ÷ the smaller of soft limit and `fs.nr_open`: above 1 after the limit was lowered,
    /// `open` + 1 for a limit of 0.
    pub used_ratio: Option<f64>,
    /// Change of `open` since the previous reading; `null` for a process that was not there then.
    pub delta: Option<i64>,
    /// `delta` as a rate.
    pub per_second: Option<f64>,
    /// Time until the limit is reached at this rate, 0 when it is reached; `null` without growth.
    pub full_in_seconds: Option<f64>,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Path of its cgroup.
    pub cgroup: Option<String>,
    /// Its systemd unit, container or pod.
    pub unit: Option<String>,
    /// What its descriptors are (`--types`); `null` when not asked for or not readable.
    pub types: Option<FdTypes>,
    /// Where its limits come from (`--why`); `null` when not asked for or not readable.
    pub why: Option<Why>,
    /// `open` over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
    /// How `open` moved from one sample to the next (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// Start time, in clock ticks since boot.
    #[serde(skip)]
    pub began: Option<u64>,
}

/// A number from one sample to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Growth {
    /// Number of samples.
    pub samples: u64,
    /// The first sample.
    pub first: u64,
    /// The last sample.
    pub last: u64,
    /// Samples above the one before.
    pub rises: u64,
    /// Samples below the one before.
    pub falls: u64,
}

impl Growth {
    pub(super) fn new(first: u64) -> Self {
        Growth {
            samples: 1,
            first,
            last: first,
            rises: 0,
            falls: 0,
        }
    }

    pub(super) fn add(&mut self, next: u64) {
        self.samples += 1;
        self.rises += u64::from(next > self.last);
        self.falls += u64::from(next < self.last);
        self.last = next;
    }

    /// Never fell, and rose in four of five steps: by a little at a time, not once.
    pub fn is_steady(&self) -> bool {
        let steps = self.samples - 1;
        self.samples >= FD_LEAK_SAMPLES
            && self.falls == 0
            && self.rises * 5 >= steps * 4
            && self.last - self.first >= FD_LEAK_GROWTH
    }
}

/// Compares the selected processes with their limits and, for growth, with the previous reading.
pub fn report(now: &Snapshot, before: Previous<'_>, selection: &Selection) -> FdsReport {
    let (earlier, elapsed) = match before {
        Some((snapshot, elapsed)) => (by_process(snapshot), elapsed),
        None => (HashMap::new(), Duration::ZERO),
    };
    let none = Processes::default();
    let read = now.processes.as_ref().unwrap_or(&none);
    let nr_open = read.system.nr_open;
    let process = |process: &&ProcessFds| {
        let mut report = ProcessReport::new(process, nr_open);
        let ancestors = read.ancestors.get(&process.pid);
        report.why = ancestors.and_then(|chain| why(chain, nr_open));
        // Without a start time this may be another process of the same id.
        let key = process.began.map(|began| (process.pid, began));
        if let Some(then) = key.and_then(|key| earlier.get(&key)) {
            report.compare(*then, effective(process, nr_open), elapsed);
        }
        report
    };
    let shown = worst_first(read, selection);
    let mut report = FdsReport {
        incomplete: [now.incomplete.clone(), unknown(now, &read.system, &shown)].concat(),
        findings: Vec::new(),
        there: read.processes.len(),
        system: SystemReport {
            open: read.system.open,
            limit: read.system.limit,
            used_ratio: ratio(read.system.open, read.system.limit),
            nr_open,
        },
        processes: shown.iter().map(process).collect(),
    };
    report.conclude();
    report
}

impl FdsReport {
    pub(super) fn conclude(&mut self) {
        self.findings = findings(self);
    }
}

/// Ids of at most this many selected processes, those nearest to their limit.
pub fn nearest_limit(now: &Snapshot, selection: &Selection, most: usize) -> Vec<u32> {
    let shown = now.processes.iter();
    let shown = shown.flat_map(|processes| worst_first(processes, selection));
    shown.take(most).map(|process| process.pid).collect()
}

fn by_process(snapshot: &Snapshot) -> HashMap<(u32, u64), Option<u64>> {
    let processes = snapshot.processes.iter().flat_map(|read| &read.processes);
    let known = |process: &ProcessFds| Some(((process.pid, process.began?), process.open));
    processes.filter_map(known).collect()
}

/// The selected processes, the one nearest to its limit first.
fn worst_first<'a>(processes: &'a Processes, selection: &Selection) -> Vec<&'a ProcessFds> {
    let nr_open = processes.system.nr_open;
    let shown = processes.processes.iter();
    let mut shown: Vec<_> = shown.filter(|process| selection.shows(process)).collect();
    shown.sort_by_cached_key(|process| {
        let used = ratio(process.open, effective(process, nr_open));
        // The bits of positive floats sort like the floats; unknown ratios come last.
        (
            Reverse(used.map(f64::to_bits)),
            Reverse(process.open),
            process.pid,
        )
    });
    shown
}

/// The limit that open() applies (`expand_files`, fs/file.c).
fn effective(process: &ProcessFds, nr_open: Option<u64>) -> Option<u64> {
    let soft = process.limits?.soft;
    let bound = nr_open.map_or(soft, |nr_open| soft.min(nr_open));
    (bound != FdLimits::UNLIMITED).then_some(bound)
}

/// A limit of 0 allows no descriptor, so it is always reached.
fn ratio(open: Option<u64>, limit: Option<u64>) -> Option<f64> {
    match (open?, limit?) {
        (open, 0) => Some(open as f64 + 1.0),
        (open, limit) => Some(open as f64 / limit as f64),
    }
}

impl ProcessReport {
    fn new(process: &ProcessFds, nr_open: Option<u64>) -> Self {
        let bounded = |limit: u64| match limit {
            FdLimits::UNLIMITED => nr_open,
            limit => Some(limit),
        };
        let used_ratio = ratio(process.open, effective(process, nr_open));
        ProcessReport {
            pid: process.pid,
            name: process.name.clone(),
            command_line: process.command_line.clone(),
            state: used_ratio.map(|ratio| State::of(ratio, process.has_free)),
            open: process.open,
            soft_limit: process.limits.and_then(|limits| bounded(limits.soft)),
            hard_limit: process.limits.and_then(|limits| bounded(limits.hard)),
            used_ratio,
            uid: process.uid,
            unit: process.cgroup.as_deref().and_then(unit_of),
            cgroup: process.cgroup.clone(),
            types: process.types.clone(),
            began: process.began,
            ..ProcessReport::default()
        }
    }

    /// It has forbidden itself to open more than it has, and keeps what it has: sshd before the
    /// login, dhcpcd.
    pub fn is_sandboxed(&self) -> bool {
        self.hard_limit
            .is_some_and(|limit| limit <= FD_LIMIT_OF_SANDBOX)
    }

    fn compare(&mut self, then: Option<u64>, limit: Option<u64>, elapsed: Duration) {
        let (Some(then), Some(now)) = (then, self.open) else {
            return;
        };
        let delta = now as i64 - then as i64;
        self.delta = Some(delta);
        self.per_second = per_second(delta as f64, elapsed);
        self.full_in_seconds = match (limit, self.per_second) {
            _ if self.state == Some(State::Full) => Some(0.0),
            (Some(limit), Some(rate)) if rate > 0.0 && now < limit => {
                Some((limit - now) as f64 / rate)
            }
            _ => None,
        };
    }
}

impl State {
    pub(super) fn of(used_ratio: f64, has_free: Option<bool>) -> Self {
        match used_ratio {
            1.0.. if has_free != Some(true) => State::Full,
            NEAR_LIMIT.. => State::Near,
            _ => State::Ok,
        }
    }

    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Near => "near",
            State::Full => "full",
        }
    }
}

fn unknown(now: &Snapshot, system: &SystemFds, shown: &[&ProcessFds]) -> Vec<Incomplete> {
    let is_unknown = [system.open, system.limit, system.nr_open].contains(&None);
    // What the kernel refused to show is listed already.
    let mut listed = now.incomplete.iter();
    let is_listed = listed.any(|missing| missing.what == "system");
    let why = "this /proc lacks some of sys/fs/file-nr, file-max and nr_open";
    let system = (is_unknown && !is_listed).then(|| Incomplete::new("system", why));
    let uncounted = shown
        .iter()
        .filter(|process| process.open.is_none())
        .count();
    let why = "before Linux 6.2 only root and a process's user may count its descriptors (sudo)";
    let open = counted("open", why, uncounted);
    let unlimited = shown
        .iter()
        .filter(|process| process.limits.is_none())
        .count();
    let limits = counted("limits", "/proc/PID/limits could not be read", unlimited);
    system.into_iter().chain(open).chain(limits).collect()
}

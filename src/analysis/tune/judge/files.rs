//! Open files of the host, and descriptors of processes.

use super::{Case, Judgement, doubled, is_near_limit, percent};
use crate::model::{FdLimits, ProcessFds};

/// Such a value is no limit: systemd sets 2⁶³ − 1 at boot.
const NO_LIMIT: i64 = 1 << 53;

pub fn file_max(case: &Case) -> Judgement {
    let (Some(limit), Some(open)) = (case.number(), case.load.open_files()) else {
        return Judgement::ok("the number of open files is unknown");
    };
    let open = i64::try_from(open).unwrap_or(i64::MAX);
    if limit >= NO_LIMIT {
        return Judgement::ok(format!(
            "no limit, as systemd sets it; {open} files are open"
        ));
    }
    let said = format!(
        "{open} of {limit} files are open, {} %",
        percent(open, limit)
    );
    let default = case.default_number().unwrap_or(0);
    match is_near_limit(open, limit) {
        true => Judgement::change(doubled(limit, default), true, said),
        false => Judgement::ok(said),
    }
}

pub fn nr_open(case: &Case) -> Judgement {
    let Some(limit) = case.number() else {
        return Judgement::note("not a number");
    };
    let open = |process: &ProcessFds| i64::try_from(process.open.unwrap_or(0)).unwrap_or(i64::MAX);
    let processes = case.load.processes().iter();
    let most = processes.max_by_key(|process| open(process));
    let Some(process) = most else {
        return Judgement::ok("bounds RLIMIT_NOFILE of every process");
    };
    let (name, pid, count) = (&process.name, process.pid, open(process));
    let said = format!("{name} ({pid}) has most: {count} descriptors");
    match is_near_limit(count, limit) {
        true => {
            let suggested = doubled(limit, case.default_number().unwrap_or(0));
            Judgement::change(suggested, true, said)
        }
        false => Judgement::ok(said),
    }
}

/// The process of a unit that is nearest to its limit.
pub fn descriptor_limits(
    process: &ProcessFds,
    limits: FdLimits,
    nr_open: Option<i64>,
) -> Judgement {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (name, pid) = (&process.name, process.pid);
    let limit = number(limits.soft).min(nr_open.unwrap_or(i64::MAX));
    let Some(open) = process.open.map(number) else {
        return Judgement::ok(format!(
            "the descriptors of {name} ({pid}) cannot be counted"
        ));
    };
    let said = format!("{name} ({pid}) has {open} of {limit} descriptors open");
    if !is_near_limit(open, limit) {
        return Judgement::ok(said);
    }
    let most = nr_open.unwrap_or(i64::MAX);
    let suggested = doubled(open.max(limit), 0).min(most);
    match suggested > limit {
        true => Judgement::change(suggested, true, said),
        false => Judgement::note(format!("{said}, as many as fs.nr_open allows")),
    }
}

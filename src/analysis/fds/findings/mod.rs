//! The rules of `fds`: processes and hosts near their limit, and limits that do not work.

#[cfg(test)]
mod tests;

use super::{
    FdsReport, Growth, ProcessReport, State, SystemReport,
    raise::{MOST_NR_OPEN, raise_limit},
};
use crate::{
    analysis::{
        Finding,
        Severity::{Critical, Info, Warning},
        finding::{names, worst_first},
        rules::{
            FD_LEAK, FD_LEAK_ONE_IN, FD_LIMIT_ABOVE_NR_OPEN, FD_LIMIT_LINE_IGNORED, FD_LIMIT_NEAR,
            FD_LIMIT_REACHED, HOST_CRITICAL, HOST_FILES_NEAR_LIMIT, NEAR_LIMIT,
        },
    },
    model::FdLimits,
};

/// What the report concludes, the worst first.
pub fn findings(report: &FdsReport) -> Vec<Finding> {
    let nr_open = report.system.nr_open;
    let processes = report.processes.iter();
    let mut findings: Vec<Finding> = host(&report.system).into_iter().collect();
    findings.extend(processes.filter_map(|process| near_limit(process, nr_open)));
    findings.extend(report.processes.iter().filter_map(leak));
    findings.extend(above_nr_open(report));
    findings.extend(report.processes.iter().filter_map(ignored_line));
    worst_first(&mut findings);
    findings
}

fn near_limit(process: &ProcessReport, nr_open: Option<u64>) -> Option<Finding> {
    let soft = process.soft_limit.filter(|_| !process.is_sandboxed())?;
    let limit = nr_open.map_or(soft, |nr_open| soft.min(nr_open));
    let (state, open) = worst(process, limit)?;
    let subject = format!("{} ({})", process.name, process.pid);
    let sampling = if open == process.open? {
        ""
    } else {
        " while sampling"
    };
    let used = format!("{open} of {limit} descriptors open{sampling}");
    let finding = match state {
        State::Ok => return None,
        State::Near => FD_LIMIT_NEAR.finding(Warning, subject, used + &full_in(process)),
        State::Full => {
            let message = used + ": open(), socket() and accept() fail with EMFILE";
            FD_LIMIT_REACHED.finding(Critical, subject, message)
        }
    };
    let finding = finding
        .count("open", open, "descriptors")
        .count("soft_limit", soft, "descriptors")
        .count_known("hard_limit", process.hard_limit, "descriptors")
        .decimal("per_second", process.per_second, "descriptors")
        .likely("a leak (-w shows growth, --types of what), or a limit too low for the load");
    let pid = process.pid;
    let finding = match process.growth {
        Some(growth) if growth.is_steady() => finding.caused_by(&FD_LEAK),
        _ => finding,
    };
    let finding = Finding {
        pids: vec![pid],
        ..raise(finding, process, nr_open)
    };
    let finding = finding
        .next(format!("sockdiag fds --pid {pid} --types --why"))
        .next(format!("sockdiag fds --pid {pid} -w"))
        .next(format!("sockdiag queues --process {pid}"));
    Some(finding)
}

/// A process near its limit has a finding, of which the leak is the cause.
fn leak(process: &ProcessReport) -> Option<Finding> {
    let growth = process.growth.filter(Growth::is_steady)?;
    if process.state.is_some_and(|state| state != State::Ok) {
        return None;
    }
    let Growth {
        samples,
        first,
        last,
        ..
    } = growth;
    let subject = format!("{} ({})", process.name, process.pid);
    let message = format!(
        "open descriptors rose from {first} to {last} over {samples} samples and never fell{}",
        full_in(process)
    );
    let pid = process.pid;
    let is_much = (last - first).saturating_mul(FD_LEAK_ONE_IN) >= first;
    let severity = if is_much { Warning } else { Info };
    let finding = FD_LEAK
        .finding(severity, subject, message)
        .count("growth.first", first, "descriptors")
        .count("growth.last", last, "descriptors")
        .count("growth.samples", samples, "samples")
        .count_known("soft_limit", process.soft_limit, "descriptors")
        .decimal("per_second", process.per_second, "descriptors")
        .likely("descriptors that are opened and not closed, or load that rises")
        .remedy("close what --types shows more of at each reading; a restart frees all of them")
        .next(format!("sockdiag fds --pid {pid} --types"))
        .next(format!("sockdiag fds --pid {pid} -w"));
    Some(Finding {
        pids: vec![pid],
        ..finding
    })
}

/// State and open descriptors now or, where that was worse, in one of many samples.
fn worst(process: &ProcessReport, limit: u64) -> Option<(State, u64)> {
    let open = process.open?;
    let sampled = process.sampled.as_ref();
    let peak = sampled.map_or(open, |spread| spread.maximum);
    match peak > open {
        true => Some((State::of(peak as f64 / limit.max(1) as f64, None), peak)),
        false => Some((process.state?, open)),
    }
}

fn full_in(process: &ProcessReport) -> String {
    let seconds = process.full_in_seconds.filter(|_| process.delta > Some(0));
    seconds.map_or_else(String::new, |seconds| {
        format!(", the limit is reached in {seconds:.0} s at this rate")
    })
}

/// `--why` knows the line that sets the limit for good.
fn raise(finding: Finding, process: &ProcessReport, nr_open: Option<u64>) -> Finding {
    let soft = process.soft_limit.unwrap_or(0);
    let limits = FdLimits {
        soft,
        hard: process.hard_limit.unwrap_or(soft),
    };
    let commands = raise_limit(process.pid, limits, nr_open);
    let finding = commands.into_iter().fold(finding, Finding::remedy);
    let lasting = process.why.as_ref().map(|why| why.change.clone());
    finding.with(lasting, Finding::remedy)
}

fn above_nr_open(report: &FdsReport) -> Option<Finding> {
    let nr_open = report.system.nr_open?;
    let above = |process: &&ProcessReport| process.hard_limit > Some(nr_open);
    let concerned: Vec<_> = report.processes.iter().filter(above).collect();
    let highest = concerned.iter().filter_map(|one| one.hard_limit).max()?;
    let names = names(concerned.iter().map(|one| (one.name.as_str(), one.pid)));
    let message = format!(
        "hard limit above fs.nr_open {nr_open}: setting a limit that high fails with EPERM"
    );
    let finding = FD_LIMIT_ABOVE_NR_OPEN
        .finding(Info, names, message)
        .count("nr_open", nr_open, "descriptors")
        .count("processes", concerned.len() as u64, "processes")
        .because("fs.nr_open was lowered after these limits were set")
        .remedy(format!(
            "sysctl -w fs.nr_open={}",
            highest.min(MOST_NR_OPEN)
        ))
        .next(format!("sockdiag fds --pid {} --why", concerned[0].pid));
    Some(finding)
}

fn ignored_line(process: &ProcessReport) -> Option<Finding> {
    let why = process.why.as_ref()?;
    let setting = why.ignored.as_ref()?;
    let line = format!("{}:{}", setting.file, setting.line);
    let subject = format!("{} ({})", process.name, process.pid);
    let message = format!("systemd does not understand `{}` in {line}", setting.text);
    let finding = FD_LIMIT_LINE_IGNORED
        .finding(Info, subject, message + " and ignores it")
        .text("why.ignored.text", setting.text.clone())
        .because("the value is not a number, SOFT:HARD or infinity")
        .remedy(format!("correct {line}, then restart the unit"))
        .next(format!("systemd-analyze verify {}", setting.file));
    Some(finding)
}

fn host(system: &SystemReport) -> Option<Finding> {
    let ratio = system.used_ratio.filter(|ratio| *ratio >= NEAR_LIMIT)?;
    let (open, limit) = (system.open?, system.limit?);
    let severity = if ratio >= HOST_CRITICAL {
        Critical
    } else {
        Warning
    };
    let message = format!(
        "{open} of {limit} files open (fs.file-max): at 100 % open() fails with ENFILE for all but root"
    );
    let finding = HOST_FILES_NEAR_LIMIT
        .finding(severity, "host", message)
        .count("system.open", open, "files")
        .count("system.limit", limit, "files")
        .decimal("system.used_ratio", ratio, "ratio")
        .remedy(format!("sysctl -w fs.file-max={}", limit.saturating_mul(2)))
        .next("sockdiag fds --sort open --top 10");
    Some(finding)
}

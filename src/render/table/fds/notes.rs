//! The line above the table of `fds`, and those under it.

use sockdiag::analysis::fds::{FdsReport, ProcessReport, State, SystemReport};

use super::why;
use crate::render::{
    table::who::names,
    text::{self, MISSING},
};

/// Nobody sets a limit this high to limit anything; systemd raises fs.file-max to 2⁶³ − 1.
const NO_LIMIT: u64 = 1 << 53;
/// From here on the host is near its limit.
const NEAR: f64 = 0.8;

/// `host: 41 312 of 2 466 177 open, nr_open 1 048 576`
pub fn host(system: &SystemReport) -> String {
    let number = |number: Option<u64>| number.map_or(MISSING.to_owned(), text::grouped);
    let open = number(system.open);
    let limit = match system.limit {
        Some(NO_LIMIT..) => format!("{open} open, no limit (file-max)"),
        limit => format!("{open} of {} open", number(limit)),
    };
    format!("host: {limit}, nr_open {}", number(system.nr_open))
}

/// What the numbers mean where there is trouble.
pub fn notes(report: &FdsReport) -> Vec<String> {
    let notes = [
        full(report),
        above_nr_open(report),
        near_file_max(&report.system),
    ];
    notes
        .into_iter()
        .flatten()
        .chain(why::sentences(report))
        .collect()
}

fn full(report: &FdsReport) -> Option<String> {
    let is_full = |process: &&ProcessReport| process.state == Some(State::Full);
    let who = named(report, |process| is_full(&process))?;
    let mut pids = report
        .processes
        .iter()
        .filter(is_full)
        .map(|process| process.pid);
    let pid = match (pids.next(), pids.next()) {
        (Some(pid), None) => pid.to_string(),
        _ => "PID".to_owned(),
    };
    Some(format!(
        "{who}: at the limit: open(), socket() and accept() fail with EMFILE, and what accept() \
         does not take stays in the accept queue (`sockdiag queues`); `prlimit --pid {pid} \
         --nofile=SOFT:HARD` raises the limit while it runs, which helps against a leak only for a \
         while (-w shows growth, --types what of)"
    ))
}

/// A limit that was set before nr_open was lowered.
fn above_nr_open(report: &FdsReport) -> Option<String> {
    let nr_open = report.system.nr_open?;
    let above = |process: &ProcessReport| process.hard_limit > Some(nr_open);
    let who = named(report, above)?;
    Some(format!(
        "{who}: hard limit above nr_open {}: setting limits that high fails with EPERM, and \
         open() fails at nr_open; raise fs.nr_open",
        text::grouped(nr_open)
    ))
}

fn near_file_max(system: &SystemReport) -> Option<String> {
    let ratio = system.used_ratio.filter(|ratio| *ratio >= NEAR)?;
    Some(format!(
        "host: {} of fs.file-max is used: at 100% open() fails with ENFILE for all but root; raise \
         fs.file-max",
        text::percent(ratio)
    ))
}

/// Those that it concerns, by name; `None` when there is none.
fn named(report: &FdsReport, concerns: impl Fn(&ProcessReport) -> bool) -> Option<String> {
    let concerned = report.processes.iter().filter(|process| concerns(process));
    let names = names(concerned.map(|process| (process.name.as_str(), process.pid)));
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::table::fds::columns::example;

    #[test]
    fn large_numbers_are_grouped() {
        let system = |limit| SystemReport {
            open: Some(41_312),
            limit,
            used_ratio: None,
            nr_open: Some(1 << 20),
        };
        assert_eq!(
            host(&system(Some(2_466_177))),
            "host: 41 312 of 2 466 177 open, nr_open 1 048 576"
        );
        assert_eq!(
            host(&system(Some(i64::MAX as u64))),
            "host: 41 312 open, no limit (file-max), nr_open 1 048 576"
        );
        assert_eq!(
            host(&SystemReport::default()),
            "host: – of – open, nr_open –"
        );
    }

    #[test]
    fn the_host_is_near_its_limit_from_four_fifths_on() {
        let noted = |ratio| {
            let mut report = FdsReport::default();
            report.system.used_ratio = Some(ratio);
            !notes(&report).is_empty()
        };
        assert_eq!([0.79, 0.8, 1.0].map(noted), [false, true, true]);
    }

    #[test]
    fn three_are_named_and_the_others_counted() {
        let process = |pid| ProcessReport {
            pid,
            hard_limit: Some(65),
            ..example()
        };
        let noted = |count, nr_open| {
            let report = FdsReport {
                processes: (1..=count).map(process).collect(),
                system: SystemReport {
                    nr_open: Some(nr_open),
                    ..SystemReport::default()
                },
                ..FdsReport::default()
            };
            notes(&report)
        };
        assert!(noted(1, 65).is_empty(), "as high as it may be");
        assert!(noted(3, 64)[0].starts_with("api (1), api (2), api (3): hard limit"));
        assert!(noted(5, 64)[0].starts_with("api (1), api (2), api (3) and 2 more: hard limit"));
    }
}

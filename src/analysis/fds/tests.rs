use std::time::Duration;

use super::*;
use crate::{
    analysis::Sampling,
    model::{FdLimits, Incomplete, ProcessFds, Snapshot, SystemFds, snapshot::Processes},
};

const SECONDS: Duration = Duration::from_secs(2);

fn process(pid: u32, open: Option<u64>, soft: u64) -> ProcessFds {
    ProcessFds {
        pid,
        name: format!("p{pid}"),
        began: Some(u64::from(pid) * 100),
        open,
        limits: Some(FdLimits { soft, hard: 4096 }),
        ..ProcessFds::default()
    }
}

fn reading(processes: Vec<ProcessFds>) -> Snapshot {
    let system = SystemFds {
        open: Some(100),
        limit: Some(1000),
        nr_open: Some(1 << 20),
    };
    Snapshot {
        processes: Some(Processes {
            system,
            processes,
            ..Processes::default()
        }),
        ..Snapshot::default()
    }
}

fn system(snapshot: &mut Snapshot) -> &mut SystemFds {
    &mut snapshot.processes.as_mut().unwrap().system
}

fn first(now: &Snapshot) -> FdsReport {
    report(now, None, &Selection::default())
}

fn one(process: ProcessFds) -> ProcessReport {
    first(&reading(vec![process])).processes.remove(0)
}

fn grown(before: ProcessFds, now: ProcessFds) -> ProcessReport {
    let (before, now) = (reading(vec![before]), reading(vec![now]));
    let report = report(&now, Some((&before, SECONDS)), &Selection::default());
    report.processes.into_iter().next().unwrap()
}

#[test]
fn the_nearest_to_its_limit_comes_first_and_the_unknown_last() {
    let now = reading(vec![
        process(1, None, 64),
        process(2, Some(10), 1024),
        process(3, Some(60), 64),
        process(4, Some(20), 2048),
        process(5, Some(70), 64),
    ]);
    let pids = |report: FdsReport| report.processes.iter().map(|p| p.pid).collect::<Vec<_>>();
    assert_eq!(pids(first(&now)), [5, 3, 4, 2, 1]);
    assert_eq!(nearest_limit(&now, &Selection::default(), 3), [5, 3, 4]);
}

#[test]
fn a_process_is_full_at_its_limit_and_above() {
    for (open, limit, state) in [
        (0, 1024, State::Ok),
        (51, 64, State::Ok),
        (52, 64, State::Near),
        (63, 64, State::Near),
        (64, 64, State::Full),
        (100, 64, State::Full),
        (0, 0, State::Full),
    ] {
        let process = one(process(1, Some(open), limit));
        assert_eq!(process.state, Some(state), "{open} of {limit}");
    }
    assert_eq!(one(process(1, Some(96), 64)).used_ratio, Some(1.5));
    assert_eq!(one(process(1, None, 64)).state, None);
}

#[test]
fn nr_open_bounds_whatever_the_limit_is() {
    let unlimited = process(1, Some(1 << 19), FdLimits::UNLIMITED);
    let told = one(unlimited.clone());
    assert_eq!(told.soft_limit, Some(1 << 20));
    assert_eq!(told.used_ratio, Some(0.5));

    let above = one(process(1, Some(1 << 20), 1 << 21));
    assert_eq!(above.soft_limit, Some(1 << 21));
    assert_eq!(above.state, Some(State::Full));

    let mut unknown = reading(vec![unlimited]);
    *system(&mut unknown) = SystemFds::default();
    let told = first(&unknown);
    assert_eq!(told.processes[0].soft_limit, None);
    assert_eq!(told.processes[0].used_ratio, None);
    assert_eq!(told.system, SystemReport::default());
}

#[test]
fn growth_tells_when_the_limit_is_reached() {
    let report = grown(process(1, Some(30), 64), process(1, Some(34), 64));
    assert_eq!((report.delta, report.per_second), (Some(4), Some(2.0)));
    assert_eq!(report.full_in_seconds, Some(15.0));

    let shrunk = grown(process(1, Some(30), 64), process(1, Some(20), 64));
    assert_eq!((shrunk.delta, shrunk.full_in_seconds), (Some(-10), None));
    let still = grown(process(1, Some(30), 64), process(1, Some(30), 64));
    assert_eq!((still.delta, still.full_in_seconds), (Some(0), None));
    let lowered = grown(process(1, Some(30), 64), process(1, Some(30), 16));
    assert_eq!(lowered.full_in_seconds, Some(0.0));
    assert_eq!(one(process(1, Some(64), 64)).full_in_seconds, None);
}

#[test]
fn a_later_process_of_the_same_id_is_not_compared() {
    let later = ProcessFds {
        began: Some(7),
        ..process(1, Some(60), 64)
    };
    let report = grown(process(1, Some(30), 64), later);
    assert_eq!((report.delta, report.per_second), (None, None));
    assert_eq!(report.full_in_seconds, None);

    let nameless = |open| ProcessFds {
        began: None,
        ..process(1, Some(open), 64)
    };
    assert_eq!(grown(nameless(30), nameless(31)).delta, None);
    let uncounted = grown(process(1, None, 64), process(1, Some(31), 64));
    assert_eq!(uncounted.delta, None);
}

#[test]
fn what_could_not_be_read_is_counted() {
    let mut limitless = process(3, Some(1), 64);
    limitless.limits = None;
    let processes = vec![process(1, None, 64), process(2, None, 64), limitless];
    let told = first(&reading(processes));
    let missing: Vec<_> = told
        .incomplete
        .iter()
        .map(|m| (m.what.as_str(), m.count))
        .collect();
    assert_eq!(missing, [("open", Some(2)), ("limits", Some(1))]);
}

#[test]
fn samples_are_those_of_one_process() {
    let mut samples = Samples::default();
    for open in [10, 10, 10, 50] {
        samples.add(&first(&reading(vec![process(1, Some(open), 64)])));
    }
    let later = ProcessFds {
        began: Some(7),
        ..process(1, Some(99), 64)
    };
    let later = reading(vec![later, process(2, None, 64)]);
    samples.add(&first(&later));
    let mut told = first(&reading(vec![
        process(1, Some(10), 64),
        process(2, None, 64),
    ]));
    samples.fill(&mut told);
    let spread = told.processes[0].sampled.clone().unwrap();
    assert_eq!(
        (spread.samples, spread.minimum, spread.maximum),
        (4, 10, 50)
    );
    assert_eq!(spread.mean, 20.0);
    assert_eq!(told.processes[1].sampled, None);
    let ended = told.incomplete.last().unwrap();
    assert_eq!((ended.what.as_str(), ended.count), ("processes", Some(1)));
}

#[test]
fn processes_are_chosen_by_name_unit_and_user() {
    let api = ProcessFds {
        uid: Some(1000),
        cgroup: Some("/system.slice/api.service".to_owned()),
        ..process(7, Some(1), 64)
    };
    let by = |process: Option<&str>, unit: Option<&str>, uid| Selection {
        process: process.map(str::to_owned),
        unit: unit.map(str::to_owned),
        uid,
    };
    assert!(by(None, None, None).shows(&api));
    assert!(by(Some("p7"), Some("api"), Some(1000)).shows(&api));
    assert!(by(Some("7"), None, None).shows(&api));
    assert!(!by(Some("8"), None, None).shows(&api));
    assert!(!by(None, Some("web"), None).shows(&api));
    assert!(!by(None, None, Some(0)).shows(&api));
    assert!(!by(None, None, Some(0)).shows(&process(8, None, 64)));
}

#[test]
fn a_host_that_is_not_told_is_listed_once() {
    let mut now = reading(Vec::new());
    assert_eq!(first(&now).incomplete, []);
    system(&mut now).nr_open = None;
    let told = first(&now).incomplete;
    assert_eq!((told.len(), told[0].what.as_str()), (1, "system"));
    now.incomplete = vec![Incomplete::new("system", "permission denied")];
    assert_eq!(first(&now).incomplete, now.incomplete);
}

#[test]
fn a_process_is_not_full_while_numbers_below_a_lowered_limit_are_free() {
    let sparse = |open| ProcessFds {
        has_free: Some(true),
        ..process(1, Some(open), 64)
    };
    let told = grown(sparse(70), sparse(80));
    assert_eq!(
        (told.state, told.used_ratio),
        (Some(State::Near), Some(1.25))
    );
    assert_eq!(told.full_in_seconds, None);
}

#[test]
fn however_many_are_open_an_unknown_limit_comes_last() {
    let mut limitless = process(1, Some(1000), 64);
    limitless.limits = None;
    let told = first(&reading(vec![limitless, process(2, Some(1), 64)]));
    assert_eq!((told.processes[0].pid, told.processes[1].pid), (2, 1));
}

#[test]
fn a_limit_of_none_is_exceeded_by_as_many_as_are_open() {
    assert_eq!(one(process(1, Some(3), 0)).used_ratio, Some(4.0));
}

#[test]
fn both_limits_are_told() {
    let told = one(process(1, Some(3), 64));
    assert_eq!((told.soft_limit, told.hard_limit), (Some(64), Some(4096)));
}

#[test]
fn one_that_could_not_be_counted_is_counted() {
    let told = first(&reading(vec![process(1, None, 64)]));
    assert_eq!(told.incomplete[0].count, Some(1));
}

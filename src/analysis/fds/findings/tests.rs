//! The rules on reports written by hand.

use super::*;
use crate::{
    analysis::{
        Spread,
        fds::{Holder, Origin, SetBy, Why},
    },
    model::Setting,
};

/// `open` of a soft limit of 100 and a hard one of 4096.
fn process(open: u64) -> ProcessReport {
    ProcessReport {
        pid: 7,
        name: "api".to_owned(),
        state: Some(State::of(open as f64 / 100.0, None)),
        open: Some(open),
        soft_limit: Some(100),
        hard_limit: Some(4096),
        used_ratio: Some(open as f64 / 100.0),
        ..ProcessReport::default()
    }
}

fn found(processes: Vec<ProcessReport>, nr_open: u64) -> Vec<Finding> {
    findings(&FdsReport {
        processes,
        system: SystemReport {
            nr_open: Some(nr_open),
            ..SystemReport::default()
        },
        ..FdsReport::default()
    })
}

fn one(process: ProcessReport) -> Option<Finding> {
    found(vec![process], 1 << 20).into_iter().next()
}

#[test]
fn a_process_is_near_its_limit_from_four_fifths_on_and_at_it_when_full() {
    assert_eq!(one(process(79)), None);
    assert_eq!(one(process(80)).unwrap().id, "fd_limit_near");
    assert_eq!(one(process(99)).unwrap().severity, Warning);
    let full = one(process(100)).unwrap();
    assert_eq!((full.id, full.severity), ("fd_limit_reached", Critical));
    assert_eq!(full.subject, "api (7)");
    assert!(
        full.message
            .starts_with("100 of 100 descriptors open: open()")
    );
    assert!(full.inferred, "a leak, or a limit too low");
    assert_eq!(full.next[0], "sockdiag fds --pid 7 --types --why");
}

/// What a sandbox forbids is no fault: sshd does so for each client that has not logged in.
#[test]
fn a_process_that_forbids_itself_to_open_more_has_no_finding() {
    let limited = |soft, hard| ProcessReport {
        state: Some(State::Full),
        soft_limit: Some(soft),
        hard_limit: Some(hard),
        ..process(7)
    };
    for limit in 0..3 {
        assert_eq!(one(limited(limit, limit)), None, "{limit}");
    }
    assert_eq!(one(limited(3, 3)).unwrap().id, "fd_limit_reached");
    let may_raise = one(limited(1, 4096)).unwrap();
    assert_eq!(may_raise.id, "fd_limit_reached", "by mistake, perhaps");
}

/// After the limit was lowered as many may be open while numbers below it are free.
#[test]
fn open_succeeds_while_a_number_is_free() {
    let lowered = ProcessReport {
        state: Some(State::Near),
        ..process(120)
    };
    assert_eq!(one(lowered).unwrap().id, "fd_limit_near");
}

#[test]
fn a_peak_between_two_readings_counts() {
    let sampled = |maximum| ProcessReport {
        sampled: Some(Spread {
            samples: 10,
            minimum: 10,
            mean: 20.0,
            p95: maximum,
            maximum,
        }),
        ..process(10)
    };
    assert_eq!(one(sampled(79)), None);
    let full = one(sampled(100)).unwrap();
    assert_eq!(full.id, "fd_limit_reached");
    assert!(
        full.message
            .starts_with("100 of 100 descriptors open while sampling")
    );
}

#[test]
fn growth_says_when_the_limit_is_reached() {
    let growing = ProcessReport {
        delta: Some(2),
        per_second: Some(1.0),
        full_in_seconds: Some(10.0),
        ..process(90)
    };
    assert!(
        one(growing)
            .unwrap()
            .message
            .ends_with("reached in 10 s at this rate")
    );
}

#[test]
fn the_remedy_raises_what_bounds_the_process() {
    let remedy = |hard, nr_open| {
        let process = ProcessReport {
            hard_limit: Some(hard),
            ..process(100)
        };
        found(vec![process], nr_open).remove(0).remedy.remove(0)
    };
    assert_eq!(remedy(4096, 1 << 20), "prlimit --pid 7 --nofile=1024:");
    assert_eq!(remedy(100, 1 << 20), "prlimit --pid 7 --nofile=1024:1024");
    assert_eq!(remedy(100, 100), "sysctl -w fs.nr_open=1024");
    assert_eq!(remedy(100, 500), "prlimit --pid 7 --nofile=500:500");
}

fn why(ignored: Option<Setting>) -> Option<Why> {
    let origin = Origin {
        set_by: SetBy::Unknown,
        setting: None,
        unit: None,
        process: Holder {
            pid: 7,
            name: "api".to_owned(),
        },
        of_user: false,
    };
    Some(Why {
        soft: origin.clone(),
        hard: origin,
        ignored,
        change: "`systemctl edit api`".to_owned(),
    })
}

#[test]
fn a_line_that_is_known_to_set_the_limit_is_a_remedy() {
    let known = ProcessReport {
        why: why(None),
        ..process(100)
    };
    assert_eq!(one(known).unwrap().remedy[1], "`systemctl edit api`");
}

#[test]
fn a_line_that_systemd_ignores_is_named() {
    let line = Setting {
        file: "/etc/systemd/system/api.service".to_owned(),
        line: 14,
        text: "LimitNOFILE=lots".to_owned(),
    };
    let ignoring = ProcessReport {
        why: why(Some(line)),
        ..process(1)
    };
    let found = one(ignoring).unwrap();
    assert_eq!((found.id, found.severity), ("fd_limit_line_ignored", Info));
    assert!(
        found
            .message
            .contains("`LimitNOFILE=lots` in /etc/systemd/system/api.service:14")
    );
}

#[test]
fn a_hard_limit_above_nr_open_is_found_once_for_all_processes() {
    let processes = |count| {
        (1..=count)
            .map(|pid| ProcessReport { pid, ..process(1) })
            .collect()
    };
    assert!(found(processes(1), 4096).is_empty(), "as high as it may be");
    let three = found(processes(3), 4095);
    assert_eq!((three.len(), three[0].severity), (1, Info));
    assert_eq!(three[0].subject, "api (1), api (2), api (3)");
    assert_eq!(three[0].remedy, ["sysctl -w fs.nr_open=4096"]);
    let five = found(processes(5), 4095);
    assert_eq!(five[0].subject, "api (1), api (2), api (3) and 2 more");
}

#[test]
fn the_host_is_near_its_limit_from_four_fifths_on() {
    let severity = |open: u64| {
        let host = host(&SystemReport {
            open: Some(open),
            limit: Some(1000),
            used_ratio: Some(open as f64 / 1000.0),
            nr_open: None,
        });
        host.map(|finding| finding.severity)
    };
    let expected = [None, Some(Warning), Some(Warning), Some(Critical)];
    assert_eq!([799, 800, 949, 950].map(severity), expected);
}

fn sampled(open: &[u64]) -> ProcessReport {
    let mut growth = Growth::new(open[0]);
    open[1..].iter().for_each(|open| growth.add(*open));
    ProcessReport {
        growth: Some(growth),
        ..process(growth.last)
    }
}

#[test]
fn a_leak_is_steady_growth_over_five_samples() {
    let id = |open: &[u64]| one(sampled(open)).map(|finding| finding.id);
    let leak = one(sampled(&[10, 13, 16, 18, 20])).unwrap();
    assert_eq!((leak.id, leak.pids.len()), ("fd_leak", 1));
    assert_eq!(id(&[10, 13, 16, 18, 19]), None, "by nine");
    assert_eq!(id(&[10, 14, 18, 22]), None, "four samples");
    assert_eq!(
        id(&[10, 13, 13, 16, 18, 20]),
        Some("fd_leak"),
        "four of five steps"
    );
    assert_eq!(id(&[10, 13, 13, 13, 18, 20]), None);
}

/// The number of a proxy's idle connections rises for two seconds by chance.
#[test]
fn growth_by_less_than_a_tenth_is_an_info() {
    let severity = |last| {
        let growing = ProcessReport {
            state: Some(State::Ok),
            ..sampled(&[500, 510, 520, 530, last])
        };
        one(growing).map(|finding| finding.severity)
    };
    assert_eq!(severity(550), Some(Warning));
    assert_eq!(severity(549), Some(Info));
}

#[test]
fn a_sawtooth_and_a_single_rise_are_no_leak() {
    let id = |open: &[u64]| one(sampled(open)).map(|finding| finding.id);
    assert_eq!(id(&[10, 20, 30, 12, 24, 36]), None);
    assert_eq!(id(&[10, 10, 10, 50, 50, 50]), None, "a pool was opened");
    assert_eq!(id(&[50, 40, 30, 20, 10]), None);
}

#[test]
fn a_leak_near_the_limit_is_the_cause_of_that() {
    let near = one(sampled(&[40, 50, 60, 70, 80])).unwrap();
    assert_eq!((near.id, near.cause_id), ("fd_limit_near", Some("fd_leak")));
    let found = found(vec![sampled(&[40, 50, 60, 70, 80])], 1 << 20);
    assert_eq!(found.len(), 1, "one block");
}

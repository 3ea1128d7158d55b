//! Metrics of readings written by hand.

mod closed;
mod judging;

use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::{
    analysis::{
        counters::Selection,
        doctor::{DoctorReport, Reports, Verdict, Watched},
        finding::{Area, RULES},
    },
    model::{
        CounterId, Counters, Endpoint, Family, FdLimits, Listener, Local, Netns, NetnsSnapshot,
        ProcessFds, Protocol, Queue, Snapshot, SystemFds,
        snapshot::{Listeners, Processes},
    },
};

const ELAPSED: Duration = Duration::from_secs(2);

fn listener(cookie: u64, port: u16, length: u32, drops: u32) -> Listener {
    Listener {
        protocol: Protocol::Tcp,
        local: Local::Inet(Endpoint {
            family: Family::V4,
            address: "127.0.0.1".parse().unwrap(),
            port,
            interface: 0,
        }),
        v6only: None,
        queue: Queue::Accept { length, limit: 9 },
        drops: Some(drops),
        uid: Some(0),
        inode: cookie as u32,
        cookie,
        cgroup_id: None,
    }
}

fn process(pid: u32, open: Option<u64>) -> ProcessFds {
    ProcessFds {
        pid,
        name: format!("p{pid}"),
        open,
        limits: Some(FdLimits {
            soft: 100,
            hard: 100,
        }),
        ..ProcessFds::default()
    }
}

fn snapshot(listeners: Vec<Listener>, listen_drops: i128, processes: Vec<ProcessFds>) -> Snapshot {
    Snapshot {
        namespaces: vec![NetnsSnapshot {
            netns: Netns {
                inode: Some(1),
                name: None,
                ..Netns::default()
            },
            listeners: Some(Listeners {
                sockets: listeners,
                ..Listeners::default()
            }),
            counters: Counters {
                values: vec![
                    (CounterId::new("TcpExt", "ListenDrops"), listen_drops),
                    (CounterId::new("Udp", "RcvbufErrors"), 4),
                ],
            },
            ..NetnsSnapshot::default()
        }],
        processes: Some(Processes {
            processes,
            system: SystemFds {
                open: Some(10),
                limit: Some(100),
                nr_open: Some(1000),
            },
            ..Processes::default()
        }),
        ..Snapshot::default()
    }
}

fn check(kind: Kind, warning: &[&str], critical: &[&str]) -> Check {
    let thresholds = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Check {
        kind,
        counters: None,
        scope: Scope::default(),
        warning: thresholds(warning),
        critical: thresholds(critical),
    }
}

fn at_port(port: u16, check: Check) -> Check {
    Check {
        scope: Scope {
            port: Some(port),
            ..Scope::default()
        },
        ..check
    }
}

/// `samples` are the readings from the first to the last.
fn judged(plan: &Plan, samples: &[Snapshot], change: impl Fn(&mut DoctorReport)) -> Vec<Judged> {
    judged_with(plan, samples, false, change)
}

fn judged_with(
    plan: &Plan,
    samples: &[Snapshot],
    of_command: bool,
    change: impl Fn(&mut DoctorReport),
) -> Vec<Judged> {
    let (first, now) = (samples.first().unwrap(), samples.last().unwrap());
    let mut peaks = Peaks::default();
    samples.iter().for_each(|sample| peaks.add(sample, plan));
    let before = Some((first, ELAPSED));
    let reports = Reports::of(now, before, &Watched::default());
    let areas: BTreeSet<Area> = RULES.iter().map(|rule| rule.area).collect();
    let mut doctor = DoctorReport::of(now, before, &reports, &areas);
    change(&mut doctor);
    let reading = Reading {
        now,
        before,
        reports: &reports,
        doctor: &doctor,
        peaks: &peaks,
        of_command,
    };
    judge(plan, &reading).judged
}

fn of(checks: Vec<Check>, samples: &[Snapshot]) -> Vec<(String, Verdict, Option<f64>)> {
    let plan = Plan {
        checks,
        ..Plan::default()
    };
    plan.ensure_applies().unwrap();
    let judged = judged(&plan, samples, |_| {});
    judged
        .into_iter()
        .map(|one| (one.name, one.status, one.value))
        .collect()
}

fn one(check: Check, samples: &[Snapshot]) -> (Verdict, Option<f64>) {
    let mut all = of(vec![check], samples);
    assert_eq!(all.len(), 1, "{all:?}");
    let (_, status, value) = all.remove(0);
    (status, value)
}

fn queue(length: u32) -> Snapshot {
    snapshot(vec![listener(1, 80, length, 0)], 0, Vec::new())
}

#[test]
fn a_queue_is_judged_by_its_longest_sample() {
    let burst = [queue(0), queue(9), queue(1)];
    let fill = |warning, critical| one(check(Kind::Queues, &[warning], &[critical]), &burst);
    assert_eq!(fill("80%", "95%"), (Verdict::Warning, Some(0.9)));
    assert_eq!(fill("80%", "85%"), (Verdict::Critical, Some(0.9)));
    assert_eq!(fill("90%", "95%"), (Verdict::Ok, Some(0.9)));
    assert_eq!(
        one(check(Kind::Queues, &["8"], &[]), &burst),
        (Verdict::Warning, Some(9.0))
    );
}

#[test]
fn a_listener_that_has_closed_counts_with_what_was_seen_of_it() {
    let gone = [queue(0), queue(10), snapshot(Vec::new(), 0, Vec::new())];
    let full = at_port(80, check(Kind::Queues, &[], &["99%"]));
    assert_eq!(one(full, &gone), (Verdict::Critical, Some(1.0)));
}

#[test]
fn what_is_named_and_not_there_is_unknown_and_not_zero() {
    let samples = [queue(3), queue(3)];
    for kind in [Kind::Queues, Kind::Drops] {
        let there = if kind == Kind::Queues { "80%" } else { "0" };
        let elsewhere = at_port(81, check(kind, &[], &[there]));
        assert_eq!(
            one(elsewhere, &samples),
            (Verdict::Unknown, None),
            "{kind:?}"
        );
        let here = at_port(80, check(kind, &[], &[there]));
        assert_eq!(one(here, &samples).0, Verdict::Ok, "{kind:?}");
    }
    let nothing = [
        snapshot(Vec::new(), 0, Vec::new()),
        snapshot(Vec::new(), 0, Vec::new()),
    ];
    let all = check(Kind::Queues, &[], &["80%"]);
    assert_eq!(
        one(all, &nothing),
        (Verdict::Ok, Some(0.0)),
        "no listeners, none full"
    );
}

#[test]
fn what_was_not_read_is_unknown() {
    let samples = [queue(3), queue(3)];
    for (kind, range) in [
        (Kind::Syn, "10"),
        (Kind::Ports, "80%"),
        (Kind::TimeWait, "80%"),
        (Kind::Queues, "2s"),
    ] {
        assert_eq!(
            one(check(kind, &[], &[range]), &samples),
            (Verdict::Unknown, None),
            "{kind:?}"
        );
    }
    // The same without thresholds.
    for kind in [Kind::Syn, Kind::Ports, Kind::TimeWait, Kind::Drops] {
        assert_eq!(
            one(check(kind, &[], &[]), &samples).0,
            Verdict::Unknown,
            "{kind:?}"
        );
    }
    assert_eq!(one(check(Kind::Queues, &[], &[]), &samples).0, Verdict::Ok);
    let no_counters = || {
        let mut snapshot = queue(0);
        snapshot.namespaces[0].counters = Counters::default();
        snapshot
    };
    let drops = check(Kind::Drops, &[], &["0"]);
    assert_eq!(
        one(drops, &[no_counters(), no_counters()]),
        (Verdict::Unknown, None)
    );
}

#[test]
fn drops_are_those_of_the_reading() {
    let at = |drops| snapshot(vec![listener(1, 80, 0, drops as u32)], drops, Vec::new());
    let samples = [at(5), at(12)];
    let all = of(vec![check(Kind::Drops, &["10"], &["3/s"])], &samples);
    assert_eq!(all[0], ("drops".to_owned(), Verdict::Ok, Some(7.0)));
    assert_eq!(
        all[1],
        ("drops_rate".to_owned(), Verdict::Critical, Some(3.5))
    );
    let quiet = [at(5), at(5)];
    assert_eq!(
        one(check(Kind::Drops, &[], &["0"]), &quiet),
        (Verdict::Ok, Some(0.0))
    );
    // Of a listener that is new, all drops; of one that was there, those since.
    let new = snapshot(
        vec![listener(1, 80, 0, 6), listener(2, 80, 0, 3)],
        0,
        Vec::new(),
    );
    let port = at_port(80, check(Kind::Drops, &[], &["0"]));
    assert_eq!(one(port, &[at(5), new]), (Verdict::Critical, Some(4.0)));
}

#[test]
fn a_counter_of_a_new_namespace_was_counted_in_the_reading() {
    let with = |inodes: &[u64], drops| {
        let mut all = snapshot(Vec::new(), drops, Vec::new());
        let namespace = all.namespaces.remove(0);
        all.namespaces
            .extend(inodes.iter().map(|inode| NetnsSnapshot {
                netns: Netns {
                    inode: Some(*inode),
                    name: None,
                    ..Netns::default()
                },
                ..namespace.clone()
            }));
        all
    };
    let all = ["TcpExtListenDrops".to_owned()].into_iter().collect();
    let counters = Check {
        counters: Some(Selection::Named {
            all,
            exact: Default::default(),
        }),
        ..check(Kind::Counters, &[], &["0"])
    };
    let samples = [with(&[1], 5), with(&[1, 2], 7)];
    assert_eq!(
        one(counters.clone(), &samples),
        (Verdict::Critical, Some(9.0))
    );
    // A counter that went backwards was reset.
    let reset = [with(&[1], 7), with(&[1], 5)];
    assert_eq!(one(counters, &reset), (Verdict::Unknown, None));
}

#[test]
fn a_threshold_that_nothing_was_measured_for_is_unknown() {
    let named = |name: &str, critical: &str| Check {
        counters: Some(Selection::Named {
            all: [name.to_owned()].into_iter().collect(),
            exact: Default::default(),
        }),
        ..check(Kind::Counters, &[], &[critical])
    };
    let samples = [queue(0), queue(0)];
    let status = |check| one(check, &samples).0;
    assert_eq!(status(named("TcpExtListenDrops", "0")), Verdict::Ok);
    assert_eq!(status(named("TcpExtNoSuchCounter", "0")), Verdict::Unknown);
    let other = named("TcpExtListenDrops", "drops=0");
    assert!(
        other.ensure_applies().is_err(),
        "it is a metric of another check"
    );
    let rate = named("TcpExtListenDrops", "TcpExtListenDrops_rate=0/s");
    assert_eq!(status(rate), Verdict::Ok);
    let host = Check {
        scope: Scope {
            process: Some("p1".to_owned()),
            ..Scope::default()
        },
        ..check(Kind::Fds, &["host_files_used=5%"], &[])
    };
    let open = snapshot(Vec::new(), 0, vec![process(1, Some(5))]);
    assert_eq!(one(host, &[open.clone(), open]).0, Verdict::Unknown);
}

#[test]
fn a_process_that_cannot_be_counted_may_be_the_worst() {
    let at = |all: &[Option<u64>]| {
        let processes = (1..)
            .zip(all)
            .map(|(pid, open)| process(pid, *open))
            .collect();
        snapshot(Vec::new(), 0, processes)
    };
    let used = |all: &[Option<u64>]| {
        let samples = [at(all), at(all)];
        one(check(Kind::Fds, &["80%"], &[]), &samples)
    };
    assert_eq!(used(&[Some(50), Some(70)]), (Verdict::Ok, Some(0.7)));
    assert_eq!(used(&[Some(50), None]), (Verdict::Unknown, Some(0.5)));
    assert_eq!(used(&[Some(90), None]), (Verdict::Warning, Some(0.9)));
    let named = Check {
        scope: Scope {
            process: Some("p1".to_owned()),
            ..Scope::default()
        },
        ..check(Kind::Fds, &["80%"], &[])
    };
    let samples = [at(&[Some(50), None]), at(&[Some(50), None])];
    assert_eq!(one(named, &samples), (Verdict::Ok, Some(0.5)));
    let host = check(Kind::Fds, &["host_files_used=5%"], &[]);
    assert_eq!(one(host, &samples), (Verdict::Warning, Some(0.1)));
}

#[test]
fn a_warning_that_is_certain_is_not_hidden_by_what_is_unknown() {
    let at = snapshot(Vec::new(), 0, vec![process(1, Some(85)), process(2, None)]);
    let used = check(Kind::Fds, &["80%"], &["95%"]);
    assert_eq!(one(used, &[at.clone(), at]).0, Verdict::Warning);
}

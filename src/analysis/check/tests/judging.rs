//! Findings, conditions and baselines, and what is refused.

use super::*;
use crate::analysis::{
    Severity,
    finding::Rule,
    rules::{ACCEPT_QUEUE_OVERFLOW, OWNER_OUT_OF_DESCRIPTORS},
};

fn with_findings(
    findings: &[(Severity, &str, Option<&'static str>)],
) -> impl Fn(&mut DoctorReport) + use<> {
    let found = findings.iter().map(|(severity, subject, cause)| {
        let mut finding = ACCEPT_QUEUE_OVERFLOW.finding(Severity::Critical, *subject, "3 dropped");
        finding.severity = *severity;
        finding.cause_id = *cause;
        finding
    });
    let found: Vec<_> = found.collect();
    move |doctor| doctor.findings.clone_from(&found)
}

#[test]
fn without_thresholds_the_findings_of_the_area_decide() {
    let listeners = || vec![listener(1, 80, 1, 0), listener(2, 8080, 1, 0)];
    let both = [listeners(), listeners()].map(|all| snapshot(all, 0, Vec::new()));
    let plan = |check| Plan {
        checks: vec![check],
        ..Plan::default()
    };
    let status = |check, findings: &[_]| {
        judged(&plan(check), &both, with_findings(findings))
            .remove(0)
            .status
    };
    let queues = || check(Kind::Queues, &[], &[]);
    let at = |severity| (severity, "127.0.0.1:80", None);
    assert_eq!(
        status(queues(), &[at(Severity::Critical)]),
        Verdict::Critical
    );
    assert_eq!(status(queues(), &[at(Severity::Warning)]), Verdict::Warning);
    assert_eq!(status(queues(), &[at(Severity::Info)]), Verdict::Ok);
    assert_eq!(
        status(check(Kind::Fds, &[], &[]), &[at(Severity::Critical)]),
        Verdict::Ok
    );
    // Of another port, and with a threshold.
    assert_eq!(
        status(at_port(8080, queues()), &[at(Severity::Critical)]),
        Verdict::Ok
    );
    assert_eq!(
        status(at_port(80, queues()), &[at(Severity::Critical)]),
        Verdict::Critical
    );
    assert_eq!(
        status(
            check(Kind::Queues, &["99%"], &[]),
            &[at(Severity::Critical)]
        ),
        Verdict::Ok
    );
}

/// An ordinary user sees the unit of a listener, and not its owners.
#[test]
fn a_finding_on_a_socket_of_the_unit_counts_without_its_owners() {
    let mut now = queue(10);
    now.cgroups
        .insert(5, "/system.slice/api.service".to_owned());
    for listener in &mut now.namespaces[0].listeners.as_mut().unwrap().sockets {
        listener.cgroup_id = Some(5);
    }
    let status = |unit: &str| {
        let scope = Scope {
            unit: Some(unit.to_owned()),
            ..Scope::default()
        };
        let checks = vec![Check {
            scope,
            ..check(Kind::Queues, &[], &[])
        }];
        let plan = Plan {
            checks,
            ..Plan::default()
        };
        judged(&plan, &[now.clone(), now.clone()], |_| {})
            .remove(0)
            .status
    };
    assert_eq!(status("api.service"), Verdict::Critical);
    assert_eq!(status("other.service"), Verdict::Unknown);
}

#[test]
fn a_condition_is_an_id_of_a_finding_or_of_a_cause() {
    let cause = OWNER_OUT_OF_DESCRIPTORS.id;
    let found = with_findings(&[(Severity::Info, "127.0.0.1:80", Some(cause))]);
    let status = |id: &str| {
        let plan = Plan {
            fail_on: vec![id.to_owned()],
            ..Plan::default()
        };
        plan.ensure_applies().unwrap();
        judged(&plan, &[queue(1), queue(1)], &found)
            .remove(0)
            .status
    };
    assert_eq!(status("accept_queue_overflow"), Verdict::Critical);
    assert_eq!(status("accept_queue_*"), Verdict::Critical);
    assert_eq!(status(cause), Verdict::Critical);
    assert_eq!(status("accept_queue_full"), Verdict::Ok);
    assert_eq!(status("ports_*"), Verdict::Unknown, "ports were not read");
    for wrong in ["no_such_id", "handshakes_refused"] {
        let plan = Plan {
            fail_on: vec![wrong.to_owned()],
            ..Plan::default()
        };
        assert!(
            plan.ensure_applies()
                .unwrap_err()
                .to_string()
                .contains(wrong)
        );
    }
}

#[test]
fn a_baseline_is_compared_with_its_tolerance() {
    let samples = [queue(6), queue(6)];
    let former = |value, partial| {
        let mut then = Measured {
            value,
            partial,
            ..Measured::new(&metric::QUEUES_FILL, &Scope::default())
        };
        let same = then.clone();
        then.name = "other".to_owned();
        Former {
            metrics: vec![then, same],
        }
    };
    let status = |former, tolerance| {
        let plan = Plan {
            checks: vec![check(Kind::Queues, &[], &[])],
            baseline: Some(Baseline { former, tolerance }),
            ..Plan::default()
        };
        let mut judged = judged(&plan, &samples, |_| {});
        assert_eq!(judged.len(), 1, "{judged:?}");
        let judged = judged.remove(0);
        assert_eq!(judged.name, "queues_fill_baseline");
        judged.status
    };
    assert_eq!(status(former(Some(0.5), false), 0.05), Verdict::Critical);
    assert_eq!(status(former(Some(0.5), false), 0.1), Verdict::Ok);
    assert_eq!(status(former(Some(0.9), false), 0.0), Verdict::Ok, "better");
    assert_eq!(status(former(None, false), 0.1), Verdict::Unknown);
    assert_eq!(status(former(Some(0.5), true), 0.1), Verdict::Unknown);
}

#[test]
fn a_check_that_the_baseline_does_not_cover_is_not_fine() {
    let samples = [queue(6), queue(6)];
    let plan = Plan {
        checks: vec![
            check(Kind::Queues, &[], &[]),
            check(Kind::Drops, &["5"], &[]),
            check(Kind::Leaks, &[], &[]),
        ],
        baseline: Some(Baseline {
            former: Former {
                metrics: vec![Measured {
                    value: Some(0.9),
                    ..Measured::new(&metric::QUEUES_FILL, &Scope::default())
                }],
            },
            tolerance: 0.1,
        }),
        ..Plan::default()
    };
    plan.ensure_applies().unwrap();
    let judged = judged(&plan, &samples, |_| {});
    let judged: Vec<_> = judged
        .iter()
        .map(|one| (&one.name[..], one.status))
        .collect();
    assert_eq!(
        judged,
        [
            ("queues_fill_baseline", Verdict::Ok),
            ("drops", Verdict::Ok),
            ("drops_baseline", Verdict::Unknown),
            // It has no number to compare, and connections were not read.
            ("leaks", Verdict::Unknown),
        ]
    );
}

#[test]
fn only_ratios_and_rates_are_compared() {
    let drops = Measured {
        value: Some(1.0),
        ..Measured::new(&metric::DROPS, &Scope::default())
    };
    let rate = Measured {
        value: Some(1.0),
        ..Measured::new(&metric::DROPS_RATE, &Scope::default())
    };
    let former = Former {
        metrics: vec![drops.clone(), rate.clone()],
    };
    let baseline = Baseline {
        former,
        tolerance: 0.1,
    };
    assert_eq!(baseline.compare(&drops), None);
    assert!(baseline.compare(&rate).is_some());
    let elsewhere = Measured {
        scope: Some("port 80".to_owned()),
        ..rate
    };
    assert_eq!(baseline.compare(&elsewhere), None);
}

#[test]
fn what_does_not_apply_is_refused() {
    let error = |check: Check| check.ensure_applies().unwrap_err().to_string();
    assert!(error(check(Kind::TimeWait, &["5/s"], &[])).contains("timewait_fill (as in 80%)"));
    assert!(error(check(Kind::Queues, &["80%", "90%"], &[])).contains("two warning ranges"));
    assert!(error(check(Kind::Queues, &["queues_fil=80%"], &[])).contains("no metric of queues"));
    assert!(error(check(Kind::Queues, &["queues_fill=80"], &[])).contains("no metric of queues"));
    assert!(error(check(Kind::Counters, &["1"], &[])).contains("name a counter"));
    assert!(error(at_port(80, check(Kind::TimeWait, &[], &[]))).contains("restricted to port 80"));
    assert!(error(at_port(80, check(Kind::Fds, &[], &[]))).contains("restricted to port 80"));
}

#[test]
fn one_metric_is_judged_once() {
    let queues = || check(Kind::Queues, &["80%"], &[]);
    let counters = |names: &[&str]| Check {
        counters: Some(Selection::Named {
            all: names.iter().map(|name| name.to_string()).collect(),
            exact: Default::default(),
        }),
        ..check(Kind::Counters, &[], &["0"])
    };
    let is_accepted = |checks: Vec<Check>| {
        let plan = Plan {
            checks,
            ..Plan::default()
        };
        plan.ensure_applies().is_ok()
    };
    assert!(!is_accepted(vec![queues(), queues()]));
    assert!(is_accepted(vec![queues(), at_port(80, queues())]));
    assert!(is_accepted(vec![counters(&["a"]), counters(&["b"])]));
    assert!(!is_accepted(vec![counters(&["a", "b"]), counters(&["b"])]));
}

/// A name without anything to judge by would always be well, and a rule that no check judges by
/// would never be heard of.
#[test]
fn each_check_has_rules_and_each_rule_a_check() {
    let finding = |rule: &Rule| rule.finding(rule.severities[0], "", "");
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Counters) {
        assert!(
            RULES.iter().any(|rule| kind.judges(&finding(rule))),
            "{kind:?}"
        );
    }
    let of_doctor = |rule: &&&Rule| !matches!(rule.area, Area::Handshakes | Area::Elsewhere);
    for rule in RULES.iter().filter(of_doctor) {
        let mut kinds = Kind::ALL.into_iter();
        assert!(kinds.any(|kind| kind.judges(&finding(rule))), "{}", rule.id);
    }
}

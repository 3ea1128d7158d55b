//! Joining findings written by hand.

use std::time::Duration;

use super::{
    Verdict,
    join::{join, join_causes},
};
use crate::{
    analysis::{
        Finding,
        finding::{Rule, SINCE},
        rules::{
            ACCEPT_QUEUE_FULL, ACCEPT_QUEUE_OVERFLOW, BACKLOG_TOO_SMALL, FD_LIMIT_NEAR,
            FD_LIMIT_REACHED, LIMIT_STALE, REUSEPORT_MEMBER_STUCK, SYN_COOKIES_ACTIVE,
        },
    },
    model::Netns,
};

fn netns(inode: u64) -> Netns {
    Netns {
        inode: Some(inode),
        name: None,
    }
}

fn at(rule: &Rule, subject: &str) -> Finding {
    let finding = rule.finding(*rule.severities.last().unwrap(), subject, "seen");
    finding.in_netns(&netns(1))
}

fn of(rule: &Rule, pid: u32) -> Finding {
    Finding {
        pids: vec![pid],
        ..at(rule, "0.0.0.0:8080")
    }
}

fn counted(rule: &Rule, inode: u64) -> Finding {
    rule.of_netns(*rule.severities.last().unwrap(), &netns(inode), "counted")
}

fn joined(findings: Vec<Finding>) -> Vec<Finding> {
    let mut findings = join(findings, None);
    join_causes(&mut findings);
    findings
}

fn ids(findings: Vec<Finding>) -> Vec<&'static str> {
    joined(findings).iter().map(|finding| finding.id).collect()
}

#[test]
fn a_message_says_how_long_the_host_was_watched() {
    let finding = ACCEPT_QUEUE_OVERFLOW.finding(
        ACCEPT_QUEUE_OVERFLOW.severities[0],
        "",
        format!("3 dropped {SINCE}"),
    );
    let elapsed = Some(Duration::from_millis(2040));
    assert_eq!(
        join(vec![finding], elapsed)[0].message,
        "3 dropped in 2.0 s"
    );
}

#[test]
fn a_process_without_descriptors_is_the_cause_of_the_queue_that_it_does_not_empty() {
    let full = Finding {
        remedy: vec!["raise".to_owned()],
        ..of(&FD_LIMIT_REACHED, 7)
    };
    let caused_by = |cause_id| Finding {
        cause_id,
        ..of(&ACCEPT_QUEUE_OVERFLOW, 7)
    };
    // Its threads were seen, or not.
    for (seen, inferred) in [(Some("owner_out_of_descriptors"), false), (None, true)] {
        let found = joined(vec![caused_by(seen), full.clone()]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].cause_id, Some("owner_out_of_descriptors"));
        assert_eq!(found[0].inferred, inferred);
        assert_eq!(found[0].remedy, ["raise"]);
    }
    // A process that is stopped does not try to accept.
    let stopped = caused_by(Some("owner_stopped"));
    assert_eq!(joined(vec![stopped, full.clone()]).len(), 2);
    // Another process, or one of several owners, explains nothing.
    assert_eq!(
        joined(vec![of(&ACCEPT_QUEUE_OVERFLOW, 8), full.clone()]).len(),
        2
    );
    let mut several = of(&ACCEPT_QUEUE_OVERFLOW, 7);
    several.pids.push(8);
    assert_eq!(joined(vec![several, full]).len(), 2);
    let near = of(&FD_LIMIT_NEAR, 7);
    assert_eq!(joined(vec![of(&ACCEPT_QUEUE_OVERFLOW, 7), near]).len(), 2);
}

#[test]
fn what_a_counter_repeats_is_left_out_in_the_same_namespace_only() {
    let overflow = || at(&ACCEPT_QUEUE_OVERFLOW, "0.0.0.0:8080");
    let repeated = vec![overflow(), counted(&ACCEPT_QUEUE_OVERFLOW, 1)];
    assert_eq!(ids(repeated), ["accept_queue_overflow"]);
    assert_eq!(
        ids(vec![overflow(), counted(&ACCEPT_QUEUE_OVERFLOW, 2)]).len(),
        2
    );
    let burst = at(&BACKLOG_TOO_SMALL, "0.0.0.0:8080");
    assert_eq!(
        ids(vec![burst, counted(&ACCEPT_QUEUE_OVERFLOW, 1)]),
        ["backlog_too_small"]
    );
    // A listener that has closed leaves only its counter.
    assert_eq!(ids(vec![counted(&ACCEPT_QUEUE_OVERFLOW, 1)]).len(), 1);
}

#[test]
fn a_stuck_member_is_one_block_with_the_queue_that_overflows() {
    let member = || at(&REUSEPORT_MEMBER_STUCK, "0.0.0.0:8080");
    let other = at(&ACCEPT_QUEUE_FULL, "0.0.0.0:9090");
    let all = vec![at(&ACCEPT_QUEUE_OVERFLOW, "0.0.0.0:8080"), member(), other];
    let found = joined(all);
    let ids: Vec<_> = found.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["reuseport_member_stuck", "accept_queue_full"]);
    assert_eq!(found[0].message, "seen; seen");
}

#[test]
fn an_old_limit_and_half_open_handshakes_belong_to_the_queue_that_overflows() {
    let stale = || Finding {
        remedy: vec!["listen again".to_owned()],
        ..at(&LIMIT_STALE, "0.0.0.0:8080")
    };
    let burst = at(&BACKLOG_TOO_SMALL, "0.0.0.0:8080");
    let found = joined(vec![
        burst,
        stale(),
        at(&SYN_COOKIES_ACTIVE, "0.0.0.0:8080"),
    ]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].remedy, ["listen again"]);
    assert_eq!(ids(vec![stale()]), ["limit_stale"]);
}

#[test]
fn what_is_wrong_counts_more_than_what_is_unknown() {
    let warning = at(&FD_LIMIT_NEAR, "");
    assert_eq!(Verdict::of([&warning], false), Verdict::Warning);
    let nothing: [&Finding; 0] = [];
    assert_eq!(Verdict::of(nothing, false), Verdict::Unknown);
    assert_eq!(Verdict::of(nothing, true), Verdict::Ok);
    let critical = at(&ACCEPT_QUEUE_FULL, "");
    assert_eq!(Verdict::of([&warning, &critical], true), Verdict::Critical);
}

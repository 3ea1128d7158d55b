//! Joining findings written by hand.

use std::{collections::BTreeSet, time::Duration};

use super::{
    DoctorReport, Reports, Verdict,
    join::{join, join_causes},
};
use crate::{
    analysis::{
        Finding,
        finding::{Area, Rule, SINCE},
        leaks::LeaksReport,
        rules::{
            ACCEPT_QUEUE_FULL, ACCEPT_QUEUE_OVERFLOW, BACKLOG_TOO_SMALL, CLOSE_WAIT_LEAK, FD_LEAK,
            FD_LIMIT_NEAR, FD_LIMIT_REACHED, FIN_WAIT_PILEUP, IDLE_WITHOUT_KEEPALIVE, LIMIT_STALE,
            PEER_DEAD, PORT_RANGE_OVER_LISTENER, READER_STUCK, REUSEPORT_MEMBER_STUCK,
            RP_FILTER_DROPS, SETTING_HARMFUL, SYN_COOKIES_ACTIVE, WRITER_STUCK,
        },
    },
    model::{Netns, Snapshot},
};

fn netns(inode: u64) -> Netns {
    Netns {
        inode: Some(inode),
        name: None,
        ..Netns::default()
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
fn connections_that_are_most_of_a_leak_of_descriptors_are_that_leak() {
    let connections = |pids: &[u32], more: i32| {
        let found = at(&CLOSE_WAIT_LEAK, "0.0.0.0:8080").count("held_delta", more, "connections");
        Finding {
            pids: pids.to_vec(),
            ..found
        }
    };
    let descriptors = || {
        let found = of(&FD_LEAK, 7).count("growth.first", 30, "descriptors");
        found.count("growth.last", 130, "descriptors")
    };
    let found = joined(vec![descriptors(), connections(&[7], 50)]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].id, found[0].message.as_str()),
        ("close_wait_leak", "seen; seen")
    );
    for other in [
        connections(&[7], 49),
        connections(&[8], 100),
        connections(&[7, 8], 100),
        connections(&[], 100),
    ] {
        assert_eq!(joined(vec![descriptors(), other]).len(), 2);
    }
    assert_eq!(ids(vec![descriptors()]), ["fd_leak"]);
}

#[test]
fn a_setting_that_a_remedy_changes_is_not_said_twice() {
    let drops = || Finding {
        remedy: vec!["sysctl -w net/ipv4/conf/eth0.7/rp_filter=2 (then…)".to_owned()],
        ..counted(&RP_FILTER_DROPS, 1)
    };
    let setting = |name: &str| at(&SETTING_HARMFUL, name);
    let same = vec![drops(), setting("net.ipv4.conf.eth0.7.rp_filter")];
    assert_eq!(ids(same), ["rp_filter_drops"]);
    let other = vec![drops(), setting("net.ipv4.conf.eth1.rp_filter")];
    assert_eq!(joined(other).len(), 2);
    let range = || counted(&PORT_RANGE_OVER_LISTENER, 1);
    let same = vec![range(), setting("net.ipv4.ip_local_port_range")];
    assert_eq!(ids(same), ["port_range_over_listener"]);
    let elsewhere = setting("net.ipv4.ip_local_port_range").in_netns(&netns(2));
    assert_eq!(joined(vec![range(), elsewhere]).len(), 2);
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

/// 60 connections, 20 of which came in the interval.
fn unclosed(pid: u32) -> Finding {
    let leak = of(&CLOSE_WAIT_LEAK, pid).likely("never calls close()");
    leak.count("held", 60, "connections")
        .count("held_delta", 20, "connections")
        .remedy("close")
}

#[test]
fn descriptors_that_grow_with_unclosed_connections_are_one_block() {
    let grown = |pid, by: i128| {
        let growth = of(&FD_LEAK, pid).count("growth.first", 100, "descriptors");
        growth.count("growth.last", 100 + by, "descriptors")
    };
    let found = joined(vec![grown(7, 40), unclosed(7)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (found[0].id, &found[0].message[..]),
        ("close_wait_leak", "seen; seen")
    );
    assert_eq!(
        ids(vec![grown(7, 41), unclosed(7)]).len(),
        2,
        "other files, too"
    );
    assert_eq!(
        ids(vec![grown(8, 40), unclosed(7)]).len(),
        2,
        "another process"
    );
}

#[test]
fn unclosed_connections_are_the_cause_of_a_limit_that_most_of_them_take() {
    let full = |open: i128| of(&FD_LIMIT_REACHED, 7).count("open", open, "descriptors");
    let queue = of(&ACCEPT_QUEUE_OVERFLOW, 7);
    let found = joined(vec![full(120).remedy("raise"), unclosed(7)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].id, "fd_limit_reached");
    assert_eq!(found[0].cause_id, Some("close_wait_leak"));
    assert!(found[0].inferred);
    assert_eq!(found[0].remedy, ["close", "raise"]);
    assert_eq!(ids(vec![full(121), unclosed(7)]).len(), 2);
    // The queue that overflows for it is what hurts.
    let found = joined(vec![queue, full(120), unclosed(7)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].id, "accept_queue_overflow");
    assert_eq!(found[0].remedy, ["close"]);
    // None of these areas is fine.
    let areas: Vec<Area> = found[0].areas().collect();
    assert_eq!(
        areas,
        [Area::AcceptQueue, Area::Descriptors, Area::Connections]
    );
}

/// The network's report has the other connections, of all namespaces.
#[test]
fn what_leaks_finds_of_open_connections_is_found_here_too() {
    let open = [
        &IDLE_WITHOUT_KEEPALIVE,
        &PEER_DEAD,
        &READER_STUCK,
        &WRITER_STUCK,
    ];
    let rules = open.into_iter().chain([&CLOSE_WAIT_LEAK, &FIN_WAIT_PILEUP]);
    let reports = Reports {
        leaks: LeaksReport {
            findings: rules.map(|rule| of(rule, 7)).collect(),
            ..LeaksReport::default()
        },
        ..Reports::default()
    };
    let areas = BTreeSet::from([Area::Connections]);
    let report = DoctorReport::of(&Snapshot::default(), None, &reports, &areas);
    let found: BTreeSet<_> = report.findings.iter().map(|finding| finding.id).collect();
    assert_eq!(found, open.map(|rule| rule.id).into());
}

//! Reports on readings written by hand.

use std::{collections::HashSet, time::Duration};

use super::*;
use crate::model::{CounterId, Counters, NetnsSnapshot, Snapshot};

fn reading(values: &[(&str, &str, i128)]) -> Snapshot {
    let values = values
        .iter()
        .map(|(table, name, value)| (CounterId::new(*table, *name), *value))
        .collect();
    let counters = Counters { values };
    let namespace = NetnsSnapshot {
        counters,
        ..NetnsSnapshot::default()
    };
    Snapshot {
        namespaces: vec![namespace],
        ..Snapshot::default()
    }
}

fn named(names: &[&str]) -> Selection {
    let all: HashSet<String> = names.iter().map(|name| name.to_string()).collect();
    Selection::Named {
        exact: all.clone(),
        all,
    }
}

#[test]
fn by_default_only_trouble_that_happened_is_shown() {
    let now = reading(&[
        ("TcpExt", "ListenDrops", 5),
        ("TcpExt", "ListenOverflows", 0),
        ("Tcp", "ActiveOpens", 9),
        ("TcpExt", "NobodyKnows", 9),
    ]);
    let report = report(&now, None, &Selection::Trouble, false);
    let names: Vec<_> = report.counters.iter().map(|c| &*c.name).collect();
    assert_eq!(names, ["ListenDrops"]);
}

#[test]
fn cookies_for_every_syn_are_no_trouble() {
    let mut now = reading(&[("TcpExt", "TCPReqQFullDoCookies", 5)]);
    assert_eq!(
        report(&now, None, &Selection::Trouble, false)
            .counters
            .len(),
        1
    );
    now.namespaces[0].settings.listen.tcp_syncookies = Some(2);
    assert_eq!(
        report(&now, None, &Selection::Trouble, false)
            .counters
            .len(),
        0
    );
}

#[test]
fn a_first_reading_has_no_changes() {
    let now = reading(&[("TcpExt", "ListenDrops", 5)]);
    let counter = &report(&now, None, &Selection::All, false).counters[0];
    assert_eq!((counter.delta, counter.per_second), (None, None));
}

#[test]
fn changes_and_rates_come_from_two_readings() {
    let before = reading(&[("TcpExt", "ListenDrops", 5), ("Tcp", "CurrEstab", 5)]);
    let now = reading(&[("TcpExt", "ListenDrops", 9), ("Tcp", "CurrEstab", 2)]);
    let report = report(
        &now,
        Some((&before, Duration::from_secs(2))),
        &Selection::All,
        false,
    );
    let find = |name: &str| report.counters.iter().find(|c| *c.name == *name).unwrap();
    assert_eq!(
        (find("ListenDrops").delta, find("ListenDrops").per_second),
        (Some(4), Some(2.0))
    );
    assert_eq!(
        (find("CurrEstab").delta, find("CurrEstab").per_second),
        (Some(-3), None)
    );
}

#[test]
fn a_counter_that_went_backwards_has_no_change() {
    let before = reading(&[("TcpExt", "ListenDrops", 9)]);
    let now = reading(&[("TcpExt", "ListenDrops", 5)]);
    let report = report(
        &now,
        Some((&before, Duration::from_secs(1))),
        &Selection::All,
        false,
    );
    assert_eq!(
        (report.counters[0].delta, report.counters[0].per_second),
        (None, None)
    );
}

#[test]
fn a_named_counter_that_this_kernel_lacks_is_unknown_and_said() {
    let now = reading(&[("TcpExt", "ListenDrops", 9)]);
    let report = report(&now, None, &named(&["TcpExtTCPMigrateReqSuccess"]), false);
    assert_eq!(report.counters[0].value, None);
    assert_eq!(&*report.counters[0].table, "TcpExt");
    assert_eq!(report.incomplete[0].count, Some(1));
}

#[test]
fn groups_follow_the_catalogue_and_unknown_counters_come_last() {
    let now = reading(&[
        ("TcpExt", "NobodyKnows", 1),
        ("Udp", "InErrors", 1),
        ("IcmpMsg", "InType3", 1),
        ("TcpExt", "ListenDrops", 1),
    ]);
    let report = report(&now, None, &Selection::All, false);
    let names: Vec<_> = report.counters.iter().map(|c| &*c.name).collect();
    assert_eq!(names, ["ListenDrops", "InErrors", "InType3", "NobodyKnows"]);
    assert_eq!(report.counters[2].group, "icmp");
}

//! `sockdiag states`: counts of real sockets, equal to the counts of ss.

use std::collections::BTreeMap;

use serde_json::{Value, json as object};
use sockdiag::source::reports_bound;

use crate::support::clients::{bind, clients, connect};
use crate::support::netns::{in_netns, in_netns_of_root, in_sealed_netns, lo_up};
use crate::support::population::Population;
use crate::support::program::{
    Watch, assert_failed, count, json, missing, number, reports, sockdiag,
};
use crate::support::sockets::listen;
use crate::support::ss;
use crate::support::time_waits::{client_fin_wait_2s, client_time_waits};
use crate::support::users::{EACH_PROC, as_nobody};
use crate::support::wait::{wait_for, wait_until};

/// By the name that JSON has for each state.
fn counted_by_ss(filter: &str) -> Option<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for row in ss::rows("-tanH", filter)? {
        let state = row.split_whitespace().next().expect("a state");
        *counts.entry(ss::state_name(state)).or_default() += 1;
    }
    Some(counts)
}

/// Without sockets that are only bound, which ss leaves out.
fn counts(states: &Value) -> BTreeMap<String, u64> {
    let states = states.as_object().expect("states{}").iter();
    let counts = states.map(|(state, number)| (state.clone(), count(number)));
    counts.filter(|(state, _)| state != "bound").collect()
}

/// The group with this key.
#[track_caller]
fn group<'a>(report: &'a Value, key: &Value) -> &'a Value {
    let mut groups = report["groups"].as_array().expect("groups[]").iter();
    let found = groups.find(|group| group["key"] == *key);
    found.unwrap_or_else(|| panic!("no group {key} in {report:#}"))
}

#[test]
fn each_state_has_as_many_sockets_as_in_ss() {
    in_netns(|| {
        let _population = Population::of_internet();
        if ss::rows("-tanH", "").is_none() {
            return;
        }
        for filter in ["", "sport = :8080", "dst 127.0.0.0/8", "dport = :8443"] {
            let read = || counted_by_ss(filter).expect("ss is there");
            let (expected, report) = wait_for("nothing changed between two readings", || {
                let before = read();
                let report = json(&["states", "--no-owners", filter]);
                (read() == before).then_some((before, report))
            });
            assert_eq!(counts(&report["states"]), expected, "{filter:?}");
            let groups = report["groups"].as_array().expect("groups[]").iter();
            let total = |group: &Value| {
                let key = group["key"].as_str().expect("a state");
                (key.to_owned(), count(&group["total"]))
            };
            let mut totals: BTreeMap<String, u64> = groups.map(total).collect();
            totals.remove("bound");
            assert_eq!(totals, expected, "{filter:?}");
        }
    });
}

#[test]
fn a_socket_that_is_only_bound_is_counted_or_said_to_be_unseen() {
    in_netns(|| {
        lo_up();
        let _bound = bind("127.0.0.1:0");
        let is_said = |report: &Value| {
            let incomplete = report["incomplete"].as_array().expect("incomplete[]");
            incomplete.iter().any(|missing| missing["what"] == "bound")
        };
        for (command, sockets) in [("states", "total"), ("sockets", "count")] {
            let report = json(&[command, "sport", "gt", "0"]);
            let expected = match reports_bound() {
                true => (1, false),
                false => (0, true),
            };
            assert_eq!((count(&report[sockets]), is_said(&report)), expected);
            let connected = json(&[command, "state", "connected"]);
            assert!(!is_said(&connected), "{connected:#}");
        }
        for flag in ["--pairs", "--readable"] {
            let report = json(&["sockets", flag]);
            assert!(!is_said(&report), "{report:#}");
        }
    });
}

#[test]
fn every_grouping_counts_each_socket_once() {
    in_netns(|| {
        let _population = Population::of_internet();
        let all = json(&["states"]);
        for by in [
            "state", "process", "unit", "listener", "peer", "user", "netns",
        ] {
            let report = json(&["states", "--by", by]);
            assert_eq!(report["by"], by);
            assert_eq!(report["states"], all["states"], "{by}");
            let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
            for group in report["groups"].as_array().expect("groups[]") {
                let states = group["states"].as_object().expect("states{}");
                let mut total = 0;
                for (state, number) in states {
                    total += count(number);
                    *sums.entry(state).or_default() += count(number);
                }
                assert_eq!(count(&group["total"]), total, "{group:#}");
            }
            assert_eq!(object!(sums), report["states"], "{by}");
        }
    });
}

#[test]
fn sockets_are_grouped_by_what_they_have_in_common() {
    in_netns_of_root(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 20);
        let _accepted = client_fin_wait_2s(&server, 1);
        client_time_waits(&server, 3);

        let by = |by: &str| json(&["states", "--by", by]);
        let by_process = by("process");
        let process = std::process::id();
        let mine = by_process["groups"].as_array().expect("groups[]").iter();
        let mine: Vec<_> = mine.filter(|group| group["pid"] == process).collect();
        assert_eq!(mine.len(), 1, "{by_process:#}");
        assert_eq!(mine[0]["states"], object!({"close_wait": 1, "listen": 1}));
        let left = object!({"fin_wait2": 1, "time_wait": 3});
        assert_eq!(group(&by_process, &Value::Null)["states"], left);
        let by_user = by("user");
        assert_eq!(group(&by_user, &object!("0"))["states"], mine[0]["states"]);
        assert_eq!(group(&by_user, &Value::Null)["states"], left);
        let of_root = json(&["states", "--user", "0"]);
        assert_eq!(of_root["states"], mine[0]["states"]);

        let by_listener = by("listener");
        let accepted = object!({"close_wait": 1, "listen": 1});
        assert_eq!(
            group(&by_listener, &object!("127.0.0.1:8080"))["states"],
            accepted
        );
        assert_eq!(group(&by_listener, &Value::Null)["states"], left);
        let by_peer = by("peer");
        assert_eq!(
            group(&by_peer, &Value::Null)["states"],
            object!({"listen": 1})
        );
        assert_eq!(group(&by_peer, &object!("127.0.0.1"))["total"], 5);
    });
}

#[test]
fn namespaces_are_counted_apart() {
    in_netns_of_root(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 20);
        let here = std::fs::read_link("/proc/self/ns/net").expect("a namespace");
        let here = here.to_string_lossy();
        let report = json(&[
            "states", "--by", "netns", "--netns", "all", "sport", "=", ":8080",
        ]);
        let groups = report["groups"].as_array().expect("groups[]").iter();
        let mine: Vec<_> = groups
            .filter(|group| *here == format!("net:[{}]", group["netns"]["inode"]))
            .collect();
        assert_eq!(mine.len(), 1, "{report:#}");
        assert_eq!(mine[0]["states"], object!({"listen": 1}));
    });
}

#[test]
fn a_watch_tells_what_changed() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 50);
        let mut watch = Watch::new(&["states", "--no-owners", "-w0.1"]);
        let first = watch.report();
        let listeners = group(&first, &object!("listen"));
        assert!(listeners["delta"].is_null() && listeners["growth_per_minute"].is_null());

        let _clients = clients("127.0.0.1:8080", 10);
        let mut since = 0;
        wait_until("all are reported", || {
            let report = watch.report();
            let groups = report["groups"].as_array().expect("groups[]").iter();
            let mut open = groups.filter(|group| group["key"] == "established");
            let Some(open) = open.next() else {
                return false;
            };
            let delta = open["delta"].as_i64().expect("a change");
            since += delta;
            let per_minute = delta as f64 * 60_000.0 / number(&report["elapsed_ms"]);
            let growth = number(&open["growth_per_minute"]);
            assert!(
                (growth - per_minute).abs() <= per_minute.abs() * 0.01,
                "{report:#}"
            );
            assert_eq!(open["total"].as_i64(), Some(since));
            since == 20
        });
        drop(server);
    });
}

#[test]
fn the_slope_of_what_grows_is_above_that_of_what_stays() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 500);
        let growing = std::sync::atomic::AtomicBool::new(true);
        let report = std::thread::scope(|scope| {
            let opener = scope.spawn(|| {
                let mut open = Vec::new();
                while growing.load(std::sync::atomic::Ordering::Relaxed) && open.len() < 400 {
                    open.push(connect("127.0.0.1:8080"));
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                open
            });
            let mut readings =
                reports(&["states", "--no-owners", "--for", "500ms", "--every", "50ms"]);
            growing.store(false, std::sync::atomic::Ordering::Relaxed);
            drop(opener.join().expect("connections"));
            readings.pop().expect("a report")
        });
        let open = group(&report, &object!("established"));
        assert!(number(&open["growth_per_minute"]) > 0.0, "{report:#}");
        assert!(open["delta"].as_i64() > Some(0), "{report:#}");
        let listeners = group(&report, &object!("listen"));
        assert_eq!(number(&listeners["growth_per_minute"]), 0.0, "{report:#}");
        assert_eq!(listeners["sampled"]["minimum"], 1);
    });
}

#[test]
fn others_see_the_counts_and_not_the_processes() {
    in_netns_of_root(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        for first in EACH_PROC {
            let output = as_nobody(first, &["states", "--by", "process", "--json"]);
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(
                group(&report, &Value::Null)["states"],
                object!({"listen": 1})
            );
            assert_eq!(missing(&report, "owners")["count"], 1, "{first}");
        }
    });
}

#[test]
fn processes_without_owners_are_refused() {
    let output = sockdiag(&["states", "--by", "process", "--no-owners"]);
    assert_failed(&output, 2, &["--by process"]);
    let output = sockdiag(&["states", "--by", "colour"]);
    assert_failed(&output, 2, &["colour"]);
}

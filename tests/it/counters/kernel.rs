//! `sockdiag counters`: the kernel's counters, by any of their names, and what they add up to.

use std::collections::BTreeMap;

use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::{in_netns, lo_up, sysctl};
use crate::support::program::{Watch, count, json, number, sockdiag, stderr};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tools::{nstat, tcp_ext};
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::wait_until;
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";

fn counters(report: &Value) -> &Vec<Value> {
    report["counters"]
        .as_array()
        .unwrap_or_else(|| panic!("no counters[] in {report:#}"))
}

fn counter<'a>(report: &'a Value, table: &str, name: &str) -> &'a Value {
    let mut found = counters(report)
        .iter()
        .filter(|counter| counter["table"] == table && counter["name"] == name);
    let first = found.next();
    assert!(found.next().is_none(), "{table} {name} twice");
    first.unwrap_or_else(|| panic!("no {table} {name} in {report:#}"))
}

/// A full accept queue and `count` SYNs that it had no room for.
fn overflow(count: u8) -> (socket2::Socket, Vec<std::net::TcpStream>) {
    unanswered_syns();
    let server = listen(SERVER, 0);
    let clients = fill_accept_queue(&server, 1);
    syn_flood(SERVER, count);
    assert_eq!(
        tcp_ext("ListenOverflows"),
        u64::from(count),
        "the scene is set"
    );
    (server, clients)
}

#[test]
fn all_has_every_counter_of_nstat_with_the_same_value() {
    in_netns(|| {
        let _scene = overflow(4);
        syn_flood("[fd00:9::1]:9", 3);
        let Some(before) = nstat() else { return };
        let report = json(&["counters", "--all"]);
        let after = nstat().expect("it was installed a moment ago");
        let moved = |name: &str| number(&before[name]) > 0.0;
        for name in ["TcpExtListenDrops", "TcpPassiveOpens", "Ip6InReceives"] {
            assert!(moved(name), "the scene is set: {name}");
        }

        // nstat writes the table in front of the name, as we do in two keys; a table such as that
        // of /proc/net/snmp6 has it in the name already.
        let mut ours = BTreeMap::new();
        for counter in counters(&report) {
            let (table, name) = (&counter["table"], &counter["name"]);
            let (table, name) = (
                table.as_str().expect("a table"),
                name.as_str().expect("a name"),
            );
            ours.insert(format!("{table}{name}"), number(&counter["value"]));
            ours.entry(name.to_owned())
                .or_insert(number(&counter["value"]));
        }
        for (name, before) in &before {
            let ours = *ours
                .get(name)
                .unwrap_or_else(|| panic!("nstat has {name}, we do not"));
            // Read one after the other, so a counter may have moved in between.
            let (low, high) = (number(before), number(&after[name]));
            assert!(
                low <= ours && ours <= high,
                "{name}: {ours}, by nstat {low} before and {high} after"
            );
        }
    });
}

#[test]
fn a_counter_answers_to_every_name_that_people_know_it_by() {
    in_netns(|| {
        let _scene = overflow(3);
        for (asked, name) in [
            ("ListenOverflows", "ListenOverflows"),
            ("TcpExtListenOverflows", "ListenOverflows"),
            (
                "times the listen queue of a socket overflowed",
                "ListenOverflows",
            ),
            ("SYNs to LISTEN sockets dropped", "ListenDrops"),
            // A whole line of `netstat -s`, with the number it had when it was copied.
            ("4343 SYNs to LISTEN sockets dropped", "ListenDrops"),
        ] {
            let report = json(&["counters", asked]);
            assert_eq!(counters(&report).len(), 1, "{asked}: {report:#}");
            let found = counter(&report, "TcpExt", name);
            assert_eq!(found["value"], 3);
            assert_eq!(found["kind"], "counter");
            assert_eq!(found["scope"], "netns");
            let meaning = found["meaning"].as_str().expect("a meaning");
            assert!(meaning.contains(' '), "{meaning}");
        }
    });
}

#[test]
fn a_group_is_more_than_one_counter_of_one_kind_of_problem() {
    in_netns(|| {
        let report = json(&["counters", "TcpExtListenOverflows"]);
        let group = counter(&report, "TcpExt", "ListenOverflows")["group"].clone();
        let report = json(&["counters", group.as_str().expect("a group")]);
        counter(&report, "TcpExt", "ListenDrops");
        for counter in counters(&report) {
            assert_eq!(counter["group"], group, "{counter:#}");
        }
    });
}

#[test]
fn a_near_miss_is_wrong_usage_and_suggests_the_right_name() {
    in_netns(|| {
        let output = sockdiag(&["counters", "ListenOverflaws"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let said = stderr(&output);
        assert!(said.starts_with("sockdiag: "), "{said}");
        assert!(said.contains("ListenOverflows"), "{said}");
    });
}

#[test]
fn by_default_only_trouble_that_happened_is_shown() {
    in_netns(|| {
        lo_up();
        let quiet = json(&["counters"]);
        let named = |report: &Value, name: &str| {
            let mut counters = counters(report).iter();
            counters.any(|counter| counter["name"] == name)
        };
        assert!(!named(&quiet, "ListenOverflows"), "{quiet:#}");

        let _scene = overflow(2);
        let report = json(&["counters"]);
        assert_eq!(counter(&report, "TcpExt", "ListenOverflows")["value"], 2);
        for counter in counters(&report) {
            assert_ne!(counter["value"], 0, "{counter:#}");
        }
        // Handshakes that succeed are no trouble, though their counter moved.
        assert!(!named(&report, "PassiveOpens"), "{report:#}");
        assert!(named(&json(&["counters", "--all"]), "PassiveOpens"));
    });
}

#[test]
fn gauges_and_what_belongs_to_the_whole_host_are_labelled() {
    in_netns(|| {
        let _scene = overflow(2);
        let report = json(&["counters", "--all"]);
        let of = |key: &str, name: &str, table: &str| counter(&report, table, name)[key].clone();
        assert_eq!(of("kind", "CurrEstab", "Tcp"), "gauge");
        assert_eq!(of("kind", "ActiveOpens", "Tcp"), "counter");
        assert_eq!(of("scope", "ActiveOpens", "Tcp"), "netns");
        // /proc/net/sockstat: one line of both scopes.
        let sockstat = |name: &str| {
            counters(&report)
                .iter()
                .find(|counter| counter["table"] == "sockstat.TCP" && counter["name"] == name)
                .unwrap_or_else(|| panic!("no TCP {name} of sockstat in {report:#}"))
        };
        for (name, scope) in [("inuse", "netns"), ("tw", "netns"), ("alloc", "host")] {
            assert_eq!(sockstat(name)["scope"], scope, "{name}");
            assert_eq!(sockstat(name)["kind"], "gauge", "{name}");
        }
    });
}

#[test]
fn a_watch_tells_what_was_counted_since_the_reading_before() {
    in_netns(|| {
        let _scene = overflow(4);
        let mut watch = Watch::new(&["counters", "TcpExtListenOverflows", "--watch=0.1"]);
        let first = watch.report();
        let found = counter(&first, "TcpExt", "ListenOverflows");
        assert_eq!(found["value"], 4);
        assert!(found["delta"].is_null() && found["per_second"].is_null());

        syn_flood(SERVER, 7);
        let mut since = 0;
        wait_until("all seven are reported", || {
            let report = watch.report();
            let found = counter(&report, "TcpExt", "ListenOverflows");
            since += count(&found["delta"]);
            assert_eq!(count(&found["value"]), 4 + since);
            let rate = number(&found["delta"]) * 1000.0 / number(&report["elapsed_ms"]);
            let told = number(&found["per_second"]);
            assert!((told - rate).abs() <= 0.05 * rate + 0.01, "{found:#}");
            since == 7
        });
    });
}

/// `why` of a run, which must add up.
fn why() -> (u64, u64, u64, u64) {
    let report = json(&["counters", "--why"]);
    let why = &report["why"][0];
    let parts = (
        count(&why["listen_drops"]),
        count(&why["overflows"]),
        count(&why["syn_queue_full"]),
        count(&why["other"]),
    );
    assert_eq!(parts.0, parts.1 + parts.2 + parts.3, "{why}");
    parts
}

#[test]
fn why_blames_the_accept_queue_for_overflows() {
    in_netns(|| {
        let _scene = overflow(6);
        assert_eq!(why(), (6, 6, 0, 0));
    });
}

#[test]
fn why_blames_the_syn_queue_when_cookies_are_off() {
    in_netns(|| {
        let _scene = overflow(6);
        sysctl("net/ipv4/tcp_syncookies", 0);
        let flooded = listen("10.9.0.1:8081", 16);
        syn_flood("10.9.0.1:8081", 40);
        let dropped = tcp_ext("TCPReqQFullDrop");
        assert!([23, 24].contains(&dropped), "the scene is set: {dropped}");
        assert_eq!(why(), (6 + dropped, 6, dropped, 0));
        drop(flooded);
    });
}

#[test]
fn why_leaves_the_quarter_kept_for_proven_peers_to_other_causes() {
    in_netns(|| {
        unanswered_syns();
        sysctl("net/ipv4/tcp_syncookies", 0);
        sysctl("net/ipv4/tcp_max_syn_backlog", 64);
        let _server = listen(SERVER, 1000);
        syn_flood(SERVER, 60);
        // The kernel counts these nowhere but among all drops.
        let dropped = tcp_ext("ListenDrops");
        assert!([11, 12].contains(&dropped), "the scene is set: {dropped}");
        assert_eq!(why(), (dropped, 0, 0, dropped));
    });
}

#[test]
fn netns_reads_the_counters_of_another_namespace() {
    in_netns(|| {
        lo_up();
        let setup = ListenerSetup {
            address: SERVER,
            backlog: 0,
            clients: 1,
            syns: 5,
        };
        let server = spawn_listener(&setup, &["unshare", "--net"]);
        let value = |args: &[&str]| {
            let report = json(&[&["counters", "ListenOverflows"], args].concat());
            counter(&report, "TcpExt", "ListenOverflows")["value"].clone()
        };
        assert_eq!(value(&[]), 0);
        assert_eq!(value(&["--netns", &server.pid().to_string()]), 5);
    });
}

//! What a report says of the network namespaces that it does not cover. The scene is set in the
//! test's namespace, and the program runs in another one.

use std::time::Duration;

use crate::support::clients::{client, exhaust_ports, port_range};
use crate::support::netns::{in_sealed_netns, lo_up, netns_inode, run, sysctl};
use crate::support::program::json;
use crate::support::skipped::report_skipped;
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::time_waits::client_time_waits;
use crate::support::unanswered::unanswered_syns;
use serde_json::Value;
use sockdiag::collect::{Collector, Needs};
use sockdiag::source::{Kernel, cpu_time};

const SERVER: &str = "10.9.0.1:8080";
const NONE: [[&str; 3]; 0] = [];

/// A report of the program in a new namespace, where nothing is.
fn json_elsewhere(args: &[&str]) -> Value {
    let program = ["--net", env!("CARGO_BIN_EXE_sockdiag")];
    let text = run("unshare", &[&program, args, &["--json"]].concat());
    serde_json::from_str(&text).expect("one line of JSON")
}

/// Severity, message and next command of each finding about other namespaces.
fn of_others(report: &Value) -> Vec<[&str; 3]> {
    let findings = report["findings"].as_array().expect("findings[]").iter();
    let others = findings.filter(|finding| finding["id"] == "other_namespace");
    others
        .map(|finding| {
            let word = |key| finding[key].as_str().expect("a text");
            let next = finding["next"][0].as_str().expect("a command");
            [word("severity"), word("message"), next]
        })
        .collect()
}

#[test]
fn one_line_counts_the_other_namespaces_where_nothing_is_wrong() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        for command in ["queues", "ports", "timewait"] {
            let report = json_elsewhere(&[command]);
            let message = "1 more network namespace exists, which this report does not cover";
            let next = format!("sockdiag {command} --netns all");
            assert_eq!(of_others(&report), [["info", message, &next]]);
            assert_eq!(
                of_others(&json_elsewhere(&[command, "--netns", "all"])),
                NONE
            );
            assert_eq!(of_others(&json(&[command])), NONE, "there is only this one");
        }
    });
}

#[test]
fn a_full_accept_queue_in_another_namespace_is_found() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let report = json_elsewhere(&["queues", "--no-owners", "--no-syn"]);
        assert_eq!(report["listeners"], Value::Array(Vec::new()));
        let inode = netns_inode("/proc/self/ns/net");
        let next = format!("sockdiag queues --netns {inode}");
        let [full, count] = of_others(&report)[..] else {
            panic!("{report:#}");
        };
        assert!(
            full[1].starts_with("accept queue full, 3 waiting"),
            "{full:?}"
        );
        assert_eq!([full[0], full[2]], ["warning", &next]);
        assert_eq!(count[0], "info");
        let found = &report["findings"][0];
        assert_eq!(
            found["subject"],
            format!("127.0.0.1:8080 in namespace {inode}")
        );
        assert_eq!(found["netns"]["inode"], inode);
        assert_eq!(found["evidence"][0]["value"], "accept_queue_full");

        let of_another_port = json_elsewhere(&["queues", ":9090"]);
        assert_eq!(
            of_others(&of_another_port).len(),
            1,
            "the filter holds there too"
        );
        let of_a_process = json_elsewhere(&["queues", "--process", "sockdiag"]);
        assert_eq!(
            of_others(&of_a_process).len(),
            1,
            "owners are not searched for there"
        );
        let chosen = json_elsewhere(&["queues", "--netns", &inode.to_string()]);
        let [count] = of_others(&chosen)[..] else {
            panic!("{chosen:#}");
        };
        assert_eq!(
            count[0], "info",
            "the namespace of the program is the other one now"
        );
    });
}

#[test]
fn the_next_command_shows_a_listener_in_a_namespace_without_a_name() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let report = json_elsewhere(&["queues", "--netns", "all", "--no-owners", "--no-syn"]);
        let full = &report["findings"][0];
        assert_eq!(full["id"], "accept_queue_full", "{report:#}");
        let inode = netns_inode("/proc/self/ns/net");
        let next = full["next"][0].as_str().expect("a command");
        let expected = format!("sockdiag queues 127.0.0.1:8080 -w --netns {inode}");
        assert_eq!(next, expected);
        let once = next.split(' ').skip(1).filter(|word| *word != "-w");
        let shown = json_elsewhere(&once.collect::<Vec<_>>());
        assert_eq!(shown["listeners"][0]["local"]["port"], 8080, "{shown:#}");
    });
}

#[test]
fn ports_that_have_run_out_in_another_namespace_are_found() {
    in_sealed_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let _server = listen(SERVER, 100);
        let clients = exhaust_ports(SERVER);
        let report = json_elsewhere(&["ports"]);
        assert_eq!(report["tuples"], Value::Array(Vec::new()));
        let found = of_others(&report);
        let [full, _] = found[..] else {
            assert_eq!(found.len(), 1, "{report:#}");
            return assert_scans_are_dear();
        };
        assert!(full[1].starts_with("no port is left"), "{full:?}");
        assert_eq!(full[0], "warning");
        drop(clients);
    });
}

/// As many sockets as ports, of two destinations.
#[test]
fn sockets_that_suffice_to_use_all_ports_need_not_do_so() {
    in_sealed_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let others: Vec<String> = (8080..8090)
            .map(|port| format!("10.9.0.1:{port}"))
            .collect();
        let _servers: Vec<_> = others.iter().map(|other| listen(other, 100)).collect();
        let _clients: Vec<_> = others.iter().map(|other| client(other)).collect();
        let report = json_elsewhere(&["ports"]);
        assert_eq!(of_others(&report).len(), 1, "{report:#}");
    });
}

#[test]
fn buckets_that_run_out_in_another_namespace_are_found() {
    in_sealed_netns(|| {
        unanswered_syns();
        sysctl("net/ipv4/tcp_max_tw_buckets", 10);
        let server = listen(SERVER, 100);
        client_time_waits(&server, 9);
        let report = json_elsewhere(&["timewait"]);
        assert_eq!(report["count"], 0);
        let [near, _] = of_others(&report)[..] else {
            panic!("{report:#}");
        };
        let message = "9 of 10 buckets used (net.ipv4.tcp_max_tw_buckets)";
        assert_eq!([near[0], near[1]], ["warning", message]);
    });
}

/// Which processes are in other namespaces, a user without rights cannot read; that there are
/// others can be seen all the same.
#[test]
fn namespaces_that_may_not_be_entered_are_counted() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let program = env!("CARGO_BIN_EXE_sockdiag");
        let without = ["--user", "--net", program, "queues", "--json"];
        let text = run("unshare", &without);
        let report: Value = serde_json::from_str(&text).expect("one line of JSON");
        let [count] = of_others(&report)[..] else {
            panic!("{report:#}");
        };
        assert!(
            count[1].starts_with("1 more network namespace"),
            "{count:?}"
        );
    });
}

/// The look scans for ports only where that takes at most 50 ms of CPU time; an emulated machine
/// needs more. Half of that is asked for, as two scans do not take the same time.
#[track_caller]
fn assert_scans_are_dear() {
    let began = cpu_time();
    let mut collector = Collector::new(Kernel::new(), Needs::ports());
    collector.collect().expect("a snapshot");
    let spent = cpu_time() - began;
    assert!(spent > Duration::from_millis(25), "a scan takes {spent:?}");
    report_skipped(&format!(
        "ports of another namespace: a scan takes {spent:?}"
    ));
}

//! `sockdiag ports --by`: tuples added up, and whose they are.

use crate::support::clients::{client, clients, connect_with, from_address, port_range};
use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::in_sealed_netns;
use crate::support::program::{count, json, number};
use crate::support::sockets::listen;
use crate::support::time_waits::client_time_waits;
use crate::support::tuples::{tuple, tuple_from, tuples};
use crate::support::unanswered::unanswered_syns;
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";
const OTHER: &str = "10.9.0.1:8081";

/// Three tuples in a range of 20: 12 and 5 ports to one destination, 3 to another.
fn three_tuples() -> impl Sized {
    unanswered_syns();
    port_range(40000, 40019);
    let servers = [listen(SERVER, 100), listen(OTHER, 100)];
    let many = |to, source, count: usize| -> Vec<_> {
        (0..count)
            .map(|_| connect_with(to, from_address(source)).expect("a port is free"))
            .collect()
    };
    let clients = (
        many(SERVER, "10.9.0.1:0", 12),
        many(SERVER, "10.9.0.2:0", 5),
        many(OTHER, "10.9.0.1:0", 3),
    );
    (servers, clients)
}

/// What a group has: tuples, used, free of its fullest.
fn group(found: &Value) -> (u64, u64, u64) {
    let number = |key: &str| count(&found[key]);
    (number("tuples"), number("used"), number("free"))
}

#[test]
fn by_tuple_is_the_default() {
    in_sealed_netns(|| {
        let _scene = three_tuples();
        for args in [&["ports"][..], &["ports", "--by", "tuple"]] {
            let report = json(args);
            assert_eq!(report["by"], "tuple");
            assert_eq!(tuples(&report).len(), 3);
            for (source, destination, used) in [
                ("10.9.0.1", SERVER, 12),
                ("10.9.0.2", SERVER, 5),
                ("10.9.0.1", OTHER, 3),
            ] {
                let found = tuple_from(&report, source, destination);
                assert_eq!(group(found), (1, used, 20 - used));
            }
        }
    });
}

#[test]
fn a_destination_adds_up_its_sources_and_is_as_full_as_the_fullest() {
    in_sealed_netns(|| {
        let _scene = three_tuples();
        let report = json(&["ports", "--by", "destination"]);
        assert_eq!(report["by"], "destination");
        assert_eq!(tuples(&report).len(), 2);
        let found = tuple(&report, SERVER);
        assert_eq!(group(found), (2, 17, 8));
        assert_eq!(number(&found["used_ratio"]), 0.6);
        assert_eq!(found["states"]["established"], 17);
        assert!(found["source"].is_null());
        assert_eq!(group(tuple(&report, OTHER)), (1, 3, 17));
    });
}

#[test]
fn a_source_adds_up_its_destinations() {
    in_sealed_netns(|| {
        let _scene = three_tuples();
        let report = json(&["ports", "--by", "source"]);
        assert_eq!(report["by"], "source");
        assert_eq!(tuples(&report).len(), 2);
        for (source, expected) in [("10.9.0.1", (2, 15, 8)), ("10.9.0.2", (1, 5, 15))] {
            let mut all = tuples(&report).iter();
            let found = all.find(|tuple| tuple["source"] == source);
            let found = found.unwrap_or_else(|| panic!("no {source} in {report:#}"));
            assert_eq!(group(found), expected, "{source}");
            assert!(found["destination"].is_null());
        }
    });
}

#[test]
fn a_process_has_its_live_connections_and_nobody_the_time_waits() {
    in_sealed_netns(|| {
        unanswered_syns();
        let setup = ListenerSetup {
            address: OTHER,
            backlog: 10,
            clients: 6,
            syns: 0,
        };
        let helper = spawn_listener(&setup, &[]);
        let listener = listen(SERVER, 100);
        client_time_waits(&listener, 3);
        let _mine = clients(SERVER, 4);

        let report = json(&["ports", "--by", "process"]);
        assert_eq!(report["by"], "process");
        let of = |pid: Value| {
            let mut all = tuples(&report).iter();
            let found = all.find(|tuple| tuple["process"]["pid"] == pid);
            found.unwrap_or_else(|| panic!("no {pid} in {report:#}"))
        };
        assert_eq!(of(helper.pid().into())["used"], 6);
        assert_eq!(of(helper.pid().into())["process"]["name"], helper.name());
        assert_eq!(of(std::process::id().into())["used"], 4);
        let nobody = of(Value::Null);
        assert!(nobody["process"].is_null());
        assert_eq!(nobody["used"], 3);
        assert_eq!(nobody["states"]["time_wait"], 3);
        assert_eq!(tuples(&report).len(), 3);
    });
}

#[test]
fn a_tuple_names_a_process_that_holds_its_connections() {
    in_sealed_netns(|| {
        unanswered_syns();
        let setup = ListenerSetup {
            address: OTHER,
            backlog: 10,
            clients: 6,
            syns: 0,
        };
        let helper = spawn_listener(&setup, &[]);
        let _listener = listen(SERVER, 100);
        let _mine = clients(SERVER, 4);
        let report = json(&["ports", "--owners", "all"]);
        let pids = |destination: &str| {
            let found = tuple(&report, destination);
            assert_eq!(found["owners_complete"], true);
            let owners = found["owners"].as_array().expect("owners[]");
            let pids = owners.iter().map(|owner| count(&owner["pid"]));
            let mut pids: Vec<u64> = pids.collect();
            pids.sort_unstable();
            pids.dedup();
            pids
        };
        let mine = u64::from(std::process::id());
        assert_eq!(pids(SERVER), [mine]);
        assert_eq!(pids(OTHER), [u64::from(helper.pid())]);

        let report = json(&["ports", "--no-owners"]);
        for found in tuples(&report) {
            assert_eq!(found["owners"], serde_json::json!([]));
            assert_ne!(found["owners_complete"], true);
        }
    });
}

#[test]
fn a_tuple_that_two_processes_share_names_both_or_says_that_there_may_be_more() {
    in_sealed_netns(|| {
        unanswered_syns();
        let setup = ListenerSetup {
            address: OTHER,
            backlog: 10,
            clients: 6,
            syns: 0,
        };
        let helper = spawn_listener(&setup, &[]);
        let _mine = client(OTHER);
        let report = json(&["ports", "--owners", "all"]);
        let found = tuple(&report, OTHER);
        let owners = found["owners"].as_array().expect("owners[]");
        let named = |pid: u32| owners.iter().any(|owner| owner["pid"] == pid);
        let both = named(helper.pid()) && named(std::process::id());
        assert_eq!(found["owners_complete"], both, "{found:#}");
    });
}
#[test]
fn rows_are_sorted_and_cut_as_asked() {
    in_sealed_netns(|| {
        let _scene = three_tuples();
        let used = |args: &[&str]| -> Vec<u64> {
            let report = json(&[&["ports"], args].concat());
            let all = tuples(&report).iter();
            all.map(|tuple| count(&tuple["used"])).collect()
        };
        assert_eq!(used(&["--sort", "used"]), [12, 5, 3]);
        assert_eq!(used(&["--sort=-used"]), [3, 5, 12]);
        assert_eq!(used(&["--sort", "used", "--top", "2"]), [12, 5]);
    });
}

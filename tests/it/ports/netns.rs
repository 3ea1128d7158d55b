//! `sockdiag ports --netns`: every namespace has a range and tuples of its own.

use crate::support::clients::{exhaust_ports, port_range};
use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::{in_sealed_netns, lo_up, netns_inode, sysctl};
use crate::support::program::json;
use crate::support::sockets::listen;
use crate::support::tuples::{tuple, tuples};
use crate::support::unanswered::unanswered_syns;
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";

/// Five clients and their server, in whatever namespace it is played.
const SERVE: ListenerSetup = ListenerSetup {
    address: SERVER,
    backlog: 10,
    clients: 5,
    syns: 0,
};

#[track_caller]
fn of_namespace(all: &Value, inode: u64) -> &Value {
    let mut all = all.as_array().expect("a list").iter();
    let found = all.find(|one| one["netns"]["inode"] == inode);
    found.unwrap_or_else(|| panic!("nothing of {inode}"))
}

#[test]
fn the_same_tuple_in_two_namespaces_is_two() {
    in_sealed_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let _server = listen(SERVER, 100);
        let _here = exhaust_ports(SERVER);
        let helper = spawn_listener(&SERVE, &["unshare", "--net"]);
        let there = netns_inode(&format!("/proc/{}/ns/net", helper.pid()));

        let report = json(&["ports", "--netns", "all"]);
        assert!(report["range"].is_null() && report["bound_only"].is_null());
        assert_eq!(tuples(&report).len(), 2);
        for (inode, size, used, state) in [
            (netns_inode("/proc/self/ns/net"), 10, 10, "exhausted"),
            (there, 28232, 5, "ok"),
        ] {
            let namespace = of_namespace(&report["namespaces"], inode);
            assert_eq!(namespace["range"]["size"], size);
            let found = of_namespace(&report["tuples"], inode);
            assert_eq!(found["used"], used);
            assert_eq!(found["free"], size - used);
            assert_eq!(found["state"], state);
        }
    });
}

#[test]
fn a_namespace_is_asked_by_one_of_its_processes() {
    in_sealed_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let helper = spawn_listener(&SERVE, &["unshare", "--net"]);
        let report = json(&["ports", "--netns", &helper.pid().to_string()]);
        assert_eq!(report["range"]["low"], 32768);
        assert_eq!(report["range"]["high"], 60999);
        assert_eq!(tuples(&report).len(), 1);
        let found = tuple(&report, SERVER);
        assert_eq!(found["used"], 5);
        assert_eq!(found["owners"][0]["pid"], helper.pid());
        assert_eq!(tuples(&json(&["ports"])).len(), 0);
    });
}

#[test]
fn settings_are_those_of_each_namespace() {
    in_sealed_netns(|| {
        lo_up();
        sysctl("net/ipv4/tcp_tw_reuse", 1);
        let helper = spawn_listener(&SERVE, &["unshare", "--net"]);
        let report = json(&["ports", "--netns", "all"]);
        let here = of_namespace(&report["namespaces"], netns_inode("/proc/self/ns/net"));
        let there = netns_inode(&format!("/proc/{}/ns/net", helper.pid()));
        let there = of_namespace(&report["namespaces"], there);
        assert_eq!(
            (&here["tcp_tw_reuse"], &there["tcp_tw_reuse"]),
            (&1.into(), &2.into())
        );
        // It lies outside the range.
        assert_eq!(
            (&here["listeners"], &there["listeners"]),
            (&0.into(), &0.into())
        );
    });
}

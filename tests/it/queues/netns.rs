//! `sockdiag queues --netns`: listeners of other namespaces.

use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::{add_named, in_sealed_netns, lo_up, netns_inode, sysctl};
use crate::support::program::{
    finish, json, listener, listeners, ports, stderr, with_capabilities,
};
use crate::support::skipped::report_skipped;
use crate::support::sockets::listen;
use crate::support::unanswered::unanswered_syns;
use serde_json::{Value, json as object};

const SERVER: &str = "10.9.0.1:8080";

/// A full listener, in whatever namespace it is played.
const SERVE: ListenerSetup = ListenerSetup {
    address: SERVER,
    backlog: 2,
    clients: 3,
    syns: 0,
};

fn in_namespace(report: &Value, inode: u64) -> Vec<&Value> {
    listeners(report)
        .iter()
        .filter(|listener| listener["netns"]["inode"] == inode)
        .collect()
}

#[test]
fn all_finds_every_namespace_once_and_names_those_that_have_a_name() {
    in_sealed_netns(|| {
        unanswered_syns();
        let _here = listen(SERVER, 7);
        let blue = add_named("blue");
        let green = add_named("green");
        // SeenPacket by its name and as that of a process, and still shown once.
        let enter = format!("--net={blue}");
        let _in_blue = spawn_listener(&SERVE, &["nsenter", &enter]);
        let nameless = spawn_listener(&SERVE, &["unshare", "--net"]);

        let report = json(&["queues", "--netns", "all"]);
        for (path, name, limit) in [
            ("/proc/self/ns/net", None, 7),
            (&blue, Some("blue"), 2),
            (&format!("/proc/{}/ns/net", nameless.pid()), None, 2),
        ] {
            let found = in_namespace(&report, netns_inode(path));
            assert_eq!(found.len(), 1, "{path} in {report:#}");
            assert_eq!(found[0]["netns"]["name"].as_str(), name);
            assert_eq!(found[0]["accept_queue"]["limit"], limit);
        }
        assert_eq!(
            in_namespace(&report, netns_inode(&green)),
            [] as [&Value; 0]
        );
        assert_eq!(listeners(&report).len(), 3);
    });
}

#[test]
fn a_namespace_is_chosen_by_name_path_or_process() {
    in_sealed_netns(|| {
        lo_up();
        let _here = listen("127.0.0.1:8081", 7);
        let blue = add_named("blue");
        let enter = format!("--net={blue}");
        let server = spawn_listener(&SERVE, &["nsenter", &enter]);

        for netns in ["blue", &blue, &server.pid().to_string()] {
            let report = json(&["queues", "--netns", netns]);
            assert_eq!(ports(&report), [8080], "--netns {netns}");
            let found = listener(&report, SERVER);
            assert_eq!(found["netns"]["inode"], netns_inode(&blue));
            assert_eq!(found["netns"]["name"], "blue");
            assert_eq!(found["state"], "full");
            assert_eq!(found["owners"][0]["pid"], server.pid());
        }
        assert_eq!(ports(&json(&["queues"])), [8081]);
    });
}

#[test]
fn the_cap_of_another_namespace_is_its_own() {
    in_sealed_netns(|| {
        lo_up();
        // Two, and so is the limit over there, where the cap is another.
        if !std::fs::exists("/proc/sys/net/core/somaxconn").expect("/proc is there") {
            return report_skipped("two caps: the kernel hides net/core in a user namespace");
        }
        sysctl("net/core/somaxconn", 2);
        let _here = listen("127.0.0.1:8081", 7);
        let server = spawn_listener(&SERVE, &["unshare", "--net"]);
        let set_by = |report: &Value, address| {
            listener(report, address)["accept_queue"]["limit_set_by"].clone()
        };
        assert_eq!(set_by(&json(&["queues"]), "127.0.0.1:8081"), "somaxconn");
        let there = json(&["queues", "--netns", &server.pid().to_string()]);
        assert_eq!(set_by(&there, SERVER), "application");
    });
}

#[test]
fn a_name_without_a_namespace_is_passed_over() {
    in_sealed_netns(|| {
        lo_up();
        let _here = listen("127.0.0.1:8081", 7);
        add_named("blue");
        // Left behind when a namespace was not deleted in order.
        std::fs::write("/run/netns/leftover", "").expect("/run is ours");
        let report = json(&["queues", "--netns", "all"]);
        assert_eq!(ports(&report), [8081]);
        assert_eq!(report["incomplete"], object!([]));
    });
}

#[test]
fn a_namespace_that_may_not_be_entered_is_counted() {
    in_sealed_netns(|| {
        lo_up();
        let _here = listen("127.0.0.1:8081", 7);
        let _server = spawn_listener(&SERVE, &["unshare", "--net"]);
        let args = ["queues", "--netns", "all", "--json", "--no-owners"];
        let output = finish(&mut with_capabilities(",+sys_ptrace", &args));
        assert!(output.status.success(), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
        assert_eq!(ports(&report), [8081]);
        let missing = &report["incomplete"][0];
        assert_eq!(
            (&missing["what"], &missing["count"]),
            (&object!("netns"), &object!(1))
        );
        let why = missing["why"].as_str().expect("a reason");
        assert!(why.contains("CAP_SYS_ADMIN"), "{why}");
    });
}

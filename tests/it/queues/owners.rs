//! `sockdiag queues`: whose listener it is.

use std::os::fd::AsRawFd as _;

use crate::support::helper_process::{
    SocketHandover, process_name, spawn_cat, spawn_descriptor_receiver,
};
use crate::support::netns::{in_netns_of_root, in_sealed_netns, lo_up};
use crate::support::program::{count, json, listener, stderr, text};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::users::as_nobody;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};
use socket2::Socket;

const SERVER: &str = "127.0.0.1:8080";

fn myself(socket: &Socket) -> Value {
    let pid = std::process::id();
    object!({"pid": pid, "name": process_name(pid), "fd": socket.as_raw_fd()})
}

/// The owners of the one listener at [`SERVER`], by descriptor and process.
fn owners(report: &Value) -> Vec<Value> {
    let owners = listener(report, SERVER)["owners"].as_array();
    let mut owners = owners.expect("owners[]").clone();
    owners.sort_by_key(|owner| (owner["fd"].as_i64(), owner["pid"].as_u64()));
    owners
}

#[test]
fn the_owner_is_the_process_that_holds_the_descriptor() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let report = json(&["queues"]);
        assert_eq!(owners(&report), [myself(&server)]);
        assert_eq!(listener(&report, SERVER)["owners_complete"], true);
        assert_eq!(report["incomplete"], object!([]));

        for flag in [&["--no-owners"][..], &["--owners", "none"]] {
            let report = json(&[&["queues"], flag].concat());
            assert_eq!(owners(&report), [] as [Value; 0]);
            assert_eq!(listener(&report, SERVER)["owners_complete"], false);
        }
    });
}

#[test]
fn all_processes_that_share_a_listener_own_it() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        // Inherited, as the workers of a pre-forking server inherit it. Not by sockdiag.
        server.set_cloexec(false).expect("FD_CLOEXEC");
        let cats = [spawn_cat(), spawn_cat(), spawn_cat()];
        server.set_cloexec(true).expect("FD_CLOEXEC");
        wait_until("all are cats", || {
            cats.iter().all(|cat| cat.name() == "cat")
        });

        let report = json(&["queues", "--owners", "all"]);
        let fd = server.as_raw_fd();
        let mut expected = vec![myself(&server)];
        expected.extend(
            cats.iter()
                .map(|cat| object!({"pid": cat.pid(), "name": "cat", "fd": fd})),
        );
        assert_eq!(owners(&report), expected);
        assert_eq!(listener(&report, SERVER)["owners_complete"], true);
    });
}

#[test]
fn a_listener_passed_to_another_process_is_found_at_a_high_descriptor() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let handed_over = SocketHandover::at("handover").pass(&server);
        let holder = spawn_descriptor_receiver("handover", 900);
        handed_over.join().expect("it was passed");

        let mine = myself(&server);
        let theirs = object!({"pid": holder.pid(), "name": holder.name(), "fd": 900});
        let report = json(&["queues", "--owners", "all"]);
        assert_eq!(owners(&report), [mine, theirs.clone()]);

        // Whoever made the listener need not be among its owners any more.
        drop(server);
        let report = json(&["queues", "--owners", "all"]);
        assert_eq!(owners(&report), [theirs]);
    });
}

#[test]
fn a_process_that_holds_a_listener_twice_is_listed_with_both_descriptors() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let again = server.try_clone().expect("a descriptor is free");
        let report = json(&["queues", "--owners", "all"]);
        let mut expected = [myself(&server), myself(&again)];
        expected.sort_by_key(|owner| owner["fd"].as_i64());
        assert_eq!(owners(&report), expected);
    });
}

#[test]
fn no_descriptor_is_passed_over() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        // The low ones are looked at first, the others in a second round.
        let wanted = [61, 62, 63, 64, 65, 127, 128, 129, 900];
        let _held = wanted.map(|fd| {
            let held = rustix::io::fcntl_dupfd_cloexec(&server, fd).expect("it is free");
            assert_eq!(held.as_raw_fd(), fd);
            held
        });
        for how in ["auto", "all"] {
            let report = json(&["queues", "--owners", how]);
            let mut fds: Vec<i64> = owners(&report)
                .iter()
                .filter_map(|o| o["fd"].as_i64())
                .collect();
            fds.retain(|fd| *fd != i64::from(server.as_raw_fd()));
            assert_eq!(fds, wanted.map(i64::from), "--owners {how}");
        }
    });
}

#[test]
fn a_process_name_reaches_json_exactly_and_a_table_escaped() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen(SERVER, 5);
        let name = "a\u{1b}[31m\"b\\";
        std::fs::write("/proc/self/comm", name).expect("a process may name itself");
        let report = json(&["queues"]);
        assert_eq!(owners(&report)[0]["name"], name);
        let table = text(&["queues", "--color", "never"]);
        assert!(table.contains("8080"), "{table}");
        assert!(!table.contains('\u{1b}'), "{table:?}");
    });
}

#[test]
fn an_ordinary_user_gets_the_listeners_and_is_told_that_owners_are_hidden() {
    in_netns_of_root(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let _clients = fill_accept_queue(&server, 6);
        let output = as_nobody("exec", &["queues", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));

        let report: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
        let found = listener(&report, SERVER);
        assert_eq!(found["state"], "full");
        assert_eq!(found["accept_queue"]["length"], 6);
        assert_eq!(found["uid"], 0);
        assert_eq!(found["owners"], object!([]));
        assert_eq!(found["owners_complete"], false);
        let incomplete = report["incomplete"].as_array().expect("incomplete[]");
        let owners = incomplete
            .iter()
            .find(|missing| missing["what"] == "owners")
            .unwrap_or_else(|| panic!("owners are not said to be missing: {report:#}"));
        let why = owners["why"].as_str().expect("a reason");
        assert!(why.contains("CAP_SYS_PTRACE"), "{why}");
        assert!(count(&owners["count"]) >= 1);
    });
}

#[test]
fn where_proc_hides_processes_no_search_is_complete() {
    in_netns_of_root(|| {
        lo_up();
        let _server = listen(SERVER, 5);
        for hidepid in [1, 2] {
            let mount = format!("mount -t proc -o hidepid={hidepid} proc /proc && exec");
            let output = as_nobody(&mount, &["queues", "--json", "--owners", "all"]);
            assert!(output.status.success(), "{}", stderr(&output));
            let report: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
            let found = listener(&report, SERVER);
            assert_eq!(found["owners"], object!([]));
            assert_eq!(found["owners_complete"], false, "hidepid={hidepid}");
            let incomplete = report["incomplete"].as_array().expect("incomplete[]");
            assert_eq!(incomplete[0]["what"], "owners", "{incomplete:?}");
        }
    });
}

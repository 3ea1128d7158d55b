//! `sockdiag doctor`: what a process does not close, and has more of at each sample.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use crate::support::diagnosis::{doctor, doctor_while, only};
use crate::support::helper_process::spawn_leaking;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{finding, number};
use crate::support::traffic::left_open;
use crate::support::tree::Tree;

#[test]
fn descriptors_that_a_process_does_not_close_are_a_leak() {
    in_sealed_netns(|| {
        let leaking = spawn_leaking();
        let report = doctor(&["--for=2s"]);
        let found = only(&report, "fd_leak");
        assert_eq!(found["severity"], "warning");
        assert_eq!(found["inferred"], true, "load that rises looks the same");
        assert_eq!(found["pids"], serde_json::json!([leaking.pid()]));
        let subject = format!("{} ({})", leaking.name(), leaking.pid());
        assert_eq!(found["subject"], subject);
    });
}

/// The kernel counts the sockets of the whole host, whoever has them.
#[test]
fn connections_that_a_process_does_not_close_are_a_leak_beside_very_many_sockets_too() {
    in_sealed_netns(|| {
        lo_up();
        let proc = proc_with_many_sockets();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let mut open = left_open(&listener, 20);
        let leak = || {
            open.extend(left_open(&listener, 1));
            // The pace of the scene; nothing waits for it.
            thread::sleep(Duration::from_millis(100));
        };
        let report = doctor_while(leak, &["--for=11s", "--proc-root", proc.path()]);
        let found = finding(&report, "close_wait_leak");
        assert_eq!(found["subject"], "127.0.0.1:8080");
        let mut evidence = found["evidence"].as_array().expect("a list").iter();
        let more = evidence.find(|one| one["name"] == "held_delta");
        assert!(number(&more.expect("it grew")["value"]) >= 10.0);
    });
}

/// This `/proc`, with a million sockets in its counts.
fn proc_with_many_sockets() -> Tree {
    let tree = Tree::new();
    let link = |folder: &str, but: &str| {
        let from = format!("/proc/{folder}");
        let entries = std::fs::read_dir(&from).expect("it is there");
        for entry in entries.flatten() {
            let name = entry.file_name().into_string().expect("UTF-8");
            if name != but {
                tree.link(&format!("{folder}{name}"), &format!("{from}{name}"));
            }
        }
    };
    link("", "thread-self");
    link("thread-self/", "net");
    link("thread-self/net/", "sockstat");
    let many = "TCP: inuse 5 orphan 0 tw 0 alloc 1000000 mem 1\n";
    tree.write("thread-self/net/sockstat", many);
    tree
}

/// The oldest must have been silent for ten seconds, and each holds a descriptor.
#[test]
fn connections_that_a_process_does_not_close_are_one_leak() {
    in_sealed_netns(|| {
        lo_up();
        let listener = TcpListener::bind("127.0.0.1:8080").expect("it is free");
        let mut open = left_open(&listener, 20);
        let leak = || {
            open.extend(left_open(&listener, 1));
            // The pace of the scene; nothing waits for it.
            thread::sleep(Duration::from_millis(100));
        };
        let report = doctor_while(leak, &["--for=11s"]);
        let found = only(&report, "close_wait_leak");
        assert_eq!(found["severity"], "warning");
        assert_eq!(found["subject"], "127.0.0.1:8080");
        assert_eq!(
            found["inferred"], true,
            "a process that is stuck looks the same"
        );
        assert_eq!(found["pids"], serde_json::json!([std::process::id()]));
    });
}

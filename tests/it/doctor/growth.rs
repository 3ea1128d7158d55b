//! `sockdiag doctor`: what a process does not close, and has more of at each sample.

use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::diagnosis::{doctor, doctor_while, only};
use crate::support::helper_process::spawn_leaking;
use crate::support::leaks::{SERVER, pair, server};
use crate::support::meanwhile::while_repeating;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{finding, finding_ids, json, number};
use crate::support::traffic::left_open;
use crate::support::tree::Tree;
use crate::support::wait::wait_for;

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
        let many = "TCP: inuse 5 orphan 0 tw 0 alloc 1000000 mem 1\n";
        let proc = Tree::of_this_proc(&[("thread-self/net/sockstat", many)]);
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

/// The clients have shut down their side, and the server closes none.
#[test]
fn connections_that_wait_for_their_peers_to_close_pile_up() {
    in_sealed_netns(|| {
        let listener = server();
        let mut open = Vec::new();
        let mut shut_down = |count| {
            for _ in 0..count {
                let ends = pair(&listener);
                ends.0.shutdown(Shutdown::Write).expect("it is connected");
                open.push(ends);
            }
        };
        shut_down(20);
        let more = || {
            shut_down(1);
            // The pace of the scene; nothing waits for it.
            thread::sleep(Duration::from_millis(50));
        };
        let is_found = |report: &Value| finding_ids(report).contains(&"fin_wait_pileup");
        let reports = while_repeating(more, || {
            let of_leaks = wait_for("they have lasted", || {
                let report = json(&["leaks", "--for", "2s"]);
                is_found(&report).then_some(report)
            });
            [of_leaks, doctor(&["--for=2s"])]
        });
        for report in reports {
            let found = finding(&report, "fin_wait_pileup");
            assert_eq!(found["severity"], "warning");
            assert_eq!(found["subject"], format!("→ {SERVER}"));
            assert_eq!(
                found["inferred"], true,
                "a peer that is slow looks the same"
            );
            assert_eq!(found["pids"], serde_json::json!([std::process::id()]));
        }
    });
}

//! Too few descriptors, and folders that cannot be listed: what could not be looked at is not
//! reported as absent.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::kernel_parts::unseen;
use crate::support::netns::{in_sealed_netns, lo_up, run};
use crate::support::program::{PROGRAM, assert_failed, command, finish, json, listener, stderr};
use crate::support::skipped::report_skipped;
use crate::support::sockets::listen;
use crate::support::tree::Tree;

/// Runs the program with no more than so many descriptors, standard streams included.
fn with_descriptors(most: usize, args: &[&str]) -> Output {
    let limit = format!("--nofile={most}");
    let mut command = Command::new("prlimit");
    command.args([&limit, PROGRAM]).args(args).arg("--json");
    finish(command.stdout(Stdio::piped()))
}

/// The report, unless the program failed for want of descriptors, and said so.
#[track_caller]
fn report_or_failure(output: &Output) -> Option<Value> {
    if output.status.success() {
        return Some(serde_json::from_slice(&output.stdout).expect("JSON"));
    }
    assert_failed(output, 1, &["Too many open files"]);
    None
}

#[test]
fn processes_that_could_not_be_read_are_not_left_out() {
    in_sealed_netns(|| {
        let own = std::process::id();
        let mut answers = 0;
        for most in 4..12 {
            for args in [&["fds"][..], &["fds", "--types", "--why"]] {
                let Some(report) = report_or_failure(&with_descriptors(most, args)) else {
                    continue;
                };
                answers += 1;
                let processes = report["processes"].as_array().expect("processes[]");
                let is_listed = processes.iter().any(|process| process["pid"] == own);
                assert!(is_listed, "{most} descriptors: {report:#}");
            }
        }
        assert!(answers > 0, "none of the limits was enough");
        assert_failed(&with_descriptors(4, &["fds"]), 1, &["reading /proc"]);
        let named = ["fds", "--process", "no-such-process"];
        assert_failed(&with_descriptors(4, &named), 1, &["Too many open files"]);
    });
}

#[test]
fn owners_that_could_not_be_searched_for_are_not_absent() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let mut partial = 0;
        for most in 4..16 {
            let Some(report) = report_or_failure(&with_descriptors(most, &["queues"])) else {
                continue;
            };
            let found = listener(&report, "127.0.0.1:8080");
            if found["owners"].as_array().expect("owners[]").is_empty() {
                assert_eq!(found["owners_complete"], false, "{most}: {report:#}");
                let why = report["incomplete"].to_string();
                assert!(why.contains("Too many open files"), "{most}: {why}");
                partial += 1;
            }
        }
        assert!(partial > 0, "no limit was between enough and too few");
    });
}

fn has_strace(test: &str) -> bool {
    let found = Command::new("strace").arg("-V").output();
    found
        .inspect_err(|_| report_skipped(&format!("{test}: needs strace")))
        .is_ok()
}

/// Runs the program, to which the kernel refuses to list folders; with `-P` only those named.
fn without_listing(which: &[&str], args: &[&str]) -> Output {
    let refuse = "inject=getdents64:error=EIO";
    let mut command = Command::new("strace");
    command.args(["-qq", "-f", "-o", "/dev/null", "-e", refuse]);
    command.args(which).arg(PROGRAM).args(args);
    finish(command.stdout(Stdio::piped()))
}

#[test]
fn a_folder_of_drop_ins_that_cannot_be_listed_is_said_to_be_unread() {
    if !has_strace("a_folder_of_drop_ins_that_cannot_be_listed_is_said_to_be_unread") {
        return;
    }
    let tree = Tree::copy_of("5.15-near-descriptor-limit");
    let folder = format!("{}/1/root/etc/systemd/system/api.service.d", tree.path());
    let args = ["fds", "--why", "--json", "--proc-root", tree.path()];
    let missing = |output: &Output| {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["incomplete"].to_string()
    };
    let why = "files that may set the limits";
    let all_read = missing(&finish(command(&args).stdout(Stdio::piped())));
    assert!(!all_read.contains(why), "{all_read}");
    let unread = missing(&without_listing(&["-P", &folder], &args));
    assert!(unread.contains(why), "{unread}");
}

#[test]
fn a_folder_that_cannot_be_listed_is_not_empty() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let traced = |args: &[&str]| without_listing(&[], args);
        if !has_strace("a_folder_that_cannot_be_listed_is_not_empty") {
            return;
        }
        let why = "Input/output error";
        for args in [
            &["fds"][..],
            &["fds", "--json"],
            &["queues", "--process", "it"],
            &["counters", "--netns", "all"],
        ] {
            assert_failed(&traced(args), 1, &["reading /proc", why]);
        }
        let output = traced(&["queues", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(report["incomplete"].to_string().contains(why), "{report:#}");
    });
}

#[test]
fn an_owner_whose_descriptors_cannot_be_listed_is_counted() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let tree = Tree::copy_of("6.18-overflow-and-syn-flood");
        tree.write("120/fd", "no folder");
        let report = json(&["queues", "--proc-root", tree.path()]);
        let found = listener(&report, "127.0.0.1:8080");
        assert_eq!(found["owners_complete"], false);
        let why = report["incomplete"].to_string();
        assert!(why.contains("Not a directory"), "{why}");
    });
}

#[test]
fn there_may_be_more_namespaces_than_descriptors() {
    in_sealed_netns(|| {
        std::fs::create_dir("/run/netns").expect("/run is empty");
        let names: Vec<String> = (0..24).map(|number| format!("net{number}")).collect();
        for name in &names {
            run("ip", &["netns", "add", name]);
        }
        for command in ["queues", "counters", "ports", "timewait"] {
            let args = [command, "--netns", "all"];
            let output = with_descriptors(16, &args);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert!(unseen(&report).is_empty(), "{command}: {report:#}");
            if let Some(found) = report["namespaces"].as_array() {
                assert_eq!(found.len(), 1 + names.len(), "{command}");
            }
        }
    });
}

//! Owners by BPF where /proc shows less, or needs other rights.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::sync::mpsc;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::thread::UnshareFlags;
use serde_json::Value;
use sockdiag::model::OwnerSource;
use sockdiag::source::BpfUse;

use crate::support::netns::{in_netns_of_root, lo_up};
use crate::support::processes::owners;
use crate::support::program::{json, listener, stderr};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{inode, listen};
use crate::support::users::{as_nobody, as_nobody_with};

/// Gives the calling thread descriptors of its own.
#[expect(
    deprecated,
    reason = "the other one is unsafe, for threads that use descriptors later"
)]
fn leave_descriptors() {
    rustix::thread::unshare(UnshareFlags::FILES).expect("a table of its own");
}

/// /proc/PID/fd is the table of the first thread.
#[test]
fn a_thread_with_descriptors_of_its_own_is_seen_by_bpf() {
    in_netns_of_root(|| {
        lo_up();
        let shared = listen("127.0.0.1:8080", 5);
        // The search has a second round.
        let _high = fcntl_dupfd_cloexec(shared.as_fd(), 900).expect("a high descriptor");
        let (told, tell) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            leave_descriptors();
            let own = TcpListener::bind("127.0.0.1:8081").expect("the port is free");
            told.send(inode(&own) as u32).expect("the test waits");
            let _ = ended.recv();
        });
        let own = tell.recv().expect("it listens");
        let shared = inode(&shared) as u32;
        let [by_proc, by_bpf] =
            [BpfUse::Never, BpfUse::Always].map(|bpf| owners(bpf, &[shared, own]));
        drop(end);
        thread.join().expect("it ends");
        if by_bpf.found_by != OwnerSource::Bpf {
            return report_skipped("finding owners by BPF: no rights, or not supported here");
        }
        assert_eq!(by_proc.by_inode.get(&own), None);
        let pids = |inode| {
            let owners = by_bpf.by_inode[inode].iter();
            owners.map(|owner| owner.pid).collect::<Vec<_>>()
        };
        assert_eq!(pids(&own), [std::process::id()]);
        // The thread has a copy of this one, under the same number.
        assert_eq!(by_bpf.by_inode[&shared], by_proc.by_inode[&shared]);
        assert_eq!(
            by_bpf.by_inode[&shared].len(),
            2,
            "the low and the high one"
        );
    });
}

/// Owners of the listener here, and how they were found.
#[track_caller]
fn seen(report: &Value) -> (BTreeSet<String>, bool) {
    let found = listener(report, "127.0.0.1:8080");
    let owners = found["owners"].as_array().expect("owners[]").iter();
    let complete = found["owners_complete"].as_bool().expect("a flag");
    (owners.map(Value::to_string).collect(), complete)
}

#[test]
fn with_the_two_capabilities_an_ordinary_user_sees_what_root_sees() {
    in_netns_of_root(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let args = ["queues", "--owners", "all", "--json"];
        let parsed = |output: std::process::Output| -> Value {
            assert!(output.status.success(), "{}", stderr(&output));
            serde_json::from_slice(&output.stdout).expect("JSON")
        };
        let of_nobody = parsed(as_nobody("", &args));
        assert!(seen(&of_nobody).0.is_empty(), "they need a right");
        let says = |report: &Value, what: &str| {
            let abilities = report["abilities"].as_array().expect("abilities[]");
            let mut abilities = abilities.iter();
            let found = abilities.find(|one| one["ability"] == what);
            found.expect("it is listed")["here"].clone()
        };
        if says(&json(&["doctor", "--self"]), "descriptor_iterator") == false {
            return report_skipped("owners by BPF: no rights, or not supported here");
        }
        let may = parsed(as_nobody_with(
            "bpf,+perfmon",
            &["doctor", "--self", "--json"],
        ));
        assert_eq!(says(&may, "descriptor_iterator"), true);
        assert_eq!(says(&may, "other_processes"), false);
        assert_eq!(may["owners_found_by"], "bpf");
        let of_nobody = parsed(as_nobody_with("bpf,+perfmon", &args));
        let of_root = json(&args[..3]);
        assert_eq!(seen(&of_nobody), seen(&of_root));
        assert!(seen(&of_root).1, "all were seen");
        // One of the two is not enough.
        for one in ["bpf", "perfmon"] {
            let may = parsed(as_nobody_with(one, &["doctor", "--self", "--json"]));
            assert_eq!(says(&may, "descriptor_iterator"), false, "{one}");
            assert_eq!(may["owners_found_by"], "proc", "{one}");
        }
    });
}

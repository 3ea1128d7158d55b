//! The library's collector: what a snapshot costs the kernel, and what its parts agree on.

use std::process::Command;

use crate::support::clients::clients;
use crate::support::netns::{in_sealed_netns, lo_up, test_inside};
use crate::support::skipped::report_skipped;
use crate::support::sockets::listen;
use crate::support::unanswered::{syn_flood, unanswered_syns};
use sockdiag::collect::{Collector, Needs, OwnerNeeds};
use sockdiag::model::{Snapshot, State};
use sockdiag::source::Kernel;

/// Set in the process whose system calls are recorded.
const TRACED: &str = "SOCKDIAG_TRACED";

fn everything() -> Snapshot {
    let mut collector = Collector::new(Kernel::new(), Needs::everything());
    collector.collect().expect("a snapshot")
}

/// The system calls of a process that takes one snapshot of everything; `None` without strace.
fn system_calls_of_a_snapshot() -> Option<String> {
    let calls = std::env::temp_dir().join(format!("sockdiag-calls-{}", std::process::id()));
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=sendto,openat", "-o"])
        .arg(&calls)
        .arg(std::env::current_exe().expect("a test knows its own path"))
        .args(["--exact", &test_inside(), "--nocapture"])
        .env(TRACED, "1")
        .output();
    let traced = match traced {
        Ok(traced) => traced,
        Err(error) => {
            report_skipped(&format!("counting system calls: strace: {error}"));
            return None;
        }
    };
    let printed = String::from_utf8_lossy(&traced.stdout);
    assert!(printed.contains("1 passed"), "{printed}");
    let text = std::fs::read_to_string(&calls).expect("strace wrote it");
    std::fs::remove_file(&calls).expect("it is there");
    Some(text)
}

#[test]
fn a_snapshot_of_everything_walks_once_for_both_families_and_searches_once() {
    in_sealed_netns(|| {
        if std::env::var_os(TRACED).is_some() {
            return drop(everything());
        }
        lo_up();
        let _server = listen("127.0.0.1:8080", 9);
        let Some(calls) = system_calls_of_a_snapshot() else {
            return;
        };
        let count = |parts: &[&str]| {
            let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
            calls.lines().filter(has_all).count()
        };
        assert_eq!(count(&["sdiag_protocol=IPPROTO_TCP"]), 0, "{calls}");
        let dumps = count(&["TCPDIAG_GETSOCK"]);
        let without_a_walk = count(&["TCPDIAG_GETSOCK", "idiag_states=1<<TCP_LISTEN,"]);
        assert_eq!(dumps - without_a_walk, 1, "one walk\n{calls}");
        // A search ends with a look at each descriptor that it found: that of the listener.
        assert_eq!(count(&["openat", "\"fdinfo/"]), 1, "one search\n{calls}");
    });
}

#[test]
fn the_parts_of_one_walk_agree_with_each_other() {
    in_sealed_netns(|| {
        unanswered_syns();
        let _server = listen("10.9.0.1:8080", 9);
        let _clients = clients("10.9.0.1:8080", 5);
        syn_flood("10.9.0.1:8080", 3);
        // Automatically they are searched for until 250 ms have passed.
        let needs = Needs {
            owners: OwnerNeeds::All,
            ..Needs::everything()
        };
        let snapshot = Collector::new(Kernel::new(), needs).collect();
        let snapshot = snapshot.expect("a snapshot");
        let namespace = &snapshot.namespaces[0];
        let half_open = namespace.half_open.as_ref().expect("counted");
        let requests: u32 = half_open.by_endpoint.iter().map(|(_, sum)| sum.count).sum();
        let connections = namespace.connections.as_ref().expect("counted");
        assert_eq!(u64::from(requests), 3);
        assert_eq!(connections.count(State::SynRecv), 3);
        // Both ends are here.
        assert_eq!(connections.count(State::Established), 10);
        let ports = namespace.port_holders.as_ref().expect("read");
        let in_use: u64 = ports.tuples.iter().map(|(_, tuple)| tuple.used()).sum();
        assert_eq!(in_use, 5, "the server's ends hold no port of their own");
        let waiting = namespace.waiting.as_ref().expect("read");
        assert_eq!(waiting.sockets.len(), 5);
        assert!(snapshot.boot_id.is_some());
        let owners = snapshot.owners.expect("searched");
        assert_eq!(
            owners.by_inode.len(),
            6,
            "the listener and the clients' ends"
        );
    });
}

//! `sockdiag check --netns`: other network namespaces than the own.

use crate::support::check::{check, judged, metric};
use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::{add_named, in_sealed_netns, lo_up};
use crate::support::sockets::listen;

/// Its accept queue is full.
const FULL: ListenerSetup = ListenerSetup {
    address: "10.9.0.1:8080",
    backlog: 2,
    clients: 3,
    syns: 0,
};

#[test]
fn a_full_queue_is_critical_where_its_namespace_is_read() {
    in_sealed_netns(|| {
        lo_up();
        let _here = listen("127.0.0.1:8081", 7);
        let blue = add_named("blue");
        let empty = add_named("empty");
        let own = std::process::id().to_string();
        let _there = spawn_listener(&FULL, &["nsenter", &format!("--net={blue}")]);

        let fill = ["queues", "-c", "99%", "--for", "0.1"];
        let in_place = |netns: &[&str]| check(&[&fill[..], netns].concat());
        for netns in [&["--netns", "blue"][..], &["--netns", "all"], &[]] {
            let (code, report) = in_place(netns);
            assert_eq!((code, &report["status"]), (2, &"critical".into()));
            let found = metric(&report, "queues_fill");
            assert_eq!(found["value"], 1.0, "{netns:?}");
            assert_eq!(found["subject"], "10.9.0.1:8080 in blue", "{netns:?}");
        }
        for netns in [
            &["--netns", &own][..],
            &["--netns", "empty"],
            &["--netns", &empty],
        ] {
            let (code, report) = in_place(netns);
            assert_eq!((code, &report["status"]), (0, &"ok".into()), "{netns:?}");
        }

        let rules = ["--fail-on", "accept_queue_*", "--for", "0.1"];
        let in_place = |netns: &str| check(&[&rules[..], &["--netns", netns]].concat());
        let (code, report) = in_place("blue");
        assert_eq!(code, 2, "{report:#}");
        let (code, report) = in_place("empty");
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(judged(&report, "accept_queue_*")["status"], "ok");
    });
}

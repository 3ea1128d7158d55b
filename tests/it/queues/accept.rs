//! `sockdiag queues`: the accept queue, its limit and its drops, in real trouble.

use crate::support::netns::{in_netns, in_netns_with_core_sysctls, lo_up, sysctl};
use crate::support::program::{
    Watch, count, finding_ids, json, listener, listeners, number, sockdiag, stderr,
};
use crate::support::sockets::{fill_accept_queue, inode, listen, listen_with};
use crate::support::tools::{ss_listeners, tcp_ext};
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::wait_until;

#[test]
fn the_state_follows_the_queue_from_idle_to_overflowing() {
    in_netns(|| {
        unanswered_syns();
        // A limit of 9 holds 10.
        let server = listen("10.9.0.1:8080", 9);
        let mut clients = Vec::new();
        for (join, length, fill_ratio, state) in [
            (0, 0, 0.0, "idle"),
            (4, 4, 0.4, "ok"),
            (1, 5, 0.5, "busy"),
            // As many as the limit says, and still one place left.
            (4, 9, 0.9, "busy"),
            (1, 10, 1.0, "full"),
        ] {
            clients.extend(fill_accept_queue(&server, join));
            let report = json(&["queues"]);
            let found = listener(&report, "10.9.0.1:8080");
            let queue = &found["accept_queue"];
            assert_eq!(queue["length"], length);
            assert_eq!(queue["limit"], 9);
            assert!((number(&queue["fill_ratio"]) - fill_ratio).abs() < 1e-6);
            assert_eq!(found["state"], state, "{found:#}");
            assert_eq!(found["drops"], 0);
            let is_full = finding_ids(&report).contains(&"accept_queue_full");
            assert_eq!(is_full, state == "full", "{report:#}");
        }

        syn_flood("10.9.0.1:8080", 3);
        assert_eq!(tcp_ext("ListenOverflows"), 3, "the scene is set");
        let report = json(&["queues"]);
        // When they were dropped is not known without an earlier reading.
        assert_eq!(finding_ids(&report), ["accept_queue_full"]);
        let found = listener(&report, "10.9.0.1:8080");
        assert_eq!(found["state"], "overflowing", "{found:#}");
        assert_eq!(found["drops"], 3);
        assert_eq!(found["accept_queue"]["length"], 10);

        let mut watch = Watch::new(&["queues", "--watch=0.1"]);
        watch.report();
        syn_flood("10.9.0.1:8080", 2);
        wait_until("the drops are found", || {
            let report = watch.report();
            finding_ids(&report) == ["accept_queue_overflow"]
        });
    });
}

#[test]
fn a_listener_is_described_as_the_socket_describes_itself() {
    in_netns(|| {
        lo_up();
        let on_lo = listen_with("127.0.0.1:8080", 5, |socket| {
            socket.bind_device(Some(b"lo")).expect("lo is there");
        });
        let anywhere = listen("[::]:8081", 5);
        let report = json(&["queues"]);
        for (address, socket, interface) in [
            ("127.0.0.1:8080", &on_lo, Some("lo")),
            ("[::]:8081", &anywhere, None),
        ] {
            let found = listener(&report, address);
            assert_eq!(found["protocol"], "tcp");
            assert_eq!(found["local"]["interface"].as_str(), interface);
            assert_eq!(found["inode"], inode(socket));
            let cookie = socket.cookie().expect("SO_COOKIE").to_string();
            assert_eq!(found["cookie"], cookie);
            assert_eq!(found["uid"], 0);
            assert_eq!(found["reuseport_members"].as_u64().unwrap_or(1), 1);
        }
        assert_eq!(listeners(&report).len(), 2);
    });
}

#[test]
fn a_limit_is_said_to_be_set_by_whoever_set_it() {
    in_netns_with_core_sysctls(|| {
        lo_up();
        sysctl("net/core/somaxconn", 4096);
        let backlogs = [
            (8081, 100, 100, Some("application")),
            (8082, 5000, 4096, Some("somaxconn")),
            (8083, 4096, 4096, Some("somaxconn")),
            // The cap of older kernels, or the number the application chose: nobody can know.
            (8084, 128, 128, None),
            (8085, 2048, 2048, None),
            // Below 128 no cap was ever customary.
            (8086, 64, 64, Some("application")),
        ];
        let sockets: Vec<_> = backlogs
            .iter()
            .map(|(port, backlog, ..)| listen(&format!("127.0.0.1:{port}"), *backlog))
            .collect();
        let report = json(&["queues"]);
        for (port, backlog, limit, set_by) in backlogs {
            let queue = &listener(&report, &format!("127.0.0.1:{port}"))["accept_queue"];
            assert_eq!(queue["limit"], limit, "listen({backlog})");
            assert_eq!(queue["limit_set_by"].as_str(), set_by, "listen({backlog})");
        }
        drop(sockets);
    });
}

#[test]
fn a_queue_that_somaxconn_clamps_is_full_at_the_clamped_limit() {
    in_netns_with_core_sysctls(|| {
        lo_up();
        sysctl("net/core/somaxconn", 4);
        let server = listen("127.0.0.1:8080", 1000);
        let _clients = fill_accept_queue(&server, 5);
        let report = json(&["queues"]);
        let found = listener(&report, "127.0.0.1:8080");
        assert_eq!(found["accept_queue"]["length"], 5);
        assert_eq!(found["accept_queue"]["limit"], 4);
        assert_eq!(found["accept_queue"]["limit_set_by"], "somaxconn");
        assert_eq!(found["state"], "full");
    });
}

#[test]
fn a_limit_goes_stale_when_somaxconn_is_raised_under_a_watch() {
    in_netns_with_core_sysctls(|| {
        lo_up();
        sysctl("net/core/somaxconn", 10);
        let server = listen("127.0.0.1:8080", 1000);
        let mut watch = Watch::new(&["queues", "--watch=0.05"]);
        let set_by = |report: &serde_json::Value| {
            listener(report, "127.0.0.1:8080")["accept_queue"]["limit_set_by"].clone()
        };
        assert_eq!(set_by(&watch.report()), "somaxconn");
        sysctl("net/core/somaxconn", 4096);
        // listen() was not called again, so the old cap still holds.
        wait_until("the limit is said to be stale", || {
            set_by(&watch.report()) == "stale"
        });
        server.listen(1000).expect("listen() may be called again");
        wait_until("the new limit is the application's", || {
            set_by(&watch.report()) == "application"
        });
    });
}

#[test]
fn listen_zero_holds_one_connection() {
    in_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 0);
        let report = json(&["queues"]);
        assert_eq!(listener(&report, "127.0.0.1:8080")["state"], "idle");

        let _client = fill_accept_queue(&server, 1);
        let report = json(&["queues"]);
        let found = listener(&report, "127.0.0.1:8080");
        assert_eq!(found["accept_queue"]["length"], 1);
        assert_eq!(found["accept_queue"]["limit"], 0);
        assert_eq!(number(&found["accept_queue"]["fill_ratio"]), 1.0);
        assert_eq!(found["state"], "full");
    });
}

#[test]
fn lengths_and_limits_are_those_of_ss() {
    in_netns(|| {
        lo_up();
        let half = listen("127.0.0.1:8081", 7);
        let full = listen("[::1]:8082", 2);
        let _idle = listen("0.0.0.0:8083", 4096);
        let _clients = (fill_accept_queue(&half, 4), fill_accept_queue(&full, 3));
        let Some(by_ss) = ss_listeners() else { return };
        let report = json(&["queues"]);
        let mut ours: Vec<_> = listeners(&report)
            .iter()
            .map(|listener| {
                let queue = &listener["accept_queue"];
                let port = count(&listener["local"]["port"]);
                (port, count(&queue["length"]), count(&queue["limit"]))
            })
            .collect();
        ours.sort_unstable();
        assert_eq!(ours, by_ss);
        assert_eq!(ours, [(8081, 4, 7), (8082, 3, 2), (8083, 0, 4096)]);
    });
}

#[test]
fn with_nothing_listening_there_are_no_listeners_and_the_table_says_so() {
    in_netns(|| {
        lo_up();
        let report = json(&["queues"]);
        assert_eq!(report["listeners"], serde_json::json!([]));
        let output = sockdiag(&["queues"]);
        assert!(output.status.success());
        let said = String::from_utf8_lossy(&output.stdout).to_lowercase() + &stderr(&output);
        assert!(said.contains("listen"), "{said}");
        assert!(!said.contains("8080"), "{said}");
    });
}

//! `sockdiag timewait`: how many, of how many, and when they run out.

use crate::support::clients::{clients, port_range};
use crate::support::netns::{in_netns, lo_up, sysctl};
use crate::support::program::{count, finding_ids, json, number, sockdiag, text};
use crate::support::sockets::listen;
use crate::support::time_waits::{
    client_fin_wait_2s, client_time_waits, connected_pair, server_time_waits, time_wait_count,
};
use crate::support::tools::{tcp_ext, tool_output};
use crate::support::unanswered::unanswered_syns;
use crate::support::wait::wait_until;
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";
const SIX: &str = "[fd00:9::1]:8080";

/// The six tens of seconds that are left, soonest first.
#[track_caller]
fn left(report: &Value) -> Vec<u64> {
    let tens = report["left"].as_array().expect("left[]");
    for (at, ten) in tens.iter().enumerate() {
        assert_eq!(ten["from_seconds"], 10 * at, "{tens:?}");
        assert_eq!(ten["to_seconds"], 10 * (at + 1), "{tens:?}");
    }
    tens.iter().map(|ten| count(&ten["count"])).collect()
}

#[test]
fn the_count_is_that_of_sockstat_and_of_ss() {
    in_netns(|| {
        unanswered_syns();
        let (server, six) = (listen(SERVER, 100), listen(SIX, 100));
        client_time_waits(&server, 12);
        server_time_waits(&server, 5);
        client_time_waits(&six, 8);
        let _servers = client_fin_wait_2s(&server, 3);
        let _established = clients(SERVER, 4);
        assert_eq!(time_wait_count(), 28, "the scene is set");

        let report = json(&["timewait"]);
        assert_eq!(report["count"], 28);
        assert_eq!(report["fin_wait_2"], 3);
        let groups = report["groups"].as_array().expect("groups[]");
        let all: u64 = groups.iter().map(|group| count(&group["count"])).sum();
        assert_eq!(all, 28, "every one is in a group");
        if let Some(rows) = tool_output("ss", &["-H", "-t", "-n", "state", "time-wait"]) {
            assert_eq!(rows.lines().count(), 25);
        }
    });
}

#[test]
fn fin_wait_2_that_is_a_socket_still_is_not_counted() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        // More than a minute: the kernel keeps the socket itself.
        sysctl("net/ipv4/tcp_fin_timeout", 90);
        let _servers = client_fin_wait_2s(&server, 3);
        assert_eq!(time_wait_count(), 0, "the scene is set");
        assert_eq!(json(&["timewait"])["count"], 0);
    });
}

#[test]
fn the_limit_is_said_and_what_found_no_room() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        sysctl("net/ipv4/tcp_max_tw_buckets", 10);
        client_time_waits(&server, 8);
        let report = json(&["timewait"]);
        assert_eq!(
            (&report["count"], &report["limit"]),
            (&8.into(), &10.into())
        );
        assert_eq!(number(&report["fill_ratio"]), 0.8);
        assert_eq!(report["overflows"], 0);
        assert_eq!(finding_ids(&report), ["timewait_near_limit"]);

        client_time_waits(&server, 2);
        // No room for these: they are gone at once.
        for _ in 0..5 {
            let (client, server) = connected_pair(&server, |_| Ok(()));
            drop(client);
            drop(server);
        }
        wait_until("all have found no room", || {
            tcp_ext("TCPTimeWaitOverflow") == 5
        });
        let report = json(&["timewait"]);
        assert_eq!(report["count"], 10);
        assert_eq!(number(&report["fill_ratio"]), 1.0);
        assert_eq!(report["overflows"], 5);
        assert_eq!(finding_ids(&report), ["timewait_overflow"]);
        assert!(report["overflows_delta"].is_null());
        let namespace = &report["namespaces"][0];
        assert_eq!(namespace["overflows"], 5);
        assert_eq!(namespace["limit"], 10);
        let table = text(&["timewait"]);
        assert!(table.contains('5') && table.contains("10"), "{table}");
    });
}

#[test]
fn new_ones_have_all_their_minute_left() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        client_time_waits(&server, 20);
        let report = json(&["timewait"]);
        assert_eq!(left(&report), [0, 0, 0, 0, 0, 20]);
        assert_eq!(number(&report["drain_per_second"]), 0.0);
        let median = number(&report["groups"][0]["median_left_seconds"]);
        assert!((50.0..=60.0).contains(&median), "{median}");
    });
}

#[test]
fn what_runs_out_soon_drains() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        client_time_waits(&server, 3);
        // The kernel keeps these no longer than it waits for the other side's end.
        let mut servers = Vec::new();
        for (seconds, count) in [(8, 6), (28, 4)] {
            sysctl("net/ipv4/tcp_fin_timeout", seconds);
            servers.push(client_fin_wait_2s(&server, count));
        }
        let report = json(&["timewait"]);
        assert_eq!(left(&report), [6, 0, 4, 0, 0, 3]);
        assert_eq!(number(&report["drain_per_second"]), 0.6);
        drop(servers);
    });
}

#[test]
fn the_fullest_tuple_is_that_of_clients() {
    in_netns(|| {
        unanswered_syns();
        let (server, six) = (listen(SERVER, 100), listen(SIX, 100));
        server_time_waits(&server, 30);
        assert!(json(&["timewait"])["fullest"].is_null());
        port_range(40000, 40099);
        client_time_waits(&six, 12);
        client_time_waits(&server, 5);
        let fullest = &json(&["timewait"])["fullest"];
        assert_eq!(fullest["source"], "fd00:9::1");
        assert_eq!(fullest["destination"]["address"], "fd00:9::1");
        assert_eq!(fullest["destination"]["port"], 8080);
        assert_eq!(
            (&fullest["count"], &fullest["usable"]),
            (&12.into(), &100.into())
        );
    });
}

#[test]
fn with_none_there_is_nothing_to_count() {
    in_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 10);
        let _clients = clients("127.0.0.1:8080", 3);
        let report = json(&["timewait"]);
        assert_eq!(
            (&report["count"], &report["fin_wait_2"]),
            (&0.into(), &0.into())
        );
        assert_eq!(number(&report["fill_ratio"]), 0.0);
        assert_eq!(number(&report["drain_per_second"]), 0.0);
        assert_eq!(left(&report), [0; 6]);
        assert_eq!(report["groups"], serde_json::json!([]));
        assert!(report["fullest"].is_null());
        assert!(sockdiag(&["timewait"]).status.success());
    });
}

//! `sockdiag timewait --by`: which end closed first, and of what.

use std::os::fd::AsRawFd as _;

use crate::support::clients::{
    bound_first, client, clients, connect_with, from_address, port_range,
};
use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::program::{Watch, count, json, number};
use crate::support::sockets::{inode, listen, listen_with};
use crate::support::time_waits::{
    client_fin_wait_2s, client_time_waits, server_time_waits, time_wait_count, wait_for_eof,
};
use crate::support::unanswered::unanswered_syns;
use crate::support::wait::{wait_for, wait_until};
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";
const WILDCARD: &str = "0.0.0.0:8081";
const SIX: &str = "[fd00:9::1]:8080";

/// Clients to [`SERVER`] 12, to [`SIX`] 3; servers of the listener on every address 5.
fn both_sides() -> impl Sized {
    unanswered_syns();
    let (server, six, wildcard) = (listen(SERVER, 100), listen(SIX, 100), listen(WILDCARD, 100));
    client_time_waits(&server, 12);
    client_time_waits(&six, 3);
    for _ in 0..5 {
        let client =
            connect_with("10.9.0.2:8081", from_address("10.9.0.1:0")).expect("a port is free");
        let (server, _) = wildcard.accept().expect("a client is there");
        drop(server);
        wait_for_eof(&client);
    }
    wait_until("all are in TIME_WAIT", || time_wait_count() == 20);
    (server, six, wildcard)
}

#[track_caller]
fn groups(report: &Value) -> &Vec<Value> {
    report["groups"]
        .as_array()
        .unwrap_or_else(|| panic!("no groups[] in {report:#}"))
}

/// The count and the side of the one group with this key.
#[track_caller]
fn group(report: &Value, key: Option<&str>) -> (u64, String) {
    let found: Vec<_> = groups(report)
        .iter()
        .filter(|group| group["key"].as_str() == key)
        .collect();
    assert_eq!(found.len(), 1, "groups {key:?} in {report:#}");
    let side = found[0]["side"].as_str().unwrap_or("none");
    (count(&found[0]["count"]), side.to_owned())
}

fn side(count: u64, side: &str) -> (u64, String) {
    (count, side.to_owned())
}

#[test]
fn a_service_is_where_clients_went_or_who_served_them() {
    in_netns(|| {
        let _scene = both_sides();
        for args in [&["timewait"][..], &["timewait", "--by", "service"]] {
            let report = json(args);
            assert_eq!(report["by"], "service");
            assert_eq!(groups(&report).len(), 3);
            assert_eq!(group(&report, Some(SERVER)), side(12, "client"));
            assert_eq!(group(&report, Some(SIX)), side(3, "client"));
            assert_eq!(group(&report, Some(WILDCARD)), side(5, "server"));
            // Most first, and what part of all it is.
            let shares = groups(&report).iter().map(|g| number(&g["share_ratio"]));
            assert_eq!(shares.collect::<Vec<_>>(), [0.6, 0.25, 0.15]);
        }
    });
}

#[test]
fn time_waits_can_be_counted_by_every_end() {
    in_netns(|| {
        let _scene = both_sides();
        let by = |key: &str| json(&["timewait", "--by", key]);
        let report = by("destination");
        assert_eq!(group(&report, Some(SERVER)).0, 12);
        assert_eq!(group(&report, Some(SIX)).0, 3);
        assert_eq!(group(&report, Some("10.9.0.1")), side(5, "server"));

        let report = by("dport");
        assert_eq!(group(&report, Some("8080")).0, 15);
        assert_eq!(group(&report, None).0, 5);

        let report = by("source");
        assert_eq!(group(&report, Some("10.9.0.1")).0, 12);
        assert_eq!(group(&report, Some("10.9.0.2")).0, 5);
        assert_eq!(group(&report, Some("fd00:9::1")).0, 3);

        let report = by("sport");
        assert_eq!(group(&report, Some("8081")).0, 5);
        assert_eq!(group(&report, None).0, 15);

        let report = by("listener");
        assert_eq!(group(&report, Some(WILDCARD)).0, 5);
        assert_eq!(group(&report, None).0, 15);
    });
}

#[test]
fn a_server_is_known_when_its_listener_is_gone() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        server_time_waits(&server, 7);
        drop(server);
        let report = json(&["timewait"]);
        assert_eq!(group(&report, Some(SERVER)), side(7, "server"));
    });
}

#[test]
fn a_client_of_a_service_inside_the_range_is_a_client() {
    in_netns(|| {
        unanswered_syns();
        let inside = "10.9.0.1:40000";
        let server = listen(inside, 100);
        client_time_waits(&server, 9);
        drop(server);
        // Both ends lie inside the range; one of them is always the same.
        assert_eq!(group(&json(&["timewait"]), Some(inside)), side(9, "client"));
    });
}

#[test]
fn a_v4_mapped_time_wait_belongs_to_the_ipv4_service() {
    in_netns(|| {
        unanswered_syns();
        let server = listen(SERVER, 100);
        client_time_waits(&server, 4);
        for _ in 0..3 {
            let client = client("[::ffff:10.9.0.1]:8080");
            let (server, _) = server.accept().expect("a client is there");
            drop(client);
            wait_for_eof(&server);
        }
        wait_until("all are in TIME_WAIT", || time_wait_count() == 7);
        let report = json(&["timewait"]);
        assert_eq!(groups(&report).len(), 1, "{report:#}");
        assert_eq!(group(&report, Some(SERVER)), side(7, "client"));
    });
}

#[test]
fn a_dual_stack_listener_has_its_ipv4_time_waits() {
    in_netns(|| {
        unanswered_syns();
        let server = listen("[::]:8080", 100);
        for _ in 0..6 {
            let client = client(SERVER);
            let (server, _) = server.accept().expect("a client is there");
            drop(server);
            wait_for_eof(&client);
        }
        wait_until("all are in TIME_WAIT", || time_wait_count() == 6);
        let report = json(&["timewait"]);
        assert_eq!(group(&report, Some("[::]:8080")), side(6, "server"));
    });
}

#[test]
fn owners_are_inferred_from_live_sockets_and_listeners() {
    in_sealed_netns(|| {
        let _scene = both_sides();
        let _live = clients(SERVER, 2);
        let report = json(&["timewait"]);
        let found = |key: &str| {
            let mut all = groups(&report).iter();
            all.find(|group| group["key"] == key).expect("a group")
        };
        let me = std::process::id();
        for (key, from) in [(SERVER, "live_socket"), (WILDCARD, "listener")] {
            let group = found(key);
            assert_eq!(group["inferred_from"], from, "{group:#}");
            assert_eq!(group["likely_owners"][0]["pid"], me, "{group:#}");
        }
        // Nobody has a live connection there.
        assert!(found(SIX)["inferred_from"].is_null());
        assert_eq!(found(SIX)["likely_owners"], serde_json::json!([]));

        let report = json(&["timewait", "--no-owners"]);
        for group in groups(&report) {
            assert_eq!(group["likely_owners"], serde_json::json!([]));
        }
    });
}

#[test]
fn a_family_can_be_chosen() {
    in_netns(|| {
        let _scene = both_sides();
        let report = json(&["timewait", "-6"]);
        assert_eq!(groups(&report).len(), 1);
        assert_eq!(group(&report, Some(SIX)).0, 3);
        let report = json(&["timewait", "-4"]);
        assert_eq!(groups(&report).len(), 2);
        assert_eq!(group(&report, Some(SERVER)).0, 12);
    });
}

#[test]
fn each_destination_has_the_holder_of_its_oldest_live_socket() {
    in_sealed_netns(|| {
        unanswered_syns();
        let other = "10.9.0.1:8082";
        let servers = [listen("10.9.0.1:8081", 100), listen(other, 100)];
        let _half_closed = client_fin_wait_2s(&servers[0], 1);
        client_time_waits(&servers[1], 1);
        let live = clients("10.9.0.1:8081", 5);
        let mapped = client("[::ffff:10.9.0.1]:8082");
        let oldest = live
            .iter()
            .min_by_key(|client| inode(client))
            .expect("five");
        let report = json(&["timewait"]);
        for (key, holder) in [("10.9.0.1:8081", oldest), (other, &mapped)] {
            let mut all = groups(&report).iter();
            let group = all.find(|group| group["key"] == key).expect("a group");
            let owner = &group["likely_owners"][0];
            assert_eq!(owner["pid"], std::process::id(), "{group:#}");
            assert_eq!(owner["fd"], holder.as_raw_fd(), "{group:#}");
        }
    });
}

#[test]
fn a_destination_that_appears_has_its_likely_owner_at_once() {
    in_sealed_netns(|| {
        unanswered_syns();
        let servers = [listen(SERVER, 100), listen("10.9.0.1:8082", 100)];
        let _live = (client(SERVER), client("10.9.0.1:8082"));
        let _accepted = servers.each_ref().map(|server| server.accept());
        client_time_waits(&servers[0], 1);
        let mut watch = Watch::new(&["timewait", "--watch=0.05"]);
        assert_eq!(groups(&watch.report()).len(), 1);
        client_time_waits(&servers[1], 1);
        let report = wait_for("the new one is there", || {
            Some(watch.report()).filter(|report| groups(report).len() == 2)
        });
        for group in groups(&report) {
            let owner = &group["likely_owners"][0];
            assert_eq!(owner["pid"], std::process::id(), "{group:#}");
        }
    });
}

#[test]
fn a_listener_on_a_device_is_named_by_it() {
    in_netns(|| {
        lo_up();
        let server = listen_with("127.0.0.1:8081", 9, |socket| {
            socket.bind_device(Some(b"lo")).expect("SO_BINDTODEVICE");
        });
        server_time_waits(&server, 1);
        let report = json(&["timewait"]);
        assert_eq!(groups(&report)[0]["key"], "127.0.0.1%lo:8081");
    });
}

/// Neither port shows the side: the client's is not ephemeral, and the listener's is.
#[test]
fn a_wildcard_listener_of_this_host_makes_the_other_end_a_client() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40099);
        for (wildcard, from, to) in [
            ("0.0.0.0:40005", "10.9.0.1:30000", "10.9.0.2:40005"),
            ("[::]:40006", "[fd00:9::1]:30000", "[fd00:9::2]:40006"),
        ] {
            let server = listen(wildcard, 10);
            let client = connect_with(to, bound_first(from)).expect("the port is free");
            let (server_end, _) = server.accept().expect("a client is there");
            drop(client);
            wait_for_eof(&server_end);
            drop(server_end);
            let report = wait_for("it is in TIME_WAIT", || {
                let report = json(&["timewait", "--no-owners"]);
                let mut keys = groups(&report).iter().map(|group| &group["key"]);
                keys.any(|key| key == to).then_some(report)
            });
            assert_eq!(group(&report, Some(to)), side(1, "client"));
        }
    });
}

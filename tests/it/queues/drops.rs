//! `sockdiag queues`: drops belong to one socket and are compared between readings of it alone.

use crate::support::netns::in_netns;
use crate::support::program::{Watch, count, json, listener, listeners, members, number, reports};
use crate::support::sockets::{fill_accept_queue, listen, listen_with};
use crate::support::tools::tcp_ext;
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::{wait_for, wait_until};
use serde_json::Value;

const BLAMED: &str = "10.9.0.1:8080";
const INNOCENT: &str = "10.9.0.1:8081";

#[test]
fn of_two_full_listeners_only_the_one_that_drops_is_overflowing() {
    in_netns(|| {
        unanswered_syns();
        let (blamed, innocent) = (listen(BLAMED, 2), listen(INNOCENT, 2));
        let _clients = (
            fill_accept_queue(&blamed, 3),
            fill_accept_queue(&innocent, 3),
        );
        syn_flood(BLAMED, 7);
        assert_eq!(tcp_ext("ListenOverflows"), 7, "the scene is set");
        let report = json(&["queues"]);
        assert_eq!(listener(&report, BLAMED)["state"], "overflowing");
        assert_eq!(listener(&report, BLAMED)["drops"], 7);
        assert_eq!(listener(&report, INNOCENT)["state"], "full");
        assert_eq!(listener(&report, INNOCENT)["drops"], 0);
        // The worst comes first.
        assert_eq!(listeners(&report)[0]["local"]["port"], 8080);
    });
}

#[test]
fn a_watch_tells_what_was_dropped_since_the_reading_before() {
    in_netns(|| {
        unanswered_syns();
        let (blamed, _innocent) = (listen(BLAMED, 2), listen(INNOCENT, 2));
        let _clients = fill_accept_queue(&blamed, 3);
        syn_flood(BLAMED, 4);

        let mut watch = Watch::new(&["queues", "--watch=0.5"]);
        let first = watch.report();
        assert_eq!(listener(&first, BLAMED)["drops"], 4);
        for key in ["drops_delta", "drops_per_second"] {
            let value = &listener(&first, BLAMED)[key];
            assert!(value.is_null(), "{key} on the first reading: {value}");
        }

        syn_flood(BLAMED, 7);
        let mut since = 0;
        wait_until("all seven are reported", || {
            let report = watch.report();
            since += count(&listener(&report, BLAMED)["drops_delta"]);
            assert_eq!(listener(&report, INNOCENT)["drops_delta"], 0);
            assert_eq!(count(&listener(&report, BLAMED)["drops"]), 4 + since);
            assert_rate_is_delta_over_time(&report);
            since == 7
        });
    });
}

fn assert_rate_is_delta_over_time(report: &Value) {
    let found = listener(report, BLAMED);
    let seconds = number(&report["elapsed_ms"]) / 1000.0;
    let expected = number(&found["drops_delta"]) / seconds;
    let told = number(&found["drops_per_second"]);
    // elapsed_ms may be rounded to a whole millisecond, and the rate to a digit or two.
    assert!(
        (told - expected).abs() <= 0.05 * expected + 0.01,
        "{told} per second, expected {expected}"
    );
}

#[test]
fn count_ends_a_watch_and_only_the_first_reading_has_nothing_to_compare_with() {
    in_netns(|| {
        unanswered_syns();
        let _server = listen(BLAMED, 2);
        let readings = reports(&["queues", "--watch=0.3", "--count", "3"]);
        assert_eq!(readings.len(), 3);
        assert!(readings[0]["elapsed_ms"].is_null());
        for reading in &readings[1..] {
            assert!(number(&reading["elapsed_ms"]) > 0.0);
            let found = listener(reading, BLAMED);
            assert_eq!(found["drops_delta"], 0);
            assert_eq!(number(&found["drops_per_second"]), 0.0);
        }
    });
}

#[test]
fn a_restarted_listener_does_not_inherit_the_drops_of_the_one_before() {
    in_netns(|| {
        unanswered_syns();
        let old = listen(BLAMED, 0);
        let clients = fill_accept_queue(&old, 1);
        syn_flood(BLAMED, 9);
        let mut watch = Watch::new(&["queues", "--watch=0.05"]);
        let first = watch.report();
        assert_eq!(listener(&first, BLAMED)["drops"], 9);
        let old_cookie = listener(&first, BLAMED)["cookie"].clone();

        drop((clients, old));
        let new = listen_with(BLAMED, 0, |socket| {
            // The connection that was reset with the old one may still hold the address.
            socket.set_reuse_address(true).expect("SO_REUSEADDR");
        });
        let _client = fill_accept_queue(&new, 1);
        syn_flood(BLAMED, 12);
        let report = wait_for("the new listener is seen", || {
            let report = watch.report();
            let seen = members(&report, BLAMED)
                .iter()
                .any(|found| found["cookie"] != old_cookie && found["drops"] == 12);
            seen.then_some(report)
        });
        // 12 - 9 would be a difference between two sockets. What was dropped before the new
        // one was first seen may be unknown or all of its drops.
        let delta = &listener(&report, BLAMED)["drops_delta"];
        assert!(
            delta.is_null() || [0, 12].contains(&count(delta)),
            "{delta}"
        );
    });
}

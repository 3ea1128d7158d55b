//! `sockdiag ports --watch`: how fast ports are taken, and when there will be none.

use crate::support::clients::{client, clients, close_by_rst, port_range};
use crate::support::netns::{in_netns, in_sealed_netns};
use crate::support::program::{Watch, count, number, reports};
use crate::support::sockets::listen;
use crate::support::tuples::{tuple, tuples};
use crate::support::unanswered::unanswered_syns;
use crate::support::wait::{wait_for, wait_until};
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";

#[test]
fn the_first_reading_has_nothing_to_compare_with() {
    in_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 100);
        let _clients = clients(SERVER, 5);
        let readings = reports(&["ports", "-w0.2", "-c", "3"]);
        assert_eq!(readings.len(), 3);
        for key in ["delta", "per_second", "full_in_seconds"] {
            assert!(tuple(&readings[0], SERVER)[key].is_null(), "{key}");
        }
        assert!(readings[0]["elapsed_ms"].is_null());
        assert!(readings[0]["namespaces"][0]["active_opens_per_second"].is_null());
        for later in &readings[1..] {
            let found = tuple(later, SERVER);
            assert_eq!(found["used"], 5);
            assert_eq!(found["delta"], 0);
            assert_eq!(number(&found["per_second"]), 0.0);
            assert!(found["full_in_seconds"].is_null(), "never: {found:#}");
            assert!(number(&later["elapsed_ms"]) >= 200.0);
            assert_eq!(
                number(&later["namespaces"][0]["active_opens_per_second"]),
                0.0
            );
        }
    });
}

#[test]
fn growth_tells_when_the_last_port_is_taken() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40999);
        let _server = listen(SERVER, 1000);
        let mut held = clients(SERVER, 5);
        // A namespace is read some milliseconds before or after the report's own time.
        let mut watch = Watch::new(&["ports", "--watch=1", "--no-owners"]);
        assert_eq!(tuple(&watch.report(), SERVER)["used"], 5);

        held.extend(clients(SERVER, 300));
        let (mut since, mut opened) = (0, 0.0);
        wait_until("all are reported", || {
            let report = watch.report();
            let found = tuple(&report, SERVER);
            since += count(&found["delta"]);
            opened += taken(&report, &report["namespaces"][0]["active_opens_per_second"]);
            assert_eq!(count(&found["used"]), 5 + since);
            let growth = count(&found["delta"]) as f64;
            assert!(
                about(taken(&report, &found["per_second"]), growth),
                "{found:#}"
            );
            // Fewer are no trend.
            if growth >= 4.0 {
                let seconds = number(&found["full_in_seconds"]);
                let free = seconds * number(&found["per_second"]);
                assert!(about(free, number(&found["free"])), "{found:#}");
            }
            since == 300
        });
        assert!(about(opened, 300.0), "{opened}");
    });
}

#[test]
fn ports_given_back_are_a_negative_change() {
    in_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 100);
        let mut held = clients(SERVER, 50);
        let mut watch = Watch::new(&["ports", "--watch=0.1", "--no-owners"]);
        assert_eq!(tuple(&watch.report(), SERVER)["used"], 50);
        held.drain(..20).for_each(close_by_rst);
        let mut since = 0;
        wait_until("all are reported", || {
            let report = watch.report();
            let found = tuple(&report, SERVER);
            since += found["delta"].as_i64().expect("a change");
            assert!(number(&found["per_second"]) >= 0.0);
            assert!(found["full_in_seconds"].is_null());
            since == -20
        });
    });
}

#[test]
fn connections_that_replace_others_foretell_no_end() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40099);
        let _server = listen(SERVER, 1000);
        let mut held = clients(SERVER, 60);
        let mut watch = Watch::new(&["ports", "--watch=0.1", "--no-owners"]);
        assert_eq!(tuple(&watch.report(), SERVER)["used"], 60);
        let mut taken_ports = 0.0;
        wait_until("every port was replaced", || {
            close_by_rst(held.remove(0));
            held.push(client(SERVER));
            let report = watch.report();
            let found = tuple(&report, SERVER);
            assert!(found["full_in_seconds"].is_null(), "{found:#}");
            taken_ports += taken(&report, &found["per_second"]);
            taken_ports > 20.0
        });
    });
}

#[test]
fn a_tuple_that_appears_grows_from_nothing() {
    in_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 100);
        let mut watch = Watch::new(&["ports", "--watch=0.1", "--no-owners"]);
        assert_eq!(tuples(&watch.report()).len(), 0);
        let _held = clients(SERVER, 12);
        let mut since = 0;
        wait_until("all are reported", || {
            let report = watch.report();
            if let [found] = tuples(&report)[..].as_ref() {
                since += count(&found["delta"]);
            }
            since == 12
        });
    });
}

/// Of a rate, how many that were since the reading before.
fn taken(report: &Value, per_second: &Value) -> f64 {
    number(per_second) * number(&report["elapsed_ms"]) / 1000.0
}

fn about(this: f64, that: f64) -> bool {
    (this - that).abs() <= 0.05 * that + 0.1
}

#[test]
fn a_tuple_that_appears_has_its_owner_at_once() {
    in_sealed_netns(|| {
        unanswered_syns();
        let _servers = (listen(SERVER, 100), listen("10.9.0.1:8081", 100));
        let _old = client(SERVER);
        let mut watch = Watch::new(&["ports", "--watch=0.05"]);
        let owner = |report: &Value, to| tuple(report, to)["owners"][0]["pid"].clone();
        assert_eq!(owner(&watch.report(), SERVER), std::process::id());
        let _new = client("10.9.0.1:8081");
        let report = wait_for("the new one is there", || {
            Some(watch.report()).filter(|report| tuples(report).len() == 2)
        });
        assert_eq!(owner(&report, "10.9.0.1:8081"), std::process::id());
    });
}

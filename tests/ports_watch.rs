//! `sockdiag ports --watch`: how fast ports are taken, and when there will be none.

mod support;

use serde_json::Value;
use support::*;

const SERVER: &str = "10.9.0.1:8080";

#[test]
fn the_first_reading_has_nothing_to_compare_with() {
    in_netns("the_first_reading_has_nothing_to_compare_with", || {
        roads_to_nowhere();
        let _server = listen(SERVER, 100);
        let _clients = clients(SERVER, 5);
        let readings = readings(&["ports", "-w0.2", "-c", "3"]);
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
    in_netns("growth_tells_when_the_last_port_is_taken", || {
        roads_to_nowhere();
        port_range(40000, 40999);
        let _server = listen(SERVER, 1000);
        let mut held = clients(SERVER, 5);
        let mut watch = Watching::new(&["ports", "--watch=0.1", "--no-owners"]);
        assert_eq!(tuple(&watch.reading(), SERVER)["used"], 5);

        held.extend(clients(SERVER, 300));
        let (mut since, mut opened) = (0, 0.0);
        wait_until("all are reported", || {
            let report = watch.reading();
            let found = tuple(&report, SERVER);
            since += count(&found["delta"]);
            opened += taken(&report, &report["namespaces"][0]["active_opens_per_second"]);
            assert_eq!(count(&found["used"]), 5 + since);
            let growth = count(&found["delta"]) as f64;
            assert!(
                about(taken(&report, &found["per_second"]), growth),
                "{found:#}"
            );
            if growth > 0.0 {
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
    in_netns("ports_given_back_are_a_negative_change", || {
        roads_to_nowhere();
        let _server = listen(SERVER, 100);
        let mut held = clients(SERVER, 50);
        let mut watch = Watching::new(&["ports", "--watch=0.1", "--no-owners"]);
        assert_eq!(tuple(&watch.reading(), SERVER)["used"], 50);
        held.drain(..20).for_each(reset);
        let mut since = 0;
        wait_until("all are reported", || {
            let report = watch.reading();
            let found = tuple(&report, SERVER);
            since += found["delta"].as_i64().expect("a change");
            assert!(number(&found["per_second"]) >= 0.0);
            assert!(found["full_in_seconds"].is_null());
            since == -20
        });
    });
}

#[test]
fn a_tuple_that_appears_grows_from_nothing() {
    in_netns("a_tuple_that_appears_grows_from_nothing", || {
        roads_to_nowhere();
        let _server = listen(SERVER, 100);
        let mut watch = Watching::new(&["ports", "--watch=0.1", "--no-owners"]);
        assert_eq!(tuples(&watch.reading()).len(), 0);
        let _held = clients(SERVER, 12);
        let mut since = 0;
        wait_until("all are reported", || {
            let report = watch.reading();
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
    in_sealed_netns("a_tuple_that_appears_has_its_owner_at_once", || {
        roads_to_nowhere();
        let _servers = (listen(SERVER, 100), listen("10.9.0.1:8081", 100));
        let _old = client(SERVER);
        let mut watch = Watching::new(&["ports", "--watch=0.05"]);
        let owner = |report: &Value, to| tuple(report, to)["owners"][0]["pid"].clone();
        assert_eq!(owner(&watch.reading(), SERVER), std::process::id());
        let _new = client("10.9.0.1:8081");
        let report = wait_for("the new one is there", || {
            Some(watch.reading()).filter(|report| tuples(report).len() == 2)
        });
        assert_eq!(owner(&report, "10.9.0.1:8081"), std::process::id());
    });
}

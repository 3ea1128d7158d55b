//! `sockdiag ports`: its forms say the same, and it answers where there is little to say.

use crate::support::clients::{bind, clients, connect_with, port_range};
use crate::support::kernel_parts::{bound_only, unseen};
use crate::support::netns::{in_netns, in_netns_of_root, in_sealed_netns, lo_up};
use crate::support::program::{count, json, number, sockdiag, stderr, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::sockets::listen;
use crate::support::time_waits::{client_fin_wait_2s, client_time_waits};
use crate::support::tools::assert_promtool_accepts;
use crate::support::tuples::{tuple, tuples_to};
use crate::support::unanswered::unanswered_syns;
use crate::support::users::as_nobody;
use serde_json::{Value, json as object};
use sockdiag::source::reports_bound;

const SERVER: &str = "10.9.0.1:8080";
const SIX: &str = "[fd00:9::1]:8080";

/// Something of every kind, in a range of a hundred ports.
fn a_bit_of_everything() -> impl Sized {
    unanswered_syns();
    port_range(40000, 40099);
    let server = listen(SERVER, 100);
    let six = listen(SIX, 100);
    client_time_waits(&server, 7);
    let closing = client_fin_wait_2s(&server, 2);
    let bound = (bind("127.0.0.1:40001"), listen("127.0.0.1:40003", 1));
    let clients = (clients(SERVER, 30), clients(SIX, 11));
    (server, six, closing, bound, clients)
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let commands = [
            &["ports"][..],
            &["ports", "--no-owners"],
            &["ports", "-6"],
            &["ports", "--by", "destination"],
            &["ports", "--by", "source"],
            &["ports", "--by", "process"],
            &["ports", "--watch=0.05", "--count", "3"],
            &["ports", "--for", "50ms", "--every", "10ms"],
            &["ports", "--netns", "all"],
        ];
        assert_valid("ports", &commands);
        let report = json(&["ports"]);
        let wrong = [
            ("/tuples", object!(null)),
            ("/tuples/0/state", object!("melting")),
            ("/tuples/0/used", object!("many")),
            ("/range/low", object!(-1)),
            ("/by", object!("colour")),
        ];
        assert_refused("ports", &report, &wrong);
    });
}

#[test]
fn every_form_has_the_same_numbers() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let report = json(&["ports"]);
        let csv = text(&["ports", "-o", "csv"]);
        let metrics = text(&["ports", "-o", "prom"]);
        let table = text(&["ports"]);
        assert_promtool_accepts(&metrics);
        for (destination, used, free) in [(SERVER, 39, 59), (SIX, 11, 87)] {
            let found = tuple(&report, destination);
            assert_eq!((count(&found["used"]), count(&found["free"])), (used, free));
            assert_eq!(in_csv(&csv, destination, "used"), used.to_string());
            assert_eq!(in_csv(&csv, destination, "free"), free.to_string());
            let ratio = number(&found["used_ratio"]);
            for (ending, value) in [("_used", used as f64), ("_used_ratio", ratio)] {
                let samples = samples(&metrics, ending, destination);
                assert_eq!(samples, [value], "{ending} in\n{metrics}");
            }
            let row = table.lines().find(|line| line.contains(destination));
            let row: Vec<&str> = row.expect("a row").split_whitespace().collect();
            for number in [used, free] {
                assert!(row.contains(&number.to_string().as_str()), "{table}");
            }
        }
        assert!(table.contains("40000"), "the range is named: {table}");
    });
}

#[test]
fn tuples_of_two_devices_are_two_series() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40099);
        let _server = listen(SERVER, 100);
        let _any = clients(SERVER, 3);
        let to_device = |socket: &socket2::Socket| socket.bind_device(Some(b"lo"));
        let _on_device = connect_with(SERVER, to_device).expect("a port is free");
        assert_eq!(tuples_to(&json(&["ports"]), SERVER).len(), 2);
        let metrics = text(&["ports", "-o", "prom"]);
        let series = metrics.lines().filter(|line| line.contains("ports_used{"));
        let mut series: Vec<_> = series
            .map(|line| line.rsplit_once(' ').expect("a value").0)
            .collect();
        series.dedup();
        assert_eq!(series.len(), 2, "{metrics}");
        assert_promtool_accepts(&metrics);
    });
}

/// The field of `column` in the one record of this destination.
fn in_csv(text: &str, destination: &str, column: &str) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let place = header.iter().position(|name| name == column);
    let place = place.unwrap_or_else(|| panic!("no {column} in {header:?}"));
    let records = reader
        .records()
        .map(|record| record.expect("of one length"));
    let found: Vec<_> = records
        .filter(|record| record.iter().any(|field| field == destination))
        .collect();
    assert_eq!(found.len(), 1, "{destination} in {text}");
    found[0][place].to_owned()
}

/// Values of the metrics whose names end so, at this destination.
fn samples(metrics: &str, ending: &str, destination: &str) -> Vec<f64> {
    let label = format!("\"{destination}\"");
    let lines = metrics.lines().filter(|line| line.contains(&label));
    lines
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (name, _labels) = series.split_once('{')?;
            name.ends_with(ending)
                .then(|| value.parse().expect("a number"))
        })
        .collect()
}

#[test]
fn the_envelope_comes_first() {
    in_netns(|| {
        lo_up();
        let line = text(&["ports", "--json"]);
        assert_eq!(line.lines().count(), 1, "one object per line");
        assert!(
            line.starts_with("{\"schema\":\"sockdiag/ports/v1\",\"time\":"),
            "{line}"
        );
        assert!(unseen(&json(&["ports"])).is_empty());
    });
}

#[test]
fn where_nothing_connects_there_are_no_tuples_and_a_range_all_the_same() {
    in_netns(|| {
        port_range(40000, 40019);
        let report = json(&["ports"]);
        assert_eq!(report["tuples"], object!([]));
        assert_eq!(report["range"]["usable"], 20);
        assert_eq!(report["bound_only"], bound_only(0));
        let table = text(&["ports"]);
        assert!(table.contains("40000"), "{table}");
        assert!(!table.to_lowercase().contains("exhausted"), "{table}");
        assert_promtool_accepts(&text(&["ports", "-o", "prom"]));
    });
}

#[test]
fn an_ordinary_user_gets_every_tuple_and_is_told_that_owners_are_hidden() {
    in_netns_of_root(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let _server = listen(SERVER, 100);
        let _bound = bind("127.0.0.1:40001");
        let _clients = clients(SERVER, 5);
        let output = as_nobody("exec", &["ports", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
        let found = tuple(&report, SERVER);
        let free = if reports_bound() { 14 } else { 15 };
        assert_eq!((count(&found["used"]), count(&found["free"])), (5, free));
        assert_eq!(report["bound_only"], bound_only(1));
        assert_eq!(found["owners"], object!([]));
        assert_eq!(found["owners_complete"], false);
        let incomplete = report["incomplete"].as_array().expect("incomplete[]");
        let owners = incomplete
            .iter()
            .find(|missing| missing["what"] == "owners");
        let why = owners.map(|owners| owners["why"].to_string());
        assert!(
            why.is_some_and(|why| why.contains("CAP_SYS_PTRACE")),
            "{report:#}"
        );
    });
}

#[test]
fn wrong_words_are_wrong_usage() {
    in_netns(|| {
        for args in [
            &["ports", "--by", "colour"][..],
            &["ports", "--by"],
            &["ports", "--sort", "colour"],
            &["ports", "--columns", "colour"],
            &["ports", "--top", "0"],
            &["ports", "--watch", "2"],
            &["ports", "-4", "-6"],
            &["ports", "--owners", "some"],
            &["ports", "--nonsense"],
        ] {
            let output = sockdiag(args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert!(output.stdout.is_empty(), "{args:?}");
            assert!(!output.stderr.is_empty(), "{args:?}");
        }
    });
}

#[test]
fn an_unknown_namespace_cannot_be_answered() {
    in_netns(|| {
        let output = sockdiag(&["ports", "--netns", "no-such-namespace"]);
        let code = output.status.code();
        assert!(matches!(code, Some(1 | 2)), "{code:?}");
        assert!(
            stderr(&output).contains("no-such-namespace"),
            "{}",
            stderr(&output)
        );
    });
}

//! `sockdiag trace`: which handshakes are shown.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use crate::support::handshakes::{assert_has, assert_same_handshakes};
use crate::support::link::Link;
use crate::support::netns::in_netns;
use crate::support::program::count;
use crate::support::scenes::{delayed_syn_ack, exchange_byte, four_clients};
use crate::support::tracing::{Tracing, trace};
use crate::support::tree::Tree;
use serde_json::{Value, json as object};

fn client_ports(handshakes: &[Value]) -> BTreeSet<u64> {
    let ports = handshakes.iter().map(|one| count(&one["client"]["port"]));
    ports.collect()
}

/// Flags and filters, and the ports of the clients of [`four_clients`] that they leave.
const SELECTIONS: [(&[&str], &[u64]); 21] = [
    (&[":8080"], &[5001, 5002]),
    (&["10.7.0.1:8080"], &[5001]),
    (&["sport", "=", ":9999"], &[5003]),
    (&["sport = :9999"], &[5003]),
    (&["dport", "=", ":5001"], &[5001]),
    (&["src", "10.7.0.1"], &[5001, 5003, 5004]),
    (&["src", "10.7.0.2"], &[]),
    (&["dst", "fd00:7::/64"], &[5002]),
    (&["dst", "10.0.0.0/8"], &[5001, 5003, 5004]),
    (&["not", "sport", "=", ":8080"], &[5003, 5004]),
    (&["sport", ">", ":8080"], &[5003, 5004]),
    (
        &["( sport = :8080 or sport = :9999 ) and dst 10.7.0.2"],
        &[5001, 5003],
    ),
    (&["--port", "8080"], &[5001, 5002]),
    // Of the server's end alone.
    (&["--port", "5001"], &[]),
    (&["--port", "8080", "--port", "8081"], &[5001, 5002, 5004]),
    (&["--host", "10.7.0.2"], &[5001, 5003, 5004]),
    (&["--host", "fd00::/16"], &[5002]),
    (
        &["--host", "10.7.0.1", "--host", "fd00:7::2"],
        &[5001, 5002, 5003, 5004],
    ),
    (&["--port", "8080", "-4"], &[5001]),
    (&["-6"], &[5002]),
    (
        &["--port", "8080", "--host", "10.7.0.2", "dport = :5001"],
        &[5001],
    ),
];

#[test]
fn a_selection_chooses_the_same_live_as_from_a_file_as_from_the_full_answer() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/all.pcapng", folder.path());
        let mut full = Tracing::start(&["--interface", "near", "--write", &file]);
        let mut chosen = Vec::new();
        for (args, ports) in SELECTIONS {
            let args = [&["--interface", "near"], args].concat();
            chosen.push((Tracing::start(&args), args, ports));
        }
        let _held = four_clients(&link);
        let full_answer = full.handshakes(4);
        full.end();
        for (mut trace, args, ports) in chosen {
            let wanted: BTreeSet<u64> = ports.iter().copied().collect();
            let live = trace.handshakes(ports.len());
            assert_eq!(client_ports(&live), wanted, "{args:?}");
            // No more came.
            let traced = trace.end();
            assert_eq!(traced.handshakes(), [] as [Value; 0], "{args:?}");
            assert_has(&traced.summary, object!({"handshakes": ports.len()}));

            let read = trace_of(&file, &args[2..]);
            let expected: Vec<&Value> = full_answer
                .iter()
                .filter(|one| wanted.contains(&count(&one["client"]["port"])))
                .collect();
            let expected: Vec<Value> = expected.into_iter().cloned().collect();
            assert_same_handshakes(&live, &expected);
            assert_same_handshakes(&read, &expected);
        }
    });
}

fn trace_of(file: &str, args: &[&str]) -> Vec<Value> {
    trace(&[&["--read", file], args].concat()).handshakes()
}

#[test]
fn slow_handshakes_are_shown_and_with_failed_ones_either() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/all.pcapng", folder.path());
        let mut full = Tracing::start(&["--interface", "near", "--write", &file]);
        let mut slow = Tracing::start(&["--interface", "near", "--slow", "300ms"]);
        let held = four_clients(&link);
        let pause = Duration::from_millis(300);
        let ends = delayed_syn_ack(&link, &held.listener, || thread::sleep(pause));
        exchange_byte(&ends);
        let all = full.handshakes(5);
        full.end();
        // As slow as that by chance, on a busy machine.
        let of = |holds: &dyn Fn(&Value) -> bool| {
            let wanted: Vec<Value> = all.iter().filter(|one| holds(one)).cloned().collect();
            client_ports(&wanted)
        };
        let is_slow = |one: &Value| one["total_ms"].as_f64().is_some_and(|ms| ms >= 300.0);
        let is_failed = |one: &Value| one["outcome"] == "refused";
        let slow_ones = of(&is_slow);
        assert!(slow_ones.contains(&5009), "the scene is set: {all:#?}");
        let live = slow.handshakes(slow_ones.len());
        assert_eq!(client_ports(&live), slow_ones);
        assert_eq!(slow.end().handshakes(), [] as [Value; 0]);

        let either = of(&|one| is_slow(one) || is_failed(one));
        for (args, wanted) in [
            (&["--slow", "300ms"][..], &slow_ones),
            (&["--slow", "0.3s"], &slow_ones),
            (&["--failed"], &of(&is_failed)),
            (&["--failed", "--slow", "300ms"], &either),
            (&["--slow", "1h"], &BTreeSet::new()),
        ] {
            let read = trace_of(&file, args);
            assert_eq!(&client_ports(&read), wanted, "{args:?}");
        }
    });
}

//! `sockdiag trace`: when it ends, and what its summary tells of all handshakes.

use crate::support::clients::client;
use crate::support::handshakes::assert_has;
use crate::support::link::Link;
use crate::support::netns::{in_netns, lo_up};
use crate::support::program::{count, number};
use crate::support::scenes::{exchange_byte, four_clients};
use crate::support::sockets::listen;
use crate::support::time_waits::connected_pair;
use crate::support::tracing::{Tracing, trace};
use crate::support::tree::Tree;
use rustix::process::Signal;
use serde_json::{Value, json as object};

#[test]
fn the_summary_counts_what_was_shown_and_what_was_not() {
    in_netns(|| {
        let link = Link::new();
        let mut trace = Tracing::start(&["--interface", "near", "--failed"]);
        let _held = four_clients(&link);
        let failed = trace.handshake();
        assert_has(
            &failed,
            object!({"outcome": "refused", "client": {"port": 5003}}),
        );
        let traced = trace.end();
        assert_eq!(traced.handshakes(), [] as [Value; 0]);
        assert_has(
            &traced.summary,
            object!({
                "handshakes": 4,
                "shown": 1,
                "lost_by_kernel": 0,
                "evicted": 0,
                "fragments": 0,
                "undecodable": 0,
                "outcomes": {
                    "established": 3,
                    "refused": 1,
                    "no_reply": 0,
                    "syn_ack_unanswered": 0,
                    "ack_dropped": 0,
                    "reset_by_client": 0,
                    "reset_by_server": 0,
                    "simultaneous_open": 0,
                    "self_connect": 0,
                    "incomplete": 0,
                },
            }),
        );
        assert!(count(&traced.summary["packets"]) >= 4 * 2 + 3);
        assert_listeners_and_peers(&traced.summary);
        assert_latency(&traced.summary);
    });
}

#[track_caller]
fn assert_listeners_and_peers(summary: &Value) {
    let of = |key: &str| summary[key].as_array().expect("a list").clone();
    let mut listeners: Vec<_> = of("listeners")
        .iter()
        .map(|one| {
            (
                count(&one["port"]),
                count(&one["handshakes"]),
                count(&one["failed"]),
            )
        })
        .collect();
    listeners.sort_unstable();
    let by_address = vec![(8080, 1, 0), (8080, 1, 0), (8081, 1, 0), (9999, 1, 1)];
    assert_eq!(listeners, by_address, "{summary:#}");
    let mut peers: Vec<_> = of("peers")
        .iter()
        .map(|one| {
            let address = one["address"].as_str().expect("an address").to_owned();
            (address, count(&one["handshakes"]), count(&one["failed"]))
        })
        .collect();
    peers.sort_unstable();
    assert_eq!(
        peers,
        [
            ("10.7.0.2".to_owned(), 3, 1),
            ("fd00:7::2".to_owned(), 1, 0)
        ]
    );
}

/// The percentiles rise, and each established handshake is in one step of the histogram.
#[track_caller]
fn assert_latency(summary: &Value) {
    let latency = ["p50", "p90", "p99", "max"].map(|key| number(&summary["latency_ms"][key]));
    assert!(latency.is_sorted(), "{latency:?}");
    assert!(latency[0] > 0.0, "{latency:?}");
    let steps = summary["histogram"].as_array().expect("histogram[]");
    let all: u64 = steps.iter().map(|step| count(&step["count"])).sum();
    assert_eq!(all, count(&summary["outcomes"]["established"]), "{steps:?}");
}

#[test]
fn without_handshakes_the_summary_has_no_latency() {
    in_netns(|| {
        lo_up();
        let traced = Tracing::start(&[]).end();
        assert_eq!(traced.lines, [] as [Value; 0]);
        assert_has(
            &traced.summary,
            object!({
                "handshakes": 0,
                "shown": 0,
                "packets": 0,
                "lost_by_kernel": 0,
                "latency_ms": {"p50": null, "p90": null, "p99": null, "max": null},
                "listeners": [],
                "peers": [],
            }),
        );
        assert_eq!(traced.stderr, "");
    });
}

#[test]
fn only_the_summary_when_only_that_is_wanted() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/all.pcapng", folder.path());
        let mut full = Tracing::start(&["--interface", "near", "--write", &file]);
        let quiet = Tracing::start(&["--interface", "near", "--summary"]);
        let _held = four_clients(&link);
        full.handshakes(4);
        full.end();
        for traced in [quiet.end(), trace(&["--read", &file, "--summary"])] {
            assert_eq!(traced.lines, [] as [Value; 0]);
            assert_has(&traced.summary, object!({"handshakes": 4}));
        }
    });
}

#[test]
fn it_ends_by_itself_after_as_many_as_were_wanted() {
    in_netns(|| {
        let link = Link::new();
        let two = Tracing::start(&["--interface", "near", "--count", "2"]);
        let failed = Tracing::start(&["--interface", "near", "-c1", "--failed"]);
        let _held = four_clients(&link);
        let traced = two.ended();
        assert_eq!(traced.handshakes().len(), 2);
        assert_has(&traced.summary, object!({"shown": 2}));
        let traced = failed.ended();
        assert_has(&traced.handshake(), object!({"outcome": "refused"}));
        assert_has(&traced.summary, object!({"shown": 1}));
    });
}

#[test]
fn it_ends_by_itself_when_its_time_is_up() {
    in_netns(|| {
        lo_up();
        let _listener = listen("127.0.0.1:8080", 5);
        let trace = Tracing::start(&["--for", "600ms"]);
        let _client = client("127.0.0.1:8080");
        let traced = trace.ended();
        // Too early to know that nothing contradicts; it is told all the same.
        assert_has(&traced.handshake(), object!({"interface": "lo"}));
        assert_has(&traced.summary, object!({"handshakes": 1}));
    });
}

#[test]
fn every_signal_that_ends_it_ends_it_with_a_summary() {
    in_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let trace = Tracing::start(&[]);
            exchange_byte(&connected_pair(&listener, |_| Ok(())));
            let traced = trace.end_by(signal);
            // What had arrived before the signal is in it.
            assert_has(&traced.summary, object!({"handshakes": 1}));
            assert_eq!(traced.stderr, "");
        }
    });
}

//! `sockdiag trace`: on which host and device the packets were seen, and what the times mean there.

use std::thread;
use std::time::Duration;

use crate::support::clients::{bound_first, client, connect_with};
use crate::support::handshakes::{assert_has, assert_same_handshakes};
use crate::support::host::{Host, VethEnd, behind_bridge, connect_by_veth};
use crate::support::link::{HERE, HIDDEN_THERE, Link, THERE};
use crate::support::netns::{in_netns, in_netns_for_tcpdump, lo_up, run, sysctl};
use crate::support::program::number;
use crate::support::scenes::{CLIENT, SERVER, connection, delayed_syn_ack, exchange_byte};
use crate::support::sockets::listen;
use crate::support::tcpdump::Tcpdump;
use crate::support::time_waits::connected_pair;
use crate::support::tracing::{Tracing, trace};
use serde_json::{Value, json as object};
use socket2::Socket;

#[test]
fn both_ends_of_a_cable_see_the_same_handshakes_and_know_their_side() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut here = Tracing::start(&[]);
        let mut there = link.there.run(|| Tracing::start(&[]));
        exchange_byte(&connection(&link, CLIENT, &listener));
        connect_refused(&link);
        let by_side = |trace: &mut Tracing, side, device| {
            let handshakes = trace.handshakes(2);
            for handshake in &handshakes {
                let expected = object!({"captured_on": side, "interface": device});
                assert_has(handshake, expected);
            }
            handshakes
        };
        let server = by_side(&mut here, "server", "near");
        let client = by_side(&mut there, "client", "far");
        assert_same_handshakes(&server, &client);
        // Only where the listener is can its queue be seen.
        assert_has(&server[0], object!({"listener_queue": {"limit": 5}}));
        assert!(client[0]["listener_queue"].is_null(), "{:#}", client[0]);
    });
}

/// From port 5002 to one where nobody listens.
#[track_caller]
fn connect_refused(link: &Link) {
    let refused = link
        .there
        .run(|| connect_with("10.7.0.1:9999", bound_first("10.7.0.2:5002")));
    refused.expect_err("nobody listens");
}

#[test]
fn a_packet_on_the_loopback_device_is_seen_once() {
    in_netns_for_tcpdump(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        let mut trace = Tracing::start(&[]);
        let capture = Tcpdump::start("lo");
        let ends = connected_pair(&listener, bound_first("127.0.0.1:5001"));
        exchange_byte(&ends);
        let live = [trace.handshake()];
        assert_has(
            &live[0],
            object!({
                "interface": "lo",
                "captured_on": "both",
                "outcome": "established",
                "syn_retransmits": 0,
                "syn_ack_retransmits": 0,
                "listener_queue": {"limit": 5},
            }),
        );
        assert_has(&trace.end().summary, object!({"handshakes": 1}));
        if let Some(file) = capture.map(|capture| capture.end("127.0.0.1")) {
            let read = traced_from(&file.path);
            assert_same_handshakes(&live, &read);
        }
    });
}

fn traced_from(path: &str) -> Vec<Value> {
    trace(&["--read", path]).handshakes()
}

#[test]
fn a_file_that_tells_directions_tells_the_side() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut live = Tracing::start(&[]);
        let here = Tcpdump::start("any");
        let there = link.there.run(|| Tcpdump::start("any"));
        exchange_byte(&connection(&link, CLIENT, &listener));
        connect_refused(&link);
        let live = live.handshakes(2);
        let (Some(here), Some(there)) = (here, there) else {
            return;
        };
        let here = here.end(THERE);
        let there = link.there.run(|| there.end(HERE));
        for (file, side) in [(here, "server"), (there, "client")] {
            let read = traced_from(&file.path);
            assert_same_handshakes(&live, &read);
            for handshake in read {
                assert_has(&handshake, object!({"captured_on": side}));
            }
        }
    });
}

#[test]
fn a_router_sees_each_packet_twice_and_counts_it_once() {
    in_netns(|| {
        lo_up();
        sysctl("net/ipv4/ip_forward", 1);
        let [east, west] = [("east", 1, 1), ("west", 2, 3)].map(|(device, net, hardware)| {
            let host = Host::new();
            let (router, end) = (format!("10.8.{net}.1/24"), format!("10.8.{net}.2/24"));
            let near = VethEnd {
                device,
                hardware,
                addresses: &[&router],
            };
            let far = VethEnd {
                device: "far",
                hardware: hardware + 1,
                addresses: &[&end],
            };
            connect_by_veth(&near, &host, &far);
            let gateway = format!("10.8.{net}.1");
            host.run(|| run("ip", &["route", "add", "default", "via", &gateway]));
            host
        });
        let listener = east.run(|| listen("10.8.1.2:8080", 5));
        let mut trace = Tracing::start(&[]);
        let ends = west.run(|| connected_pair(&listener, bound_first("10.8.2.2:5001")));
        exchange_byte(&ends);
        assert_has(
            &trace.handshake(),
            object!({
                "client": {"address": "10.8.2.2"},
                "server": {"address": "10.8.1.2"},
                "captured_on": "between",
                "outcome": "established",
                "syn_retransmits": 0,
                "syn_ack_retransmits": 0,
                "listener_queue": null,
            }),
        );
        assert_has(&trace.end().summary, object!({"handshakes": 1}));
    });
}

#[test]
fn a_packet_through_a_bridge_is_counted_once() {
    in_netns(|| {
        let there = behind_bridge();
        let listener = listen(SERVER, 5);
        let mut of_all = Tracing::start(&[]);
        let mut of_bridge = Tracing::start(&["--interface", "bridge"]);
        let mut of_both = Tracing::start(&["--interface", "port", "--interface", "bridge"]);
        exchange_byte(&there.run(|| connected_pair(&listener, bound_first(CLIENT))));
        for trace in [&mut of_all, &mut of_bridge, &mut of_both] {
            assert_has(
                &trace.handshake(),
                object!({
                    "captured_on": "server",
                    "outcome": "established",
                    "syn_retransmits": 0,
                    "syn_ack_retransmits": 0,
                }),
            );
        }
        for trace in [of_all, of_bridge, of_both] {
            assert_has(&trace.end().summary, object!({"handshakes": 1}));
        }
    });
}

#[test]
fn only_the_devices_that_were_named_are_traced() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen("0.0.0.0:8080", 5);
        let mut trace = Tracing::start(&["--interface", "lo"]);
        exchange_byte(&connection_to(&link, &listener));
        exchange_byte(&pair_on_lo(&listener));
        let handshake = trace.handshake();
        assert_has(&handshake, object!({"client": {"address": "127.0.0.1"}}));
        assert_has(&trace.end().summary, object!({"handshakes": 1}));

        let mut trace = Tracing::start(&["--interface", "lo", "--interface", "near"]);
        exchange_byte(&connection_to(&link, &listener));
        exchange_byte(&pair_on_lo(&listener));
        let handshakes = [trace.handshake(), trace.handshake()];
        let mut devices = handshakes.map(|one| one["interface"].to_string());
        devices.sort();
        assert_eq!(devices, ["\"lo\"", "\"near\""]);
    });
}

#[track_caller]
fn connection_to(link: &Link, listener: &Socket) -> (Socket, Socket) {
    let client = link.there.run(|| client(SERVER));
    let (server, _) = listener.accept().expect("a client is there");
    (client, server)
}

#[track_caller]
fn pair_on_lo(listener: &Socket) -> (Socket, Socket) {
    let client = client("127.0.0.1:8080");
    let (server, _) = listener.accept().expect("a client is there");
    (client, server)
}

#[test]
fn a_server_that_answers_late_is_told_from_a_client_that_does() {
    in_netns(|| {
        let link = Link::new();
        let mut here = Tracing::start(&["--host", HIDDEN_THERE]);
        let mut there = link.there.run(|| Tracing::start(&["--host", HIDDEN_THERE]));
        let listener = listen(SERVER, 5);
        let pause = Duration::from_millis(300);
        exchange_byte(&delayed_syn_ack(&link, &listener, || thread::sleep(pause)));
        for trace in [&mut here, &mut there] {
            let handshake = trace.handshake();
            let answer = number(&handshake["syn_to_syn_ack_ms"]);
            assert!(answer >= 300.0, "{handshake:#}");
            // The client's answer was not held back: that is none of the server's time.
            let total = number(&handshake["total_ms"]);
            let rest = number(&handshake["syn_ack_to_ack_ms"]);
            assert!((total - answer - rest).abs() < 0.002, "{handshake:#}");
        }
    });
}

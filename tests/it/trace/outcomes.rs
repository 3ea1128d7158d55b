//! `sockdiag trace`: handshakes that succeed and such as nobody answers, made by real stacks, traced
//! live and from a file by tcpdump, and compared with tshark.

use crate::support::compared_trace::ComparedTrace;
use crate::support::forged::Forged;
use crate::support::handshakes::{
    assert_after_a_second, assert_has, assert_latency_adds_up, assert_no_latency,
};
use crate::support::link::Link;
use crate::support::netns::{in_netns_for_tcpdump, sysctl};
use crate::support::program::number;
use crate::support::scenes::{
    CLIENT, CLIENT6, SERVER, SERVER6, connect_from_peer, connection, exchange_byte,
    start_connect_from_peer, unanswered_connect,
};
use crate::support::sockets::listen;
use serde_json::json as object;

#[test]
fn a_handshake_is_established_when_the_connection_is_used() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        let ends = connection(&link, CLIENT, &listener);
        exchange_byte(&ends);
        // At once: nothing can contradict any more.
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "S.", ".", ".", "."]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "client": {"address": "10.7.0.2", "port": 5001},
                "server": {"address": "10.7.0.1", "port": 8080},
                "interface": "near",
                "vlan": null,
                "outcome": "established",
                "confirmed": true,
                "syn_retransmits": 0,
                "syn_ack_retransmits": 0,
                "syn_after_ms": [],
                "syn_ack_after_ms": [],
                "fast_open_bytes": null,
                "reset": null,
                "reused_after_ms": null,
                "remarks": [],
            }),
        );
        assert_latency_adds_up(handshake);
    });
}

#[test]
fn a_handshake_over_ipv6_is_established() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen("[::]:8080", 5);
        let mut compared = ComparedTrace::start(&[]);
        // Once as IPv6, once as the IPv4 that such a listener takes as well.
        let over_6 = connect_from_peer(&link, CLIENT6, SERVER6);
        let over_4 = connect_from_peer(&link, "10.7.0.2:5002", SERVER);
        for client in [over_6, over_4] {
            let (server, _) = listener.accept().expect("a client is there");
            exchange_byte(&(client, server));
            compared.handshake();
        }
        let comparison = compared.assert_matches_tcpdump(&[]);
        let [six, four] = &comparison.handshakes[..] else {
            panic!("two handshakes: {:#?}", comparison.handshakes);
        };
        for (handshake, client, server) in [
            (six, "fd00:7::2", "fd00:7::1"),
            (four, "10.7.0.2", "10.7.0.1"),
        ] {
            assert_has(
                handshake,
                object!({
                    "client": {"address": client},
                    "server": {"address": server, "port": 8080},
                    "outcome": "established",
                    "confirmed": true,
                    "listener_queue": {"limit": 5, "members": 1},
                }),
            );
            assert_latency_adds_up(handshake);
        }
    });
}

#[test]
fn a_connection_that_stays_silent_is_established_when_no_syn_ack_comes_again() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        let _ends = connection(&link, CLIENT, &listener);
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "S.", "."]);
        let handshake = comparison.handshake();
        // No packet says so; the server's kernel does.
        assert_has(
            handshake,
            object!({"outcome": "established", "confirmed": true}),
        );
        assert_latency_adds_up(handshake);
    });
}

#[test]
fn syns_that_nobody_answers_are_told_when_the_client_has_given_up() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let mut compared = ComparedTrace::start(&[]);
        let _client = unanswered_connect(&link);
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "S"]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "server": {"address": "10.7.0.9"},
                "outcome": "no_reply",
                "confirmed": false,
                "syn_retransmits": 1,
                "syn_ack_retransmits": 0,
                "syn_ack_after_ms": [],
                "syn_to_syn_ack_ms": null,
                "sequence": {"server_isn": null},
                "options": {"server": null},
                "reset": null,
                "remarks": [],
            }),
        );
        assert_after_a_second(&handshake["syn_after_ms"]);
        assert_no_latency(handshake);
    });
}

#[test]
fn syns_that_nobody_has_answered_yet_are_told_when_the_trace_ends() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let compared = ComparedTrace::start(&[]);
        let _old = unanswered_connect(&link);
        let _young = start_connect_from_peer(&link, "10.7.0.2:5002", "10.7.0.9:8080");
        let comparison = compared.assert_matches_tcpdump(&[]);
        let outcomes: Vec<_> = comparison
            .handshakes
            .iter()
            .map(|handshake| &handshake["outcome"])
            .collect();
        assert_eq!(outcomes, ["no_reply", "incomplete"]);
        let young = &comparison.handshakes[1];
        assert_eq!(young["remarks"], object!(["ended_early"]), "{young:#}");
    });
}

#[test]
fn a_syn_ack_for_an_address_that_never_asked_stays_unanswered() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        sysctl("net/ipv4/tcp_synack_retries", 1);
        let _listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        link.there
            .run(|| Forged::syn("10.7.0.9:5001", SERVER).send());
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "S.", "S."]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "client": {"address": "10.7.0.9", "port": 5001},
                "outcome": "syn_ack_unanswered",
                "confirmed": false,
                "syn_retransmits": 0,
                "syn_ack_retransmits": 1,
                "sequence": {"client_isn": 1},
                "listener_queue": {"length": 0, "limit": 5},
            }),
        );
        assert_after_a_second(&handshake["syn_ack_after_ms"]);
        assert!(number(&handshake["syn_to_syn_ack_ms"]) >= 0.0);
        assert_no_latency(handshake);
    });
}

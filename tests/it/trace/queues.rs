//! `sockdiag trace`: handshakes with a listener whose queue is full, and with one that waits in vain.

use crate::support::compared_trace::ComparedTrace;
use crate::support::handshakes::{assert_after_a_second, assert_has, assert_latency_adds_up};
use crate::support::link::Link;
use crate::support::netns::{in_netns, in_netns_for_tcpdump, sysctl};
use crate::support::program::{count, number};
use crate::support::scenes::{
    CLIENT, SERVER, exchange_byte, fill_from_peer, late_ack, start_connect_from_peer,
    wait_for_syn_ack_retransmits, wait_for_syn_retransmit,
};
use crate::support::sockets::{accept_queue_len, listen};
use crate::support::tools::tcp_ext;
use crate::support::tracing::Tracing;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

#[test]
fn an_ack_that_finds_the_queue_full_is_dropped() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let compared = ComparedTrace::start(&["--host", "10.7.0.12"]);
        let _scene = late_ack(&link, || ());
        wait_for_syn_ack_retransmits(1);
        let comparison = compared.assert_matches_tcpdump(&["--host", "10.7.0.12"]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "client": {"address": "10.7.0.12", "port": 5001},
                "outcome": "ack_dropped",
                "confirmed": false,
                "listener_queue": {"length": 3, "limit": 2, "members": 1},
                "reset": null,
            }),
        );
        assert!(count(&handshake["syn_ack_retransmits"]) >= 1);
        assert_latency_adds_up(handshake);
    });
}

/// With SYN cookies the SYN-ACK does not come again, so that the wire shows nothing amiss.
#[test]
fn an_ack_that_is_dropped_behind_a_syn_cookie_is_told_by_the_kernel() {
    in_netns(|| {
        let link = Link::new();
        sysctl("net/ipv4/tcp_syncookies", 2);
        let listener = listen(SERVER, 2);
        let mut live = Tracing::start(&[]);
        let _late = start_connect_from_peer(&link, "10.7.0.12:5001", SERVER);
        wait_until("the SYN is answered", || tcp_ext("SyncookiesSent") == 1);
        let _queued = fill_from_peer(&link, &listener, 3);
        link.reveal_there();
        wait_until("the ACK finds no room", || tcp_ext("ListenOverflows") >= 1);
        let handshakes = live.handshakes(4);
        live.end();
        let of = |port: u16| {
            let mut all = handshakes.iter();
            let found = all.find(|one| one["client"]["port"] == port);
            found.expect("it has ended").clone()
        };
        assert_has(
            &of(5001),
            object!({
                "outcome": "ack_dropped",
                "confirmed": false,
                "syn_ack_retransmits": 0,
            }),
        );
        let is_open = |one: &&Value| one["outcome"] == "established" && one["confirmed"] == true;
        assert_eq!(handshakes.iter().filter(is_open).count(), 3);
    });
}

#[test]
fn a_dropped_ack_is_told_also_when_the_connection_succeeds_in_the_end() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let mut compared = ComparedTrace::start(&["--host", "10.7.0.12"]);
        let scene = late_ack(&link, || ());
        let _room = scene.listener.accept().expect("three are there");
        // The kernel repeats its SYN-ACK, and this time the ACK is welcome.
        wait_until("the late client is queued", || {
            accept_queue_len(&scene.listener) == 3
        });
        let servers: Vec<_> = (0..3).map(|_| scene.listener.accept()).collect();
        let (server, _) = servers.into_iter().last().expect("three").expect("queued");
        exchange_byte(&(scene.client, server));
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&["--host", "10.7.0.12"]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({"outcome": "ack_dropped", "confirmed": true}),
        );
        assert!(count(&handshake["syn_ack_retransmits"]) >= 1);
        assert_latency_adds_up(handshake);
    });
}

#[test]
fn a_syn_that_finds_the_queue_full_has_no_reply_and_the_queue_tells_why() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 0);
        let _queued = fill_from_peer(&link, &listener, 1);
        let compared = ComparedTrace::start(&[]);
        let client = start_connect_from_peer(&link, CLIENT, SERVER);
        wait_for_syn_retransmit(&link, &client);
        wait_until("the SYNs are dropped", || tcp_ext("ListenOverflows") >= 2);
        let comparison = compared.assert_matches_tcpdump(&[]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "outcome": "no_reply",
                "listener_queue": {"length": 1, "limit": 0, "members": 1},
            }),
        );
        assert!(number(&handshake["listener_queue"]["sampled_after_ms"]) >= 0.0);
        let overflows = &comparison.live.summary["counters"]["ListenOverflows"];
        assert!(count(overflows) >= 2, "{overflows}");
        let finding = &comparison.live.findings[0];
        assert_has(
            finding,
            object!({
                "id": "accept_queue_overflow",
                "severity": "critical",
                "subject": "10.7.0.1:8080",
                "cause": "the accept queue was full",
                "inferred": false,
                "next": ["sockdiag queues :8080"],
            }),
        );
    });
}

#[test]
fn a_syn_that_is_taken_at_the_second_try_is_established_late() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 0);
        let _queued = fill_from_peer(&link, &listener, 1);
        let mut compared = ComparedTrace::start(&[]);
        let client = start_connect_from_peer(&link, CLIENT, SERVER);
        wait_until("the SYN is dropped", || tcp_ext("ListenOverflows") == 1);
        let _first = listener.accept().expect("a client is queued");
        let (server, _) = listener.accept().expect("the second SYN is taken");
        exchange_byte(&(client, server));
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({"outcome": "established", "confirmed": true}),
        );
        assert!(count(&handshake["syn_retransmits"]) >= 1);
        assert_after_a_second(&handshake["syn_after_ms"]);
        // From the first SYN on: that is how long the client waited.
        assert!(number(&handshake["syn_to_syn_ack_ms"]) >= 900.0);
        assert_latency_adds_up(handshake);
    });
}

#[test]
fn a_server_that_aborts_on_overflow_resets_without_an_ack() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        sysctl("net/ipv4/tcp_abort_on_overflow", 1);
        let mut compared = ComparedTrace::start(&["--host", "10.7.0.12"]);
        let _scene = late_ack(&link, || ());
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&["--host", "10.7.0.12"]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "outcome": "reset_by_server",
                "confirmed": false,
                "reset": {"by": "server", "with_ack": false, "after_ack": true},
                "listener_queue": {"length": 3, "limit": 2},
            }),
        );
        assert_latency_adds_up(handshake);
    });
}

//! `sockdiag trace`: handshakes that one of the two breaks off.

use crate::support::capture::RST;
use crate::support::clients::{bound_first, close_by_rst, connect_with};
use crate::support::compared_trace::ComparedTrace;
use crate::support::forged::Forged;
use crate::support::handshakes::{assert_has, assert_latency_adds_up, assert_no_latency};
use crate::support::link::Link;
use crate::support::netns::in_netns_for_tcpdump;
use crate::support::scenes::{CLIENT, SERVER, connection, fill_from_peer};
use crate::support::sockets::listen;
use serde_json::json as object;

#[test]
fn a_reset_in_answer_to_the_syn_is_a_refusal() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let mut compared = ComparedTrace::start(&[]);
        let refused = link.there.run(|| connect_with(SERVER, bound_first(CLIENT)));
        refused.expect_err("nobody listens");
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "R."]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "outcome": "refused",
                "confirmed": false,
                "reset": {"by": "server", "with_ack": true, "after_ack": false},
                "sequence": {"server_isn": null},
                "options": {"server": null},
                "syn_to_syn_ack_ms": null,
                "listener_queue": null,
            }),
        );
        assert_no_latency(handshake);
    });
}

#[test]
fn a_client_that_never_asked_resets() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let _listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        // A half-open scan: the kernel of the client knows nothing of the SYN.
        link.there.run(|| Forged::syn(CLIENT, SERVER).send());
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "S.", "R"]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "outcome": "reset_by_client",
                "reset": {"by": "client", "with_ack": false, "after_ack": false},
                "sequence": {"client_isn": 1},
            }),
        );
        assert_no_latency(handshake);
    });
}

#[test]
fn a_client_that_hangs_up_at_once_resets_after_its_ack() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        // As a scan by connect() does.
        let (client, _server) = connection(&link, CLIENT, &listener);
        close_by_rst(client);
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "S.", ".", "R."]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({
                "outcome": "reset_by_client",
                "reset": {"by": "client", "with_ack": true, "after_ack": true},
            }),
        );
        assert_latency_adds_up(handshake);
    });
}

#[test]
fn a_client_may_reset_before_it_is_answered() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let mut compared = ComparedTrace::start(&[]);
        let syn = Forged::syn(CLIENT, "10.7.0.9:8080");
        let regret = Forged {
            sequence: 2,
            flags: RST,
            ..syn.clone()
        };
        link.there.run(|| {
            syn.send();
            regret.send();
        });
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "R"]);
        assert_has(
            comparison.handshake(),
            object!({
                "outcome": "reset_by_client",
                "reset": {"by": "client", "with_ack": false, "after_ack": false},
                "syn_to_syn_ack_ms": null,
            }),
        );
    });
}

#[test]
fn a_server_that_closes_its_listener_resets_those_who_wait() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        let _clients = fill_from_peer(&link, &listener, 2);
        drop(listener);
        let first = compared.handshake();
        let second = compared.handshake();
        for handshake in [first, second] {
            assert_has(
                &handshake,
                object!({
                    "outcome": "reset_by_server",
                    "confirmed": false,
                    "reset": {"by": "server", "with_ack": true, "after_ack": true},
                }),
            );
        }
        compared.assert_matches_tcpdump(&[]);
    });
}

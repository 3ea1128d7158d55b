//! `sockdiag trace`: handshakes that are no client's with a server, or not the first between the two.

use std::time::Duration;

use crate::support::compared_trace::ComparedTrace;
use crate::support::forged::Forged;
use crate::support::handshakes::{assert_has, started_ms};
use crate::support::link::Link;
use crate::support::netns::{in_netns, in_netns_for_tcpdump, lo_up};
use crate::support::program::number;
use crate::support::scenes::{
    CLIENT, SERVER, connection, exchange_byte, self_connect, simultaneous_open,
    time_wait_at_server, wait_for_syn_ack_retransmits,
};
use crate::support::sockets::listen;
use crate::support::tcpdump::{TsharkSegment, flag_letters};
use crate::support::tools::{segments_in, tcp_ext};
use crate::support::tracing::Tracing;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

#[test]
fn two_who_connect_to_each_other_open_simultaneously() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let mut compared = ComparedTrace::start(&[]);
        let _ends = simultaneous_open(&link);
        compared.handshake();
        let comparison = compared.assert_matches_tcpdump(&[]);
        if let Some(packets) = &comparison.packets {
            let syns = packets
                .iter()
                .filter(|packet| flag_letters(packet.flags) == "S");
            assert_eq!(syns.count(), 2, "the scene is set: {packets:#?}");
        }
        assert_has(
            comparison.handshake(),
            object!({
                // Whose SYN was seen first.
                "client": {"address": "10.7.0.11", "port": 7001},
                "server": {"address": "10.7.0.12", "port": 7002},
                "outcome": "simultaneous_open",
                "syn_retransmits": 0,
                "syn_ack_retransmits": 0,
                "reset": null,
            }),
        );
    });
}

#[test]
fn a_socket_may_connect_to_itself() {
    in_netns(|| {
        lo_up();
        let mut trace = Tracing::start(&[]);
        let _socket = self_connect("127.0.0.1:7003");
        assert_has(
            &trace.handshake(),
            object!({
                "client": {"address": "127.0.0.1", "port": 7003},
                "server": {"address": "127.0.0.1", "port": 7003},
                "interface": "lo",
                "outcome": "self_connect",
                "syn_retransmits": 0,
                "syn_ack_retransmits": 0,
            }),
        );
        let traced = trace.end();
        assert_eq!(traced.handshakes(), [] as [Value; 0]);
    });
}

#[test]
fn four_numbers_of_a_connection_in_time_wait_are_taken_again() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let mut compared = ComparedTrace::start(&[]);
        time_wait_at_server(&link, &listener);
        let first = compared.handshake();
        let ends = connection(&link, CLIENT, &listener);
        exchange_byte(&ends);
        let second = compared.handshake();
        assert_eq!(first["client"], second["client"]);
        assert_ne!(first["sequence"], second["sequence"]);
        for handshake in [&first, &second] {
            assert_has(handshake, object!({"outcome": "established"}));
        }
        assert!(first["reused_after_ms"].is_null(), "{first:#}");
        let between = started_ms(&second) - started_ms(&first);
        let after = number(&second["reused_after_ms"]);
        assert!((0.0..between).contains(&after), "{second:#}");
        let comparison = compared.assert_matches_tcpdump(&[]);
        if let Some(packets) = comparison.packets {
            assert_eq!(after_the_last_fin(&packets), 1, "the scene is set");
        }
    });
}

/// SYNs after the last FIN.
fn after_the_last_fin(packets: &[TsharkSegment]) -> usize {
    let last = packets.iter().rposition(|packet| packet.flags & 0x01 != 0);
    let after = packets[last.expect("a FIN")..].iter();
    after
        .filter(|packet| flag_letters(packet.flags) == "S")
        .count()
}

#[test]
fn a_syn_that_comes_twice_is_one_handshake() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let _listener = listen(SERVER, 5);
        let compared = ComparedTrace::start(&[]);
        let syn = Forged::syn("10.7.0.9:5001", SERVER);
        link.there.run(|| {
            syn.send();
            // Sooner, it might be one packet that was captured twice.
            std::thread::sleep(Duration::from_millis(250));
            syn.send();
        });
        wait_until("both have arrived", || segments_in() >= 2);
        wait_for_syn_ack_retransmits(1);
        let comparison = compared.assert_matches_tcpdump(&[]);
        let handshake = comparison.handshake();
        // The kernel answers the second one as well.
        assert_has(
            handshake,
            object!({"syn_retransmits": 1, "syn_ack_retransmits": 1}),
        );
        let summary = &comparison.live.summary;
        assert_has(summary, object!({"handshakes": 1, "shown": 1}));
    });
}

#[test]
fn a_server_that_still_holds_the_connection_challenges_the_syn() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let _ends = connection(&link, CLIENT, &listen(SERVER, 5));
        let compared = ComparedTrace::start(&[]);
        // As of a client that has crashed and takes the same port again.
        let before = tcp_ext("TCPChallengeACK");
        link.there.run(|| Forged::syn(CLIENT, SERVER).send());
        wait_until("the server answers", || tcp_ext("TCPChallengeACK") > before);
        let comparison = compared.assert_matches_tcpdump(&[]);
        comparison.assert_packets(&["S", "."]);
        let handshake = comparison.handshake();
        assert_has(
            handshake,
            object!({"sequence": {"client_isn": 1, "server_isn": null}, "confirmed": false}),
        );
        let remarks = handshake["remarks"].as_array().expect("remarks[]");
        assert!(remarks.contains(&object!("challenge_ack")), "{handshake:#}");
    });
}

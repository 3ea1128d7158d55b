//! `sockdiag trace`: what a firewall of this host does to handshakes with a listener that has room.

use crate::support::firewall::{add_chain, remove_chain};
use crate::support::handshakes::assert_has;
use crate::support::link::Link;
use crate::support::netns::in_netns;
use crate::support::scenes::{
    CLIENT, SERVER, start_connect_from_peer, wait_for_syn_ack_retransmits, wait_for_syn_retransmit,
};
use crate::support::sockets::listen;
use crate::support::tracing::Tracing;
use serde_json::{Value, json as object};

fn reason(handshake: &Value) -> &str {
    handshake["reason"].as_str().expect("a reason")
}

#[test]
fn a_dropped_last_ack_is_not_put_down_to_the_accept_queue() {
    in_netns(|| {
        let link = Link::new();
        let _listener = listen(SERVER, 512);
        if !add_chain(
            "filter",
            "input",
            &["tcp flags & (syn|ack|rst) == ack drop"],
        ) {
            return;
        }
        let live = Tracing::start(&[]);
        let _client = start_connect_from_peer(&link, CLIENT, SERVER);
        wait_for_syn_ack_retransmits(1);
        let traced = live.end();
        let handshake = traced.handshake();
        assert_has(
            &handshake,
            object!({
                "outcome": "ack_dropped",
                "listener_queue": {"length": 0, "limit": 512, "dropped": 0},
            }),
        );
        assert!(
            reason(&handshake).starts_with("a firewall"),
            "{handshake:#}"
        );
        let finding = &traced.findings[0];
        assert_has(
            finding,
            object!({"id": "handshakes_ack_dropped", "inferred": true}),
        );
    });
}

#[test]
fn a_dropped_syn_is_not_put_down_to_a_queue() {
    in_netns(|| {
        let link = Link::new();
        let _listener = listen(SERVER, 512);
        if !add_chain("filter", "input", &["tcp flags & (syn|ack) == syn drop"]) {
            return;
        }
        let mut live = Tracing::start(&[]);
        let client = start_connect_from_peer(&link, CLIENT, SERVER);
        wait_for_syn_retransmit(&link, &client);
        remove_chain("filter", "input");
        let handshake = live.handshake();
        assert_has(
            &handshake,
            object!({
                "outcome": "established",
                "listener_queue": {"limit": 512, "dropped": 0},
            }),
        );
        assert_eq!(
            reason(&handshake),
            "late: a firewall, rp_filter or a bad checksum; the listener dropped nothing"
        );
    });
}

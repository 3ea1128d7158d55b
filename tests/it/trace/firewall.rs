//! `sockdiag trace`: what a firewall of this host does to handshakes with a listener that has room.

use crate::support::firewall::{add_chain, remove_chain};
use crate::support::handshakes::{assert_has, reason};
use crate::support::link::{HERE, HERE6, Link};
use crate::support::netns::{in_netns, run, sysctl};
use crate::support::scenes::{
    CLIENT, CLIENT6, SERVER, SERVER6, start_connect_from_peer, wait_for_syn_ack_retransmits,
    wait_for_syn_retransmit,
};
use crate::support::sockets::listen;
use crate::support::tools::kernel_counter;
use crate::support::tracing::Tracing;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

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

#[test]
fn a_rejected_syn_is_unreachable_by_the_icmp_error() {
    in_netns(|| {
        let link = Link::new();
        let _listeners = [SERVER, SERVER6].map(|address| listen(address, 5));
        if !add_chain("filter", "input", &["tcp flags & (syn|ack) == syn reject"]) {
            return;
        }
        let mut here = Tracing::start(&["--port", "8080"]);
        let mut there = link.there.run(|| Tracing::start(&[":8080"]));
        for (client, server, by, code) in [(CLIENT, SERVER, HERE, 3), (CLIENT6, SERVER6, HERE6, 4)]
        {
            let _client = start_connect_from_peer(&link, client, server);
            for trace in [&mut here, &mut there] {
                let handshake = trace.handshake();
                let expected = object!({"by": by, "icmp_code": code, "sent_by": "client"});
                assert_has(&handshake["unreachable"], expected);
                assert_has(
                    &handshake,
                    object!({"outcome": "unreachable", "reset": Value::Null}),
                );
                assert!(
                    reason(&handshake).contains("(port unreachable)"),
                    "{handshake:#}"
                );
            }
        }
        let summary = there.end().summary;
        assert_has(
            &summary,
            object!({"handshakes": 2, "outcomes": {"unreachable": 2}}),
        );
        assert_eq!(here.end().findings[0]["id"], "handshakes_unreachable");
    });
}

#[test]
fn a_route_that_does_not_exist_is_unreachable_from_the_router() {
    in_netns(|| {
        let link = Link::new();
        sysctl("net/ipv4/conf/all/forwarding", 1);
        run("ip", &["route", "add", "unreachable", "10.8.0.0/24"]);
        link.there
            .run(|| run("ip", &["route", "add", "10.8.0.0/24", "via", HERE]));
        let live = Tracing::start(&[]);
        let _client = start_connect_from_peer(&link, CLIENT, "10.8.0.1:80");
        wait_until("it is rejected", || icmp_errors_out() >= 1);
        let handshake = live.end().handshake();
        let expected = object!({"by": HERE, "icmp_type": 3, "icmp_code": 1});
        assert_has(&handshake["unreachable"], expected);
        assert_has(&handshake, object!({"outcome": "unreachable"}));
        assert!(
            reason(&handshake).contains("host unreachable"),
            "{handshake:#}"
        );
    });
}

fn icmp_errors_out() -> u64 {
    kernel_counter("snmp", "Icmp", "OutDestUnreachs")
}

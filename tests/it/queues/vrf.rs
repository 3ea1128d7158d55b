//! `sockdiag queues`: listeners in a VRF.

use crate::support::handshakes::assert_has;
use crate::support::link::Link;
use crate::support::netns::in_netns;
use crate::support::program::{json, listeners};
use crate::support::scenes::{CLIENT, connect_from_peer, start_connect_from_peer};
use crate::support::sockets::{half_open_count, listen, listen_with};
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

#[test]
fn queues_of_a_listener_in_a_vrf_are_not_those_of_one_outside() {
    in_netns(|| {
        let link = Link::new();
        if !link.enter_vrf("red") {
            return;
        }
        let _outside = listen("0.0.0.0:8080", 7);
        let _inside = listen_with("0.0.0.0:8080", 5, |socket| {
            let device = Some(&b"red"[..]);
            socket.bind_device(device).expect("the VRF is there");
        });
        let server = "10.7.0.1:8080";
        let _queued = connect_from_peer(&link, CLIENT, server);
        // Its SYN-ACK is never sent.
        let _half_open = start_connect_from_peer(&link, "10.7.0.12:5002", server);
        wait_until("the SYN has arrived", || half_open_count(8080) == 1);

        let report = json(&["queues"]);
        let of = |interface: Value| {
            let mut all = listeners(&report).iter();
            let found = all.find(|one| one["local"]["interface"] == interface);
            found.unwrap_or_else(|| panic!("none on {interface} in {report:#}"))
        };
        assert_has(
            of(object!("red")),
            object!({"accept_queue": {"length": 1, "limit": 5}, "syn_queue": {"length": 1}}),
        );
        assert_has(
            of(Value::Null),
            object!({"accept_queue": {"length": 0, "limit": 7}, "syn_queue": {"length": 0}}),
        );
    });
}

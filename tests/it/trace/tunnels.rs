//! `sockdiag trace`: handshakes within a tunnel, which the host that captures need not end.

use std::net::UdpSocket;

use crate::support::capture_file::{
    ETHERNET, Order, ethernet, handshake_packets, handshake_segments, pcapng,
};
use crate::support::handshakes::assert_has;
use crate::support::link::{HERE, Link, THERE};
use crate::support::netns::in_netns;
use crate::support::tracing::{Tracing, trace_bytes};
use serde_json::{Value, json as object};

/// A frame in VXLAN: the flags and the network identifier 1.
fn vxlan(frame: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0, 0, 0, 1, 0][..], frame].concat()
}

#[test]
fn a_handshake_within_vxlan_is_seen_live() {
    in_netns(|| {
        let link = Link::new();
        let _sink = UdpSocket::bind((HERE, 4789)).expect("the port is free");
        let mut all = Tracing::start(&[]);
        let mut filtered = Tracing::start(&[":8080"]);
        let others = Tracing::start(&[":8081"]);
        link.there.run(|| {
            let socket = UdpSocket::bind((THERE, 0)).expect("a port is free");
            for segment in handshake_segments() {
                let datagram = vxlan(&ethernet(&segment));
                socket.send_to(&datagram, (HERE, 4789)).expect("it is sent");
            }
        });
        for trace in [&mut all, &mut filtered] {
            let handshake = trace.handshake();
            assert_has(
                &handshake,
                object!({
                    "outcome": "established",
                    "tunnel": "vxlan",
                    "server": {"port": 8080},
                    // The outer packets are for this host; where those within go is not known.
                    "captured_on": Value::Null,
                    "listener_queue": Value::Null,
                }),
            );
        }
        others.wait_until_receiving();
        assert_has(&others.end().summary, object!({"handshakes": 0}));
        assert_has(&all.end().summary, object!({"handshakes": 1}));
        filtered.end();
    });
}

#[test]
fn a_file_of_tunnelled_packets_tells_the_same_as_one_without_a_tunnel() {
    let plain = pcapng(Order::Little, ETHERNET as u16, &handshake_packets(ethernet));
    let in_gre = handshake_packets(|segment| {
        let frame = ethernet(segment);
        let inner = &frame[14..];
        let total = ((24 + inner.len()) as u16).to_be_bytes();
        let header = [0x45, 0, total[0], total[1], 0, 1, 0x40, 0, 64, 47, 0, 0];
        let gre = [0, 0, 0x08, 0x00];
        [
            &frame[..14],
            &header,
            &[192, 0, 2, 1, 192, 0, 2, 2],
            &gre,
            inner,
        ]
        .concat()
    });
    let tunnelled = trace_bytes(&pcapng(Order::Little, ETHERNET as u16, &in_gre)).handshake();
    assert_has(&tunnelled, object!({"tunnel": "gre"}));
    let mut expected = trace_bytes(&plain).handshake();
    expected["tunnel"] = object!("gre");
    assert_eq!(tunnelled, expected);
}

//! `sockdiag trace` on VLAN devices, in a VRF, and where packets are lost or overtake each other.

use std::io::Write as _;

use crate::support::clients::bound_first;
use crate::support::handshakes::assert_has;
use crate::support::host::{VethEnd, configure_veth_end, wait_until_up};
use crate::support::kernel_parts::{add_device, set_qdisc};
use crate::support::link::Link;
use crate::support::netns::{in_netns, run};
use crate::support::program::count;
use crate::support::scenes::{
    CLIENT, SERVER, connect_from_peer, connection, exchange_byte, start_connect_from_peer,
};
use crate::support::sockets::{half_open_count, listen, listen_with};
use crate::support::time_waits::connected_pair;
use crate::support::tools::tcp_ext;
use crate::support::tracing::Tracing;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

const TAGGED: &str = "10.9.0.1:8080";

/// A VLAN device on each end of the link, which know each other; `false` where the kernel has none.
fn add_vlan(link: &Link) -> bool {
    let near = VethEnd {
        device: "near5",
        hardware: 1,
        addresses: &["10.9.0.1/24"],
    };
    let far = VethEnd {
        device: "far5",
        hardware: 2,
        addresses: &["10.9.0.2/24"],
    };
    let add = |own: &VethEnd, below, neighbour, other: &VethEnd| {
        let added = add_device(own.device, &["link", below, "vlan", "id", "5"]);
        if added {
            configure_veth_end(own);
            wait_until_up(own.device);
            let entry = ["neigh", "replace", neighbour, "dev", own.device];
            let hardware = other.hardware_address();
            run("ip", &[&entry[..], &["lladdr", &hardware]].concat());
        }
        added
    };
    add(&near, "near", "10.9.0.2", &far) && link.there.run(|| add(&far, "far", "10.9.0.1", &near))
}

#[test]
fn a_handshake_through_a_vlan_device_is_counted_once() {
    in_netns(|| {
        let link = Link::new();
        if !add_vlan(&link) {
            return;
        }
        let listener = listen(TAGGED, 5);
        for (args, port, vlan) in [
            (&["--interface", "near"][..], 5001, object!(5)),
            (&["--interface", "near5"], 5002, Value::Null),
            (&[], 5003, Value::Null),
        ] {
            let mut trace = Tracing::start(args);
            let client = format!("10.9.0.2:{port}");
            let dial = || connected_pair(&listener, bound_first(&client));
            exchange_byte(&link.there.run(dial));
            let handshake = trace.handshake();
            assert_has(
                &handshake,
                object!({
                    "client": {"address": "10.9.0.2", "port": port},
                    "outcome": "established",
                    "reason": null,
                    "syn_retransmits": 0,
                    "syn_ack_retransmits": 0,
                }),
            );
            if !args.is_empty() {
                assert_eq!(handshake["vlan"], vlan, "{handshake:#}");
            }
            let traced = trace.end();
            assert_has(&traced.summary, object!({"handshakes": 1}));
        }
    });
}

/// The listener outside has room. A client of the VRF never reaches it, and the packets do not show
/// that they belong to the VRF.
#[test]
fn a_handshake_in_a_vrf_is_counted_once_and_not_judged_by_a_listener_outside() {
    in_netns(|| {
        let link = Link::new();
        if !link.enter_vrf("red") {
            return;
        }
        let _outside = listen("0.0.0.0:8080", 100);
        let _inside = listen_with(SERVER, 0, |socket| {
            let device = Some(&b"red"[..]);
            socket.bind_device(device).expect("the VRF is there");
        });
        let mut trace = Tracing::start(&[]);
        let queued = connect_from_peer(&link, CLIENT, SERVER);
        (&queued).write_all(b"x").expect("it is connected");
        assert_has(
            &trace.handshake(),
            object!({"client": {"port": 5001}, "outcome": "established"}),
        );
        let _late = start_connect_from_peer(&link, "10.7.0.2:5002", SERVER);
        wait_until("the SYN finds no room", || tcp_ext("ListenOverflows") > 0);
        let traced = trace.end();
        let handshake = traced.handshake();
        assert_has(
            &handshake,
            object!({"client": {"port": 5002}, "listener_queue": null, "reason": null}),
        );
        assert_has(&traced.summary, object!({"handshakes": 2}));
    });
}

#[test]
fn syns_are_counted_where_the_answers_are_lost_and_no_cause_is_certain() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 100);
        if !set_qdisc("near", &["netem", "loss", "100%"]) {
            return;
        }
        let mut trace = link.there.run(|| Tracing::start_elsewhere(&[]));
        let clients: Vec<_> = (5001..5011)
            .map(|port| start_connect_from_peer(&link, &format!("10.7.0.2:{port}"), SERVER))
            .collect();
        wait_until("the SYNs have arrived", || half_open_count(8080) == 10);
        link.there.run(|| {
            wait_until("all SYNs are retransmitted", || {
                tcp_ext("TCPSynRetrans") >= 10
            });
        });
        assert!(set_qdisc("near", &["netem", "loss", "0%"]));
        for _ in &clients {
            let (server, _) = listener.accept().expect("a client is there");
            (&server).write_all(b"x").expect("it is connected");
        }
        let handshakes = trace.handshakes(10);
        let traced = trace.end();
        // Before Linux 6.5 the client waits as long as the server before it retransmits again, so
        // that a SYN-ACK may come twice: for the SYN, and as its own time is over.
        let linear = "/proc/sys/net/ipv4/tcp_syn_linear_timeouts";
        let at_most = u64::from(!std::fs::exists(linear).expect("/proc is there"));
        for handshake in &handshakes {
            assert_has(handshake, object!({"outcome": "established"}));
            let again = count(&handshake["syn_ack_retransmits"]);
            assert!(again <= at_most, "{handshake:#}");
        }
        let all = handshakes.iter();
        let counted: u64 = all.map(|one| count(&one["syn_retransmits"])).sum();
        let sent = link.there.run(|| tcp_ext("TCPSynRetrans"));
        assert_eq!(counted, sent, "{handshakes:#?}");
        for finding in traced.findings.as_array().expect("findings[]") {
            assert_eq!(finding["because"], Value::Null, "{finding:#}");
        }
        drop(clients);
    });
}

/// Every third packet of the client is sent at once: its data, before the ACK that it sent first.
#[test]
fn an_ack_that_data_overtakes_is_no_failure() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let overtaken = ["netem", "delay", "400ms", "reorder", "100%", "gap", "3"];
        if !link.there.run(|| set_qdisc("far", &overtaken)) {
            return;
        }
        let mut trace = Tracing::start(&["--interface", "near"]);
        let client = connect_from_peer(&link, CLIENT, SERVER);
        (&client).write_all(b"x").expect("it is connected");
        let (_server, _) = listener.accept().expect("a client is there");
        let handshake = trace.handshake();
        assert_has(
            &handshake,
            object!({
                "client": {"port": 5001},
                "outcome": "established",
                "reason": null,
                "syn_retransmits": 0,
                "syn_ack_retransmits": 0,
            }),
        );
        assert_has(&trace.end().summary, object!({"handshakes": 1}));
    });
}

#[test]
fn a_link_that_loses_and_reorders_leaves_every_handshake_established() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let lossy = [
            "netem",
            "delay",
            "5ms",
            "5ms",
            "loss",
            "10%",
            "duplicate",
            "10%",
        ];
        if !set_qdisc("near", &lossy) {
            return;
        }
        let mut trace = Tracing::start(&["--interface", "near"]);
        let ends: Vec<_> = (5001..5011)
            .map(|port| {
                let ends = connection(&link, &format!("10.7.0.2:{port}"), &listener);
                exchange_byte(&ends);
                ends
            })
            .collect();
        for handshake in trace.handshakes(ends.len()) {
            assert_has(&handshake, object!({"outcome": "established"}));
        }
        assert_has(&trace.end().summary, object!({"handshakes": ends.len()}));
    });
}

//! `sockdiag trace --read`: captures that begin or end in the middle, and what is among the handshakes.

use crate::support::capture_file::{
    Captured, ETHERNET, Order, START, ethernet, handshake_packets, handshake_segments, pcap,
};
use crate::support::forged::Forged;
use crate::support::handshakes::assert_has;
use crate::support::program::count;
use crate::support::scenes::{CLIENT, SERVER};
use crate::support::tracing::{trace, trace_bytes};
use crate::support::tree::Tree;
use serde_json::{Value, json as object};

#[test]
fn packets_that_contradict_themselves_are_counted_and_skipped() {
    let mut packets = handshake_packets(ethernet);
    let contradictions = [
        // The header of TCP is longer than the packet.
        (14 + 20 + 12, 0xf0),
        // The header of TCP is shorter than one can be.
        (14 + 20 + 12, 0x10),
        // The header of IP is longer than the packet.
        (14, 0x4f),
        // The packet is shorter than its headers.
        (14 + 3, 21),
    ];
    for (offset, wrong) in contradictions {
        let mut broken = ethernet(&Forged::syn("10.7.0.2:5002", SERVER));
        broken[offset] = wrong;
        packets.insert(1, (START + 1, broken));
    }
    // An IP header cut off in the middle, and nothing at all.
    packets.insert(
        1,
        (START + 1, ethernet(&handshake_segments()[0])[..30].to_vec()),
    );
    packets.insert(1, (START + 1, Vec::new()));
    let traced = trace_bytes(&pcap(Order::Little, 1_000_000, ETHERNET, &packets));
    assert_has(
        &traced.handshake(),
        object!({"client": {"port": 5001}, "outcome": "established"}),
    );
    assert!(
        count(&traced.summary["undecodable"]) >= 4,
        "{:#}",
        traced.summary
    );
    assert_has(&traced.summary, object!({"handshakes": 1}));
}

#[test]
fn a_capture_may_begin_and_end_in_the_middle() {
    let all = handshake_packets(ethernet);
    for (what, packets, outcome, remark) in [
        ("without its SYN", &all[1..], None, "begun_before"),
        (
            "with its SYN alone",
            &all[..1],
            Some("incomplete"),
            "ended_early",
        ),
        (
            "without its ACK",
            &all[..2],
            Some("incomplete"),
            "ended_early",
        ),
    ] {
        let handshake = trace_bytes(&pcap(Order::Little, 1_000_000, ETHERNET, packets)).handshake();
        let remarks = handshake["remarks"].as_array().expect("remarks[]");
        assert!(remarks.contains(&object!(remark)), "{what}: {handshake:#}");
        if let Some(outcome) = outcome {
            assert_eq!(handshake["outcome"], outcome, "{what}: {handshake:#}");
        }
        assert!(handshake["total_ms"].is_null(), "{what}: {handshake:#}");
    }
}

#[test]
fn a_connection_that_was_there_before_is_no_handshake() {
    let segments = handshake_segments();
    let packets: Vec<Captured> = (START..)
        .zip(&segments[2..])
        .map(|(time, segment)| (time, ethernet(segment)))
        .collect();
    let traced = trace_bytes(&pcap(Order::Little, 1_000_000, ETHERNET, &packets));
    assert_eq!(traced.handshakes(), [] as [Value; 0]);
    assert_has(&traced.summary, object!({"handshakes": 0}));
}

#[test]
fn a_clock_that_steps_is_remarked_and_gives_no_negative_times() {
    for (what, step) in [
        ("back", -3_600_000_000_000_i64),
        ("forth", 3_600_000_000_000),
    ] {
        let mut packets = handshake_packets(ethernet);
        for (time, _) in &mut packets[1..] {
            *time = time.wrapping_add_signed(step);
        }
        let traced = trace_bytes(&pcap(Order::Little, 1_000_000, ETHERNET, &packets));
        let all = traced.handshakes();
        assert!(!all.is_empty(), "{what}");
        for handshake in &all {
            for key in ["syn_to_syn_ack_ms", "syn_ack_to_ack_ms", "total_ms"] {
                let time = handshake[key].as_f64();
                assert!(time.is_none_or(|time| time >= 0.0), "{what}: {handshake:#}");
            }
        }
        if step < 0 {
            let remarks = all[0]["remarks"].as_array().expect("remarks[]");
            assert!(remarks.contains(&object!("clock_stepped")), "{:#}", all[0]);
        }
    }
}

#[test]
fn what_is_no_tcp_is_passed_over() {
    let mut packets = handshake_packets(ethernet);
    let mut udp = ethernet(&handshake_segments()[0]);
    udp[14 + 9] = 17;
    let mut arp = ethernet(&handshake_segments()[0]);
    arp[12..14].copy_from_slice(&[8, 6]);
    packets.insert(1, (START + 1, udp));
    packets.insert(2, (START + 1, arp));
    let traced = trace_bytes(&pcap(Order::Little, 1_000_000, ETHERNET, &packets));
    // The number is that of the file, as Wireshark counts.
    let handshake = traced.handshake();
    assert!(count(&handshake["packet"]) >= 5, "{handshake:#}");
    assert_has(
        &traced.summary,
        object!({"handshakes": 1, "undecodable": 0}),
    );
}

#[test]
fn time_passes_with_every_packet_for_those_that_wait() {
    // Nobody answers, and ten seconds later another client comes.
    let waiting = (START, ethernet(&Forged::syn(CLIENT, SERVER)));
    let later = START + 10_000_000_000;
    let other = Forged::syn("10.7.0.2:5002", "10.7.0.1:9999");
    let mut udp = ethernet(&other);
    udp[14 + 9] = 17;
    for (what, packet, args) in [
        ("TCP", ethernet(&other), &[][..]),
        (
            "TCP that is not shown",
            ethernet(&other),
            &["--port", "8080"],
        ),
        ("UDP", udp, &[]),
    ] {
        let tree = Tree::new();
        let packets = [waiting.clone(), (later, packet)];
        tree.write(
            "capture",
            pcap(Order::Little, 1_000_000, ETHERNET, &packets),
        );
        let path = format!("{}/capture", tree.path());
        let traced = trace(&[&["--read", &path], args].concat());
        let mut handshake = traced.handshakes().swap_remove(0);
        handshake["later came"] = object!(what);
        assert_has(&handshake, object!({"outcome": "no_reply", "remarks": []}));
    }
}

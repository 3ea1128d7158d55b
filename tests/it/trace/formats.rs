//! `sockdiag trace --read`: the same handshake in every format that there is.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::capture_file::{
    ETHERNET, Order, ethernet, handshake_packets, hardware_ids, pcap, pcapng,
};
use crate::support::forged::Forged;
use crate::support::handshakes::assert_has;
use crate::support::program::{command, number};
use crate::support::tracing::trace_bytes;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json as object};

/// Linux cooked capture, as the server saw it.
fn cooked(segment: &Forged) -> Vec<u8> {
    let (from, _) = hardware_ids(segment);
    let outgoing = if from == 1 { 4 } else { 0 };
    let mut bytes = vec![0, outgoing, 0, 1, 0, 6, 2, 0, 0, 0, 0, from, 0, 0, 8, 0];
    bytes.extend(segment.packet());
    bytes
}

/// The same in version 2.
fn cooked_2(segment: &Forged) -> Vec<u8> {
    let (from, _) = hardware_ids(segment);
    let outgoing = if from == 1 { 4 } else { 0 };
    let mut bytes = vec![
        8, 0, 0, 0, 0, 0, 0, 3, 0, 1, outgoing, 6, 2, 0, 0, 0, 0, from, 0, 0,
    ];
    bytes.extend(segment.packet());
    bytes
}

/// Asserts that the one handshake of [`segments`] is there in full.
#[track_caller]
fn assert_told(what: &str, file: &[u8], more: Value) {
    let traced = trace_bytes(file);
    let mut handshake = traced.handshake();
    handshake["read from"] = object!(what);
    assert_has(
        &handshake,
        object!({
            "client": {"address": "10.7.0.2", "port": 5001},
            "server": {"address": "10.7.0.1", "port": 8080},
            "outcome": "established",
            "confirmed": true,
            "started": "2025-11-20T14:00:00.000123Z",
            "syn_retransmits": 0,
            "syn_ack_retransmits": 0,
            "syn_to_syn_ack_ms": 1.0,
            "syn_ack_to_ack_ms": 1.0,
            "total_ms": 2.0,
            "sequence": {"client_isn": 1, "server_isn": 1001},
            "listener_queue": null,
        }),
    );
    assert_has(&handshake, more);
    assert_has(
        &traced.summary,
        object!({"handshakes": 1, "packets": 4, "lost_by_kernel": null, "counters": null}),
    );
    assert_eq!(traced.incomplete, object!([]));
}

#[test]
fn every_format_tells_the_same() {
    let packets = handshake_packets(ethernet);
    let nothing = object!({});
    for order in [Order::Little, Order::Big] {
        for per_second in [1_000_000, 1_000_000_000] {
            let file = pcap(order, per_second, ETHERNET, &packets);
            assert_told(
                &format!("pcap {order:?} {per_second}"),
                &file,
                nothing.clone(),
            );
        }
        let file = pcapng(order, 1, &packets);
        assert_told(&format!("pcapng {order:?}"), &file, nothing.clone());
    }
    // A patched tcpdump writes 8 bytes more a packet, and old ones other link types: not read here.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&pcap(Order::Little, 1_000_000, ETHERNET, &packets))
        .expect("memory");
    assert_told("gzip", &gzip.finish().expect("memory"), nothing);
}

#[test]
fn every_link_layer_tells_the_same() {
    let tagged = |tags: &'static [(u16, u16)]| {
        move |segment: &Forged| {
            let (from, to) = hardware_ids(segment);
            segment.frame(from, to, tags)
        }
    };
    let family = |bytes: [u8; 4]| move |segment: &Forged| [&bytes[..], &segment.packet()].concat();
    type Link = Box<dyn Fn(&Forged) -> Vec<u8>>;
    let unknown_side = object!({"captured_on": null, "vlan": null});
    let server_side = object!({"captured_on": "server", "vlan": null});
    let in_vlan = object!({"captured_on": null, "vlan": 5});
    let links: [(&str, u32, Link, &Value); 9] = [
        ("Ethernet", 1, Box::new(ethernet), &unknown_side),
        ("one tag", 1, Box::new(tagged(&[(0x8100, 5)])), &in_vlan),
        (
            "two tags",
            1,
            Box::new(tagged(&[(0x88a8, 5), (0x8100, 7)])),
            &in_vlan,
        ),
        ("raw IP", 101, Box::new(Forged::packet), &unknown_side),
        ("raw IPv4", 228, Box::new(Forged::packet), &unknown_side),
        ("cooked", 113, Box::new(cooked), &server_side),
        ("cooked, version 2", 276, Box::new(cooked_2), &server_side),
        (
            "BSD loopback",
            0,
            Box::new(family([2, 0, 0, 0])),
            &object!({}),
        ),
        (
            "OpenBSD loopback",
            108,
            Box::new(family([0, 0, 0, 2])),
            &object!({}),
        ),
    ];
    for (what, number, link, more) in links {
        let packets = handshake_packets(link);
        let file = pcap(Order::Little, 1_000_000, number, &packets);
        assert_told(what, &file, more.clone());
        let file = pcapng(Order::Little, number as u16, &packets);
        assert_told(&format!("{what} in pcapng"), &file, more.clone());
    }
}

#[test]
fn a_capture_comes_through_a_pipe_as_well() {
    let file = pcap(
        Order::Little,
        1_000_000,
        ETHERNET,
        &handshake_packets(ethernet),
    );
    let mut child = command(&["trace", "--json", "--read", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // One byte at a time, so that no read gives what the program asks for.
    let writer = std::thread::spawn(move || {
        for byte in file {
            stdin.write_all(&[byte]).expect("the program reads");
        }
    });
    let output = child.wait_with_output().expect("its pipes can be read");
    writer.join().expect("all is written");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let first: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_has(
        &first,
        object!({"handshake": {"outcome": "established", "total_ms": 2.0}}),
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nanoseconds_are_not_lost_on_the_way() {
    let mut packets = handshake_packets(ethernet);
    packets[1].0 += 499;
    packets[2].0 += 2_501;
    for file in [
        pcap(Order::Little, 1_000_000_000, ETHERNET, &packets),
        pcapng(Order::Little, 1, &packets),
    ] {
        let handshake = trace_bytes(&file).handshake();
        // Microseconds, of what is known in nanoseconds: not the difference of rounded times.
        let total = number(&handshake["total_ms"]);
        assert!((2.002..=2.003).contains(&total), "{handshake:#}");
    }
}

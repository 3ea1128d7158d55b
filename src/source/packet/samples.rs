//! Packets for tests.

use super::{Decoded, LinkType, Packet};
use crate::model::Segment;

/// A SYN of a Linux client, 192.168.1.10:45000 to 10.0.0.5:8080.
pub const SYN_V4: [u8; 60] = [
    0x45, // version 4, 20 bytes of header
    0x00, // type of service
    0x00, 0x3c, // 60 bytes in total
    0x1a, 0x2b, // identification
    0x40, 0x00, // DF
    0x40, // TTL 64
    0x06, // TCP
    0x00, 0x00, // checksum, left to the device
    192, 168, 1, 10, // source
    10, 0, 0, 5, // destination
    0xaf, 0xc8, // source port 45000
    0x1f, 0x90, // destination port 8080
    0x01, 0x02, 0x03, 0x04, // sequence
    0x00, 0x00, 0x00, 0x00, // acknowledgement
    0xa0, 0x02, // 40 bytes of header, SYN
    0xfa, 0xf0, // window 64240
    0x00, 0x00, // checksum
    0x00, 0x00, // urgent pointer
    0x02, 0x04, 0x05, 0xb4, // MSS 1460
    0x04, 0x02, // SACK permitted
    0x08, 0x0a, 0x11, 0x22, 0x33, 0x44, 0x00, 0x00, 0x00, 0x00, // timestamps
    0x01, // no operation
    0x03, 0x03, 0x07, // window scale 7
];

/// The fixed header of an IPv6 packet, 2001:db8::1 to 2001:db8::2, with `next` and `length` behind.
pub fn header_v6(next: u8, length: u16) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut header = vec![
        0x60, 0x00, 0x00, 0x00, // version 6, traffic class, flow label
        high, low,  // length of the payload
        next, // next header
        0x40, // hop limit 64
    ];
    for last in [1, 2] {
        header.extend([
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last,
        ]);
    }
    header
}

/// The TCP header of the SYN alone.
pub fn syn() -> &'static [u8] {
    &SYN_V4[20..]
}

/// One packet of a capture, complete.
pub fn packet(link: LinkType, bytes: &[u8]) -> Packet<'_> {
    Packet {
        number: 7,
        time_ns: 1_700_000_000_123_456_789,
        interface: 3,
        interface_name: None,
        direction: None,
        vlan: None,
        link,
        bytes,
        wire_bytes: bytes.len() as u32,
        cooked: None,
    }
}

/// The segment in a packet.
#[track_caller]
pub fn segment(link: LinkType, bytes: &[u8]) -> Segment {
    match packet(link, bytes).decode() {
        Decoded::Segment(segment) => segment,
        other => panic!("{other:?}"),
    }
}

//! Capture files for tests.

use super::CaptureFile;
use crate::model::Direction;

/// Either byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub fn two(self, number: u16) -> [u8; 2] {
        match self {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        }
    }

    pub fn four(self, number: u32) -> [u8; 4] {
        match self {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        }
    }
}

pub const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub const NANOSECONDS: u32 = 0xa1b2_3c4d;
pub const MODIFIED: u32 = 0xa1b2_cd34;

/// The header of an old file, of packets without anything before their IP header.
pub fn pcap_header(order: Order, magic: u32, link: u32) -> Vec<u8> {
    [
        &order.four(magic)[..],
        &order.two(2),        // version
        &order.two(4),        // and its second part
        &order.four(0),       // time zone
        &order.four(0),       // accuracy of time stamps
        &order.four(262_144), // longest packet
        &order.four(link),
    ]
    .concat()
}

/// A packet of an old file.
pub fn pcap_packet(order: Order, seconds: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
    [
        &order.four(seconds)[..],
        &order.four(fraction),
        &order.four(data.len() as u32),
        &order.four(1500), // length on the wire
        data,
    ]
    .concat()
}

pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let length = order.four(body.len() as u32 + 12);
    [&order.four(kind)[..], &length, body, &length].concat()
}

pub fn section(order: Order) -> Vec<u8> {
    let body = [
        &order.four(0x1a2b_3c4d)[..],
        &order.two(1), // version
        &order.two(0), // and its second part
        &[0xff; 8],    // length of the section: unknown
    ];
    block(order, 0x0a0d_0d0a, &body.concat())
}

pub fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = [&order.two(code)[..], &order.two(value.len() as u16), value].concat();
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

pub fn interface(order: Order, link: u16, options: &[u8]) -> Vec<u8> {
    let body = [
        &order.two(link)[..],
        &order.two(0),  // reserved
        &order.four(8), // longest packet
        options,
    ];
    block(order, 1, &body.concat())
}

/// An enhanced packet block.
pub fn packet(order: Order, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
    block(
        order,
        6,
        &packet_body(order, order.four(interface), ticks, data, options),
    )
}

/// An obsolete packet block, which counts lost packets beside its interface.
pub fn obsolete_packet(order: Order, interface: u16, ticks: u64, data: &[u8]) -> Vec<u8> {
    let [a, b] = order.two(interface);
    let [c, d] = order.two(9);
    block(
        order,
        2,
        &packet_body(order, [a, b, c, d], ticks, data, &[]),
    )
}

fn packet_body(order: Order, begin: [u8; 4], ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
    let mut padded = data.to_vec();
    padded.resize(data.len().next_multiple_of(4), 0);
    [
        &begin[..],
        &order.four((ticks >> 32) as u32),
        &order.four(ticks as u32),
        &order.four(data.len() as u32), // captured
        &order.four(1500),              // length on the wire
        &padded,
        options,
    ]
    .concat()
}

/// A simple packet block.
pub fn simple_packet(order: Order, wire_bytes: u32, padded: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.four(wire_bytes), padded].concat())
}

/// A packet that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub number: u64,
    pub time_ns: u64,
    pub interface: u32,
    pub direction: Option<Direction>,
    pub bytes: Vec<u8>,
    pub wire_bytes: u32,
}

/// A file's packets and how it ended; an error as text.
pub fn read(bytes: &[u8]) -> (Vec<Read>, Result<CaptureFile, String>) {
    let mut packets = Vec::new();
    let say = |error: crate::Error| error.io().to_string();
    let mut file = match CaptureFile::from_reader("test", std::io::Cursor::new(bytes.to_vec())) {
        Ok(file) => file,
        Err(error) => return (packets, Err(say(error))),
    };
    loop {
        match file.next_packet() {
            Ok(Some(packet)) => packets.push(Read {
                number: packet.number,
                time_ns: packet.time_ns,
                interface: packet.interface,
                direction: packet.direction,
                bytes: packet.bytes.to_vec(),
                wire_bytes: packet.wire_bytes,
            }),
            Ok(None) => return (packets, Ok(file)),
            Err(error) => return (packets, Err(say(error))),
        }
    }
}

/// The packets of a file that is whole.
#[track_caller]
pub fn read_all(bytes: &[u8]) -> Vec<Read> {
    let (packets, end) = read(bytes);
    assert!(!end.expect("a whole file").is_truncated());
    packets
}

/// What is wrong with a file.
#[track_caller]
pub fn complaint(bytes: &[u8]) -> String {
    read(bytes).1.err().expect("an error")
}

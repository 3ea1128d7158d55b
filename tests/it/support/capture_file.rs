//! Capture files written by hand, in every format and for every link layer that the program reads.

use super::capture::{ACK, RST, SYN_ACK};
use super::forged::Forged;
use super::scenes::{CLIENT, SERVER};
use super::tree::Tree;

/// A packet: nanoseconds since 1970, and its bytes.
pub type Captured = (u64, Vec<u8>);

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }
}

/// Most bytes of a packet, as the header of a file says.
const SNAP: u32 = 262_144;

/// A classic file; `per_second` is a million, or a thousand million.
pub fn pcap(order: Order, per_second: u64, link: u32, packets: &[Captured]) -> Vec<u8> {
    let magic = match per_second {
        1_000_000 => 0xa1b2_c3d4,
        _ => 0xa1b2_3c4d,
    };
    let mut file = order.u32(magic).to_vec();
    // Version 2.4.
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend([0, 0, SNAP, link].map(|word| order.u32(word)).concat());
    for (time_ns, bytes) in packets {
        let (seconds, rest) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
        let fraction = rest / (1_000_000_000 / per_second);
        let length = bytes.len() as u64;
        let header = [seconds, fraction, length, length];
        file.extend(header.map(|word| order.u32(word as u32)).concat());
        file.extend(bytes);
    }
    file
}

/// A file of the next generation with one interface, whose times are nanoseconds.
pub fn pcapng(order: Order, link: u16, packets: &[Captured]) -> Vec<u8> {
    // The byte order, version 1.0, and a section of unknown length.
    let version = [order.u16(1), order.u16(0)].concat();
    let section = [&order.u32(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat();
    let mut file = block(order, 0x0a0d_0d0a, &section);
    // if_tsresol: ten to the power of -9; then the end of options.
    let resolution = [&order.u16(9)[..], &order.u16(1), &[9, 0, 0, 0], &[0; 4]].concat();
    let link = [order.u16(link), order.u16(0)].concat();
    let interface = [&link[..], &order.u32(SNAP), &resolution].concat();
    file.extend(block(order, 1, &interface));
    for (time_ns, bytes) in packets {
        let length = bytes.len() as u32;
        let (high, low) = ((time_ns >> 32) as u32, *time_ns as u32);
        let header = [0, high, low, length, length].map(|word| order.u32(word));
        file.extend(block(order, 6, &[&header.concat()[..], bytes].concat()));
    }
    file
}

/// A block with its length in front of and behind what it holds.
fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = order.u32((12 + body.len() + padding) as u32);
    let start = [order.u32(kind), length].concat();
    [&start[..], body, &vec![0; padding], &length].concat()
}

/// 2025-11-20T14:00:00Z, and some.
pub const START: u64 = 1_763_647_200_000_123_000;

/// The link type.
pub const ETHERNET: u32 = 1;

/// SYN, SYN-ACK, ACK with a byte of data, and the ACK of that byte.
pub fn handshake_segments() -> Vec<Forged> {
    let syn = Forged::syn(CLIENT, SERVER);
    let syn_ack = syn.answer(SYN_ACK);
    let mut ack = syn_ack.answer(ACK);
    ack.payload = b"x".to_vec();
    let acknowledged = ack.answer(ACK);
    vec![syn, syn_ack, ack, acknowledged]
}

/// The packets of [`handshake_segments`], each a millisecond after the one before, and with the header that
/// `link` puts in front.
pub fn handshake_packets(link: impl Fn(&Forged) -> Vec<u8>) -> Vec<Captured> {
    let times = (START..).step_by(1_000_000);
    times
        .zip(&handshake_segments())
        .map(|(time, segment)| (time, link(segment)))
        .collect()
}

/// An Ethernet frame.
pub fn ethernet(segment: &Forged) -> Vec<u8> {
    let (from, to) = hardware_ids(segment);
    segment.frame(from, to, &[])
}

/// The last bytes of the hardware addresses: the server has 1.
pub fn hardware_ids(segment: &Forged) -> (u8, u8) {
    if segment.from.port() == 8080 {
        (1, 2)
    } else {
        (2, 1)
    }
}

/// Writes a capture of so many refused handshakes and returns where it lies.
pub fn refused_handshakes_file(tree: &Tree, handshakes: u16) -> String {
    let mut packets = Vec::new();
    for (number, port) in (5000..5000 + handshakes).enumerate() {
        let syn = Forged::syn(&format!("10.7.0.2:{port}"), SERVER);
        let refusal = Forged {
            sequence: 0,
            ..syn.answer(RST | ACK)
        };
        let time = 1_763_647_200_000_000_000 + number as u64 * 1_000_000;
        packets.push((time, syn.frame(2, 1, &[])));
        packets.push((time + 50_000, refusal.frame(1, 2, &[])));
    }
    tree.write("capture.pcap", pcap(Order::Little, 1_000_000, 1, &packets));
    format!("{}/capture.pcap", tree.path())
}

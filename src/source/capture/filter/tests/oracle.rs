//! What the filter should say, in plain Rust over whole packets.

use std::net::{IpAddr, Ipv6Addr};

use super::{Built, Families, Filter};
use crate::model::{
    Address,
    filter::{Ends, Test},
};

/// The verdict on a packet that has no tags left to pass over.
pub fn wants(wanted: &Filter, families: Families, packet: &Built) -> Option<bool> {
    wants_ip(wanted, families, &packet.bytes, true)
}

/// A tunnel is looked into only on the outside.
fn wants_ip(wanted: &Filter, families: Families, bytes: &[u8], is_outer: bool) -> Option<bool> {
    let inner = |protocol: u8, at: usize, is_wanted: bool| {
        let inner = inside(protocol, bytes.get(at..).unwrap_or_default());
        let wants = |bytes| wants_ip(wanted, families, bytes, false);
        is_wanted && inner.and_then(wants).unwrap_or(false)
    };
    let (is_wanted, ends, rest, end) = match bytes.first()? >> 4 {
        4 => {
            let address = |at: usize| -> Option<IpAddr> {
                Some(IpAddr::from(*bytes.get(at..)?.first_chunk::<4>()?))
            };
            let ends = [address(12)?, address(16)?];
            let header = usize::from(bytes[0] & 15) * 4;
            let is_whole = half(bytes, 6)? & 0x1fff == 0;
            if is_outer && TUNNELS.contains(bytes.get(9)?) {
                return Some(inner(bytes[9], header, families.v4 && is_whole));
            }
            if bytes[9] == 1 {
                return Some(families.v4 && is_whole && is_error(bytes, header, [3, 11], 9));
            }
            if *bytes.get(9)? != 6 {
                return Some(false);
            }
            if half(bytes, 6)? & 0x3fff != 0 {
                return Some(families.v4 && could_be(wanted, ends));
            }
            let header = usize::from(bytes[0] & 15) * 4;
            (families.v4, ends, header, usize::from(half(bytes, 2)?))
        }
        6 => {
            let address = |at: usize| -> Option<IpAddr> {
                let bytes = *bytes.get(at..)?.first_chunk::<16>()?;
                Some(Ipv6Addr::from(bytes).into())
            };
            let ends = [address(8)?, address(24)?];
            if is_outer && TUNNELS.contains(bytes.get(6)?) {
                return Some(inner(bytes[6], 40, families.v6));
            }
            if bytes[6] == 58 {
                return Some(families.v6 && is_error(bytes, 40, [1, 3], 6));
            }
            match walk(bytes)? {
                Found::Segment(at) => (families.v6, ends, at, 40 + usize::from(half(bytes, 4)?)),
                Found::Fragment => return Some(families.v6 && could_be(wanted, ends)),
                Found::Other => return Some(false),
            }
        }
        _ => return Some(false),
    };
    let flags = *bytes.get(rest + 13)?;
    let data = rest + usize::from(bytes[rest + 12] >> 4) * 4;
    let is_shown = flags & 7 != 0 || (flags & 16 != 0 && data == end);
    let ports = [half(bytes, rest)?, half(bytes, rest + 2)?];
    Some(is_wanted && is_shown && either_way(wanted, ends, ports))
}

const TUNNELS: [u8; 4] = [4, 17, 41, 47];

/// The IP packet in the payload of an IP header with this protocol.
fn inside(protocol: u8, bytes: &[u8]) -> Option<&[u8]> {
    let (kind, bytes) = match protocol {
        4 => (0x0800, bytes),
        41 => (0x86dd, bytes),
        47 => {
            let flags = half(bytes, 0)?;
            let fields = [0x8000, 0x2000, 0x1000]
                .iter()
                .filter(|one| flags & **one != 0);
            (half(bytes, 2)?, bytes.get(4 + 4 * fields.count()..)?)
        }
        _ => match half(bytes, 2)? {
            4789 | 8472 => (0x6558, bytes.get(16..)?),
            6081 => {
                let options = usize::from(bytes.get(8)? & 0x3f) * 4;
                (half(bytes, 10)?, bytes.get(16 + options..)?)
            }
            _ => return None,
        },
    };
    let (kind, bytes) = match kind {
        0x6558 => (half(bytes, 12)?, bytes.get(14..)?),
        _ => (kind, bytes),
    };
    let version = match kind {
        0x0800 => 4,
        0x86dd => 6,
        _ => return None,
    };
    (bytes.first()? >> 4 == version).then_some(bytes)
}

/// An ICMP error of one of these types that quotes TCP, by the protocol in the quoted header.
fn is_error(bytes: &[u8], at: usize, types: [u8; 2], protocol: usize) -> bool {
    let byte = |at: usize| bytes.get(at);
    byte(at).is_some_and(|kind| types.contains(kind)) && byte(at + 8 + protocol) == Some(&6)
}

enum Found {
    Segment(usize),
    Fragment,
    Other,
}

fn walk(bytes: &[u8]) -> Option<Found> {
    let (mut kind, mut at) = (*bytes.get(6)?, 40);
    for _ in 0..7 {
        let length = |at: usize| Some(usize::from(*bytes.get(at + 1)?));
        let header = match kind {
            6 => return Some(Found::Segment(at)),
            0 | 43 | 60 => (length(at)? + 1) * 8,
            51 => (length(at)? + 2) * 4,
            44 if *bytes.get(at)? == 6 => return Some(Found::Fragment),
            _ => return Some(Found::Other),
        };
        kind = *bytes.get(at)?;
        at += header;
    }
    Some(Found::Other)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn either_way(wanted: &Filter, [from, to]: [IpAddr; 2], ports: [u16; 2]) -> bool {
    let [from, to] =
        [(from, ports[0]), (to, ports[1])].map(|(address, port)| Address { address, port });
    [(from, to), (to, from)]
        .into_iter()
        .any(|(local, peer)| wanted.accepts(&Ends { local, peer }))
}

/// Whether there are verdicts on its port tests that make the condition hold, each by itself.
fn could_be(wanted: &Filter, ends: [IpAddr; 2]) -> bool {
    either_way(&without_ports(wanted, true), ends, [0, 0])
}

/// Every test of a port replaced by what is most in favour.
fn without_ports(wanted: &Filter, favour: bool) -> Filter {
    let each = |parts: &[Filter]| {
        let parts = parts.iter().map(|part| without_ports(part, favour));
        parts.collect()
    };
    match wanted {
        Filter::Any(parts) => Filter::Any(each(parts)),
        Filter::All(parts) => Filter::All(each(parts)),
        Filter::Not(part) => Filter::Not(Box::new(without_ports(part, !favour))),
        Filter::Test(Test::Port { .. }) if favour => Filter::ALL,
        Filter::Test(Test::Port { .. }) => Filter::Any(Vec::new()),
        Filter::Test(_) => wanted.clone(),
    }
}

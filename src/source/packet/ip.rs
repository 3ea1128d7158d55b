//! The IP header: addresses, and where TCP begins (RFC 791, RFC 8200).
//!
//! Lengths are taken from the header, since Ethernet pads short packets and a capture may truncate
//! long ones; a length of 0 is filled in later by the interface (segmentation offload).

use std::net::IpAddr;

use pnet::packet::{
    ip::{IpNextHeaderProtocol, IpNextHeaderProtocols},
    ipv4::{Ipv4Flags, Ipv4Packet},
    ipv6::{ExtensionPacket, FragmentPacket, Ipv6Packet},
};

use super::tunnel;
use crate::model::Tunnel;

pub(super) enum Carried<'a> {
    Tcp(Transport<'a>),
    /// An IP packet in a tunnel.
    Tunnel(Tunnel, &'a [u8]),
    /// An ICMP or ICMPv6 message: its sender, and the captured part from its header on.
    Icmp(IpAddr, &'a [u8]),
    /// A fragment of a TCP segment other than the first.
    LaterFragment,
    Other,
    Contradictory,
}

pub(super) struct Transport<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// IPv4's identification.
    pub id: Option<u16>,
    /// The captured part.
    pub bytes: &'a [u8],
    pub wire_bytes: usize,
    /// More fragments follow in other packets.
    pub is_fragment: bool,
}

pub(super) fn decode(bytes: &[u8], wire_bytes: usize) -> Carried<'_> {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => decode_v4(bytes, wire_bytes),
        Some(6) => decode_v6(bytes, wire_bytes),
        _ => Carried::Other,
    }
}

fn decode_v4(bytes: &[u8], wire_bytes: usize) -> Carried<'_> {
    let Some(header) = Ipv4Packet::new(bytes) else {
        return Carried::Other;
    };
    let protocol = header.get_next_level_protocol();
    let is_tcp = protocol == IpNextHeaderProtocols::Tcp;
    if header.get_fragment_offset() > 0 {
        return match is_tcp {
            true => Carried::LaterFragment,
            false => Carried::Other,
        };
    }
    let header_bytes = usize::from(header.get_header_length()) * 4;
    let total_bytes = match header.get_total_length() {
        0 => wire_bytes,
        length => usize::from(length),
    };
    if header_bytes < Ipv4Packet::minimum_packet_size() || header_bytes > total_bytes {
        return match is_tcp {
            true => Carried::Contradictory,
            false => Carried::Other,
        };
    }
    let payload = between(bytes, header_bytes, total_bytes);
    if protocol == IpNextHeaderProtocols::Icmp {
        return Carried::Icmp(header.get_source().into(), payload);
    }
    if !is_tcp {
        return tunnel(protocol, payload);
    }
    Carried::Tcp(Transport {
        source: header.get_source().into(),
        destination: header.get_destination().into(),
        id: Some(header.get_identification()),
        bytes: payload,
        wire_bytes: total_bytes - header_bytes,
        is_fragment: header.get_flags() & Ipv4Flags::MoreFragments != 0,
    })
}

const MOST_EXTENSIONS: usize = 8;

fn decode_v6(bytes: &[u8], wire_bytes: usize) -> Carried<'_> {
    let Some(header) = Ipv6Packet::new(bytes) else {
        return Carried::Other;
    };
    let mut at = Ipv6Packet::minimum_packet_size();
    let total_bytes = match header.get_payload_length() {
        0 => wire_bytes,
        length => at + usize::from(length),
    };
    let mut next = header.get_next_header();
    let mut is_fragment = false;
    for _ in 0..=MOST_EXTENSIONS {
        let rest = between(bytes, at, total_bytes);
        if next == IpNextHeaderProtocols::Tcp {
            return match total_bytes.checked_sub(at) {
                None => Carried::Contradictory,
                Some(wire_bytes) => Carried::Tcp(Transport {
                    source: header.get_source().into(),
                    destination: header.get_destination().into(),
                    id: None,
                    bytes: rest,
                    wire_bytes,
                    is_fragment,
                }),
            };
        }
        if next == IpNextHeaderProtocols::Icmpv6 {
            return Carried::Icmp(header.get_source().into(), rest);
        }
        let Some(found) = extension(next, rest) else {
            return tunnel(next, rest);
        };
        next = found.next;
        // A later fragment names only the header that the fragmented part begins with.
        match found.part {
            Part::Later if next == IpNextHeaderProtocols::Tcp => return Carried::LaterFragment,
            Part::Later => return Carried::Other,
            part => is_fragment |= part == Part::First,
        }
        at += found.bytes;
    }
    Carried::Other
}

fn tunnel(protocol: IpNextHeaderProtocol, bytes: &[u8]) -> Carried<'_> {
    let inside = tunnel::inside(protocol, bytes);
    inside.map_or(Carried::Other, |(tunnel, bytes)| {
        Carried::Tunnel(tunnel, bytes)
    })
}

struct Extension {
    next: IpNextHeaderProtocol,
    bytes: usize,
    part: Part,
}

/// The part of the original packet that follows.
#[derive(PartialEq, Eq)]
enum Part {
    All,
    First,
    Later,
}

/// `None` when it is not an extension header, or was not captured.
fn extension(kind: IpNextHeaderProtocol, bytes: &[u8]) -> Option<Extension> {
    if kind == IpNextHeaderProtocols::Ipv6Frag {
        return fragment(bytes);
    }
    let header = ExtensionPacket::new(bytes)?;
    let units = usize::from(header.get_hdr_ext_len());
    let bytes = match kind {
        IpNextHeaderProtocols::Hopopt
        | IpNextHeaderProtocols::Ipv6Route
        | IpNextHeaderProtocols::Ipv6Opts => (units + 1) * 8,
        IpNextHeaderProtocols::Ah => (units + 2) * 4, // RFC 4302
        _ => return None,
    };
    Some(Extension {
        next: header.get_next_header(),
        bytes,
        part: Part::All,
    })
}

/// The first 13 bits are the offset in units of 8 bytes, the last bit is set when more follows.
/// With neither it is an atomic fragment (RFC 6946): a whole packet.
fn fragment(bytes: &[u8]) -> Option<Extension> {
    let header = FragmentPacket::new(bytes)?;
    let place = header.get_fragment_offset_with_flags();
    Some(Extension {
        next: header.get_next_header(),
        bytes: FragmentPacket::minimum_packet_size(),
        part: match (place >> 3, place & 1) {
            (0, 0) => Part::All,
            (0, _) => Part::First,
            _ => Part::Later,
        },
    })
}

fn between(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to.min(bytes.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests;

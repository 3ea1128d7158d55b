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
mod tests {
    use crate::source::packet::{
        Decoded, LinkType, Packet,
        samples::{SYN_V4, header_v6, packet, segment, syn},
    };

    /// The SYN with some bytes of its headers changed.
    fn changed(changes: &[(usize, u8)]) -> Vec<u8> {
        let mut bytes = SYN_V4.to_vec();
        for &(at, byte) in changes {
            bytes[at] = byte;
        }
        bytes
    }

    fn decoded(bytes: &[u8]) -> Decoded {
        packet(LinkType::Raw, bytes).decode()
    }

    /// The SYN behind extension headers, of which `first` names the first.
    fn extended(first: u8, extensions: &[u8]) -> Vec<u8> {
        let length = extensions.len() + syn().len();
        [&header_v6(first, length as u16), extensions, syn()].concat()
    }

    #[test]
    fn options_of_the_ip_header_are_skipped() {
        let mut bytes = changed(&[(0, 0x46), (3, 64)]);
        bytes.splice(20..20, [1, 1, 1, 0]);
        let found = segment(LinkType::Raw, &bytes);
        assert_eq!((found.source.port, found.payload_bytes), (45000, 0));
    }

    #[test]
    fn padding_is_no_payload() {
        let bytes = [&SYN_V4[..], &[0; 6]].concat();
        assert_eq!(segment(LinkType::Raw, &bytes).payload_bytes, 0);
    }

    #[test]
    fn payload_that_the_capture_cut_off_counts() {
        let bytes = changed(&[(2, 0x05), (3, 0xdc)]);
        assert_eq!(segment(LinkType::Raw, &bytes).payload_bytes, 1440);
    }

    #[test]
    fn a_length_of_0_is_the_length_on_the_wire() {
        let v4 = changed(&[(3, 0)]);
        let v6 = [&header_v6(6, 0), syn()].concat();
        for bytes in [v4, v6] {
            let packet = Packet {
                wire_bytes: bytes.len() as u32 + 65_536,
                ..packet(LinkType::Raw, &bytes)
            };
            let Decoded::Segment(found) = packet.decode() else {
                panic!("no segment");
            };
            assert_eq!(found.payload_bytes, 65_536);
        }
    }

    #[test]
    fn lengths_that_lie_are_undecodable() {
        for changes in [
            &[(0, 0x44)][..], // an IP header of 16 bytes
            &[(3, 19)],       // shorter than its header
            &[(3, 39)],       // shorter than both headers
            &[(3, 59)],       // shorter than the TCP header says
            &[(32, 0x40)],    // a TCP header of 16 bytes
        ] {
            assert_eq!(
                decoded(&changed(changes)),
                Decoded::Undecodable,
                "{changes:?}"
            );
        }
        let hop_by_hop_beyond_the_end = [&header_v6(0, 4)[..], &[6, 0, 1, 4, 0, 0, 0, 0], syn()];
        assert_eq!(
            decoded(&hop_by_hop_beyond_the_end.concat()),
            Decoded::Undecodable
        );
    }

    #[test]
    fn other_protocols_are_something_else() {
        assert_eq!(decoded(&changed(&[(9, 17)])), Decoded::Other);
        assert_eq!(decoded(&extended(17, &[])), Decoded::Other);
        assert_eq!(decoded(&changed(&[(0, 0x55)])), Decoded::Other);
    }

    #[test]
    fn a_first_fragment_with_the_whole_header_is_a_segment() {
        let bytes = changed(&[(6, 0x20)]);
        assert_eq!(segment(LinkType::Raw, &bytes).source.port, 45000);
    }

    #[test]
    fn a_first_fragment_without_the_whole_header_is_a_fragment() {
        let bytes = changed(&[(6, 0x20), (3, 28)]);
        assert_eq!(decoded(&bytes), Decoded::Fragment);
        assert_eq!(decoded(&bytes[..28]), Decoded::Fragment);
        let bytes = changed(&[(6, 0x20), (3, 44)]);
        assert_eq!(decoded(&bytes[..44]), Decoded::Fragment);
    }

    #[test]
    fn later_fragments_are_fragments() {
        assert_eq!(decoded(&changed(&[(7, 0x01)])), Decoded::Fragment);
        assert_eq!(decoded(&changed(&[(7, 0x01), (9, 17)])), Decoded::Other);
        let of_v6 = [6, 0, 0x00, 0x08, 0, 0, 0, 1];
        assert_eq!(decoded(&extended(44, &of_v6)), Decoded::Fragment);
        let of_udp = [17, 0, 0x00, 0x08, 0, 0, 0, 1];
        assert_eq!(decoded(&extended(44, &of_udp)), Decoded::Other);
    }

    #[test]
    fn an_atomic_fragment_is_whole() {
        let bytes = extended(44, &[6, 0, 0x00, 0x00, 0, 0, 0, 1]);
        assert_eq!(segment(LinkType::Raw, &bytes).source.port, 45000);
    }

    #[test]
    fn a_first_fragment_of_ipv6_follows_the_same_rule() {
        let fragment = [6, 0, 0x00, 0x01, 0, 0, 0, 1];
        let whole = extended(44, &fragment);
        assert_eq!(segment(LinkType::Raw, &whole).source.port, 45000);
        let short = [&header_v6(44, 16), &fragment[..], &syn()[..8]].concat();
        assert_eq!(decoded(&short), Decoded::Fragment);
    }

    #[test]
    fn a_syn_behind_every_extension_header_is_found() {
        let bytes = extended(
            0,
            &[
                60, 0, 1, 4, 0, 0, 0, 0, // hop by hop, padded
                43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // destination options
                51, 0, 4, 0, 0, 0, 0, 0, // routing
                44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, // authentication
                6, 0, 0x00, 0x00, 0, 0, 0, 1, // atomic fragment
            ],
        );
        let found = segment(LinkType::Raw, &bytes);
        assert_eq!(found.source.to_string(), "[2001:db8::1]:45000");
        assert_eq!(found.payload_bytes, 0);
    }

    #[test]
    fn extension_headers_without_end_are_given_up() {
        let bytes = extended(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(100));
        assert_eq!(decoded(&bytes), Decoded::Other);
    }

    #[test]
    fn an_extension_header_that_is_cut_off_is_something_else() {
        let bytes = extended(0, &[6, 9, 1, 4, 0, 0, 0, 0]);
        assert_eq!(decoded(&bytes[..41]), Decoded::Other);
    }
}

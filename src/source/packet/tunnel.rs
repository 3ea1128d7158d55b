//! The packet within a tunnel: IP in IP (RFC 2003, RFC 2473, RFC 4213), GRE (RFC 2784, RFC 2890),
//! VXLAN (RFC 7348) and Geneve (RFC 8926).

use pnet::packet::{
    ethernet::EthernetPacket,
    ip::{IpNextHeaderProtocol, IpNextHeaderProtocols},
    udp::UdpPacket,
};

use super::link::{IPV4, IPV6};
use crate::model::Tunnel;

/// The registered port, and the one that Linux used before (drivers/net/vxlan/vxlan_core.c).
pub const VXLAN_PORTS: [u16; 2] = [4789, 8472];
pub const GENEVE_PORT: u16 = 6081;
/// An Ethernet frame, as the payload of GRE and Geneve.
pub const ETHERNET: u16 = 0x6558;
/// Flags of GRE, each of which makes the header longer by four bytes: checksum, key, sequence number.
pub const GRE_FIELDS: [u16; 3] = [0x8000, 0x2000, 0x1000];

/// The IP packet behind an IP header that names this protocol.
pub(super) fn inside(protocol: IpNextHeaderProtocol, bytes: &[u8]) -> Option<(Tunnel, &[u8])> {
    match protocol {
        IpNextHeaderProtocols::Ipv4 | IpNextHeaderProtocols::Ipv6 => Some((Tunnel::Ip, bytes)),
        IpNextHeaderProtocols::Gre => {
            let (header, _) = bytes.split_first_chunk::<4>()?;
            let flags = u16::from_be_bytes([header[0], header[1]]);
            let fields = GRE_FIELDS.iter().filter(|field| flags & **field != 0);
            let payload = bytes.get(4 + 4 * fields.count()..)?;
            let protocol = u16::from_be_bytes([header[2], header[3]]);
            Some((Tunnel::Gre, of_protocol(protocol, payload)?))
        }
        IpNextHeaderProtocols::Udp => in_udp(bytes),
        _ => None,
    }
}

fn in_udp(bytes: &[u8]) -> Option<(Tunnel, &[u8])> {
    let port = UdpPacket::new(bytes)?.get_destination();
    let (header, payload) = bytes
        .get(UdpPacket::minimum_packet_size()..)?
        .split_first_chunk::<8>()?;
    match port {
        _ if VXLAN_PORTS.contains(&port) => Some((Tunnel::Vxlan, in_frame(payload)?)),
        GENEVE_PORT => {
            let options = usize::from(header[0] & 0x3f) * 4;
            let protocol = u16::from_be_bytes([header[2], header[3]]);
            Some((
                Tunnel::Geneve,
                of_protocol(protocol, payload.get(options..)?)?,
            ))
        }
        _ => None,
    }
}

fn of_protocol(protocol: u16, bytes: &[u8]) -> Option<&[u8]> {
    match protocol {
        IPV4 | IPV6 => Some(bytes),
        ETHERNET => in_frame(bytes),
        _ => None,
    }
}

fn in_frame(bytes: &[u8]) -> Option<&[u8]> {
    let frame = EthernetPacket::new(bytes)?;
    let is_ip = matches!(frame.get_ethertype().0, IPV4 | IPV6);
    is_ip.then(|| &bytes[EthernetPacket::minimum_packet_size()..])
}

#[cfg(test)]
mod tests {
    use super::{super::Decoded, *};
    use crate::{
        model::Segment,
        source::packet::{
            LinkType,
            samples::{SYN_V4, header_v6, packet},
        },
    };

    /// Behind an IPv4 or IPv6 header of this protocol.
    fn carried(is_v6: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
        if is_v6 {
            return [&header_v6(protocol, payload.len() as u16)[..], payload].concat();
        }
        let mut bytes = SYN_V4[..20].to_vec();
        bytes[2..4].copy_from_slice(&(20 + payload.len() as u16).to_be_bytes());
        bytes[9] = protocol;
        bytes.extend(payload);
        bytes
    }

    fn frame() -> Vec<u8> {
        [&[0; 12][..], &[0x08, 0x00], &SYN_V4].concat()
    }

    fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
        [&[0xc0, 0], &port.to_be_bytes()[..], &[0; 4], payload].concat()
    }

    fn samples() -> Vec<(Tunnel, u8, Vec<u8>)> {
        let gre = |flags: [u8; 2], fields: usize, protocol: [u8; 2], payload: &[u8]| {
            [&flags[..], &protocol, &vec![9; fields], payload].concat()
        };
        let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &frame()].concat();
        let geneve = [&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 7, 7, 7, 7][..], &frame()].concat();
        vec![
            (Tunnel::Ip, 4, SYN_V4.to_vec()),
            (Tunnel::Gre, 47, gre([0, 0], 0, [0x08, 0x00], &SYN_V4)),
            (Tunnel::Gre, 47, gre([0xb0, 0], 12, [0x65, 0x58], &frame())),
            (Tunnel::Vxlan, 17, udp(4789, &vxlan)),
            (Tunnel::Vxlan, 17, udp(8472, &vxlan)),
            (Tunnel::Geneve, 17, udp(6081, &geneve)),
        ]
    }

    #[test]
    fn the_segment_in_a_tunnel_is_that_of_the_inner_packet() {
        let plain = packet(LinkType::Raw, &SYN_V4).decode();
        let Decoded::Segment(plain) = plain else {
            panic!("{plain:?}");
        };
        for (tunnel, protocol, payload) in samples() {
            for is_v6 in [false, true] {
                let bytes = carried(is_v6, protocol, &payload);
                let tunnel = Some(tunnel);
                let expected = Decoded::Segment(Segment { tunnel, ..plain });
                assert_eq!(
                    packet(LinkType::Raw, &bytes).decode(),
                    expected,
                    "{tunnel:?}"
                );
            }
        }
    }

    #[test]
    fn an_icmp_error_in_a_tunnel_is_about_the_inner_segment() {
        let message = [&[3, 13, 0, 0, 0, 0, 0, 0][..], &SYN_V4].concat();
        let inner = carried(false, 1, &message);
        let bytes = carried(true, 47, &[&[0, 0, 0x08, 0x00][..], &inner].concat());
        let Decoded::IcmpError(error) = packet(LinkType::Raw, &bytes).decode() else {
            panic!("{bytes:?}");
        };
        assert_eq!((error.kind, error.code), (3, 13));
        assert_eq!(error.destination.port, 8080);
        // A tunnel that cannot be reached says nothing of what it carries.
        let outer = [&[3, 13, 0, 0, 0, 0, 0, 0][..], &bytes].concat();
        let found = packet(LinkType::Raw, &carried(false, 1, &outer)).decode();
        assert_eq!(found, Decoded::Other);
    }

    #[test]
    fn a_tunnel_cut_anywhere_or_in_another_tunnel_is_no_segment() {
        for (tunnel, protocol, payload) in samples() {
            let bytes = carried(false, protocol, &payload);
            for length in 20..bytes.len() - 40 {
                let found = packet(LinkType::Raw, &bytes[..length]).decode();
                assert_eq!(found, Decoded::Other, "{tunnel:?} {length}");
            }
            let twice = carried(true, 4, &bytes);
            assert_eq!(packet(LinkType::Raw, &twice).decode(), Decoded::Other);
        }
    }

    #[test]
    fn other_datagrams_and_protocols_are_none() {
        for (protocol, payload) in [(17, udp(53, &frame())), (89, SYN_V4.to_vec())] {
            let bytes = carried(false, protocol, &payload);
            assert_eq!(packet(LinkType::Raw, &bytes).decode(), Decoded::Other);
        }
    }
}

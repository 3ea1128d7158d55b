//! The TCP header and its options (RFC 9293, section 3.1).

use std::net::IpAddr;

use pnet::packet::tcp::TcpPacket;

use super::{Decoded, Packet, ip::Transport, link::Network};
use crate::model::{Address, Flags, Segment, TcpOptions, Timestamps};

/// A fragment without the whole header is not a segment.
pub(super) fn decode(
    packet: &Packet<'_>,
    network: &Network<'_>,
    transport: &Transport<'_>,
) -> Decoded {
    let unfit = match transport.is_fragment {
        true => Decoded::Fragment,
        false => Decoded::Undecodable,
    };
    if transport.wire_bytes < TcpPacket::minimum_packet_size() {
        return unfit;
    }
    let Some(header) = TcpPacket::new(transport.bytes) else {
        return Decoded::Undecodable;
    };
    let header_bytes = usize::from(header.get_data_offset()) * 4;
    if header_bytes < TcpPacket::minimum_packet_size() {
        return Decoded::Undecodable;
    }
    let Some(payload_bytes) = transport.wire_bytes.checked_sub(header_bytes) else {
        return unfit;
    };
    let is_cut = transport.bytes.len() < header_bytes;
    Decoded::Segment(Segment {
        number: packet.number,
        time_ns: packet.time_ns,
        interface: packet.interface,
        direction: packet.direction.or(network.direction),
        vlan: packet.vlan.or(network.vlan),
        tunnel: None,
        ip_id: transport.id,
        source: address(transport.source, header.get_source()),
        destination: address(transport.destination, header.get_destination()),
        sequence: header.get_sequence(),
        acknowledgement: header.get_acknowledgement(),
        flags: Flags(header.get_flags()),
        window: header.get_window(),
        // No more than the length of the packet, which captures store in 32 bits.
        payload_bytes: payload_bytes as u32,
        options: options(header.get_options_raw(), is_cut),
    })
}

fn address(address: IpAddr, port: u16) -> Address {
    Address { address, port }
}

/// Reads options up to the end of their list, or to the first malformed one; the iterator of pnet
/// does not distinguish the two.
fn options(mut rest: &[u8], is_cut: bool) -> TcpOptions {
    let mut options = TcpOptions::default();
    while let [kind, after @ ..] = rest {
        rest = match kind {
            0 => return options,
            1 => after,
            _ => match body(after) {
                Some((body, after)) if add(&mut options, *kind, body).is_some() => after,
                _ => {
                    options.cut = true;
                    return options;
                }
            },
        };
    }
    options.cut = is_cut;
    options
}

/// The value of an option, and the bytes behind it. The length counts kind, length and value.
fn body(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, bytes) = bytes.split_first()?;
    bytes.split_at_checked(usize::from(*length).checked_sub(2)?)
}

/// Identifies TCP Fast Open among the experiments that share a kind (RFC 6994, RFC 7413).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// `None` when the length is wrong for the kind.
fn add(options: &mut TcpOptions, kind: u8, body: &[u8]) -> Option<()> {
    match (kind, body) {
        (2, body) => options.mss = Some(u16::from_be_bytes(body.try_into().ok()?)),
        (3, [shift]) => options.window_scale = Some(*shift),
        (4, []) => options.sack_permitted = true,
        (8, body) => {
            let (value, echo) = body.split_first_chunk()?;
            options.timestamps = Some(Timestamps {
                value: u32::from_be_bytes(*value),
                echo: u32::from_be_bytes(echo.try_into().ok()?),
            });
        }
        (30, [subtype, ..]) => options.mptcp = Some(subtype >> 4),
        (34, cookie) => options.fast_open_cookie = Some(cookie.len() as u8),
        (254, [first, second, cookie @ ..]) if [*first, *second] == FAST_OPEN_EXPERIMENT => {
            options.fast_open_cookie = Some(cookie.len() as u8);
        }
        (3 | 4 | 30, _) => return None,
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::packet::{
        LinkType,
        samples::{SYN_V4, packet, segment},
    };

    #[test]
    fn every_field_of_a_syn_is_read() {
        let found = segment(LinkType::Raw, &SYN_V4);
        let address = |text: &str| {
            let socket: std::net::SocketAddr = text.parse().unwrap();
            Address {
                address: socket.ip(),
                port: socket.port(),
            }
        };
        let wanted = Segment {
            number: 7,
            time_ns: 1_700_000_000_123_456_789,
            interface: 3,
            direction: None,
            vlan: None,
            tunnel: None,
            ip_id: Some(0x1a2b),
            source: address("192.168.1.10:45000"),
            destination: address("10.0.0.5:8080"),
            sequence: 0x0102_0304,
            acknowledgement: 0,
            flags: Flags::SYN,
            window: 64240,
            payload_bytes: 0,
            options: TcpOptions {
                mss: Some(1460),
                window_scale: Some(7),
                sack_permitted: true,
                timestamps: Some(Timestamps {
                    value: 0x1122_3344,
                    echo: 0,
                }),
                ..TcpOptions::default()
            },
        };
        assert_eq!(found, wanted);
    }

    #[test]
    fn data_behind_the_header_is_counted() {
        let mut bytes = [&SYN_V4[..], b"hello"].concat();
        bytes[3] += 5;
        bytes[33] = (Flags::ACK.and(Flags::PSH)).0;
        let found = segment(LinkType::Raw, &bytes);
        assert_eq!(found.payload_bytes, 5);
        assert_eq!(found.flags, Flags::ACK.and(Flags::PSH));
    }

    #[test]
    fn a_header_that_the_capture_cut_is_undecodable() {
        let packet = packet(LinkType::Raw, &SYN_V4[..39]);
        assert_eq!(packet.decode(), Decoded::Undecodable);
    }

    #[test]
    fn options_that_the_capture_cut_are_said_to_be() {
        let found = segment(LinkType::Raw, &SYN_V4[..50]);
        assert_eq!(found.options.mss, Some(1460));
        assert!(found.options.sack_permitted && found.options.cut);
        assert_eq!((found.options.timestamps, found.payload_bytes), (None, 0));
        let between_two = segment(LinkType::Raw, &SYN_V4[..46]);
        assert!(between_two.options.cut);
    }

    #[test]
    fn fast_open_and_multipath_are_recognised() {
        let cookie = |bytes: &[u8]| options(bytes, false).fast_open_cookie;
        assert_eq!(cookie(&[34, 2]), Some(0));
        assert_eq!(cookie(&[34, 10, 1, 2, 3, 4, 5, 6, 7, 8]), Some(8));
        assert_eq!(cookie(&[254, 4, 0xf9, 0x89]), Some(0));
        assert_eq!(cookie(&[254, 8, 0xf9, 0x89, 1, 2, 3, 4]), Some(4));
        assert_eq!(cookie(&[254, 4, 0xe2, 0xd4]), None);
        assert_eq!(options(&[30, 4, 0x01, 0x81], false).mptcp, Some(0));
        assert_eq!(options(&[30, 3, 0x10], false).mptcp, Some(1));
    }

    #[test]
    fn the_list_of_options_ends_where_it_says() {
        let found = options(&[4, 2, 0, 3, 3, 7], true);
        assert!(found.sack_permitted && !found.cut);
        assert_eq!(found.window_scale, None);
    }

    #[test]
    fn unknown_options_are_skipped() {
        let found = options(&[19, 4, 1, 2, 3, 3, 7], false);
        assert_eq!((found.window_scale, found.cut), (Some(7), false));
    }

    #[test]
    fn a_malformed_option_ends_the_list() {
        for bytes in [
            &[4, 2, 2][..],               // no length
            &[4, 2, 2, 0, 3, 3, 7],       // a length of 0
            &[4, 2, 2, 1, 3, 3, 7],       // a length of 1
            &[4, 2, 2, 3, 5, 3, 3, 7],    // an MSS of one byte
            &[4, 2, 8, 4, 5, 5, 3, 3, 7], // timestamps of two bytes
            &[4, 2, 30, 2, 3, 3, 7],      // a multipath option without subtype
            &[4, 2, 2, 9, 3, 3, 7],       // longer than all of them
        ] {
            let found = options(bytes, false);
            assert!(found.sack_permitted && found.cut, "{bytes:?}");
            assert_eq!((found.mss, found.window_scale), (None, None));
        }
    }
}

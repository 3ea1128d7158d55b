//! The headers before the IP header: Ethernet, its tags, and the headers that captures put in its
//! place (www.tcpdump.org/linktypes.html).

use pnet::packet::{ethernet::EthernetPacket, sll::SLLPacket, sll2::SLL2Packet, vlan::VlanPacket};

use super::{LinkType, Packet};
use crate::model::Direction;

pub(super) const LINKS: [LinkType; 8] = [
    LinkType::BsdNull,
    LinkType::Ethernet,
    LinkType::Raw,
    LinkType::BsdLoop,
    LinkType::CookedV1,
    LinkType::Ipv4,
    LinkType::Ipv6,
    LinkType::CookedV2,
];
/// DLT_RAW of most systems and of OpenBSD, in files written by old programs.
const OLD_RAW: [u32; 2] = [12, 14];

impl LinkType {
    /// `None` when packets of that type cannot be decoded.
    pub fn from_number(number: u32) -> Option<LinkType> {
        match OLD_RAW.contains(&number) {
            true => Some(LinkType::Raw),
            false => LINKS
                .into_iter()
                .find(|link| u32::from(link.number()) == number),
        }
    }

    /// `LINKTYPE_`… of capture files.
    pub const fn number(self) -> u16 {
        self as u16
    }
}

pub(super) struct Network<'a> {
    /// From the IP header on.
    pub bytes: &'a [u8],
    /// Of the outermost tag.
    pub vlan: Option<u16>,
    pub direction: Option<Direction>,
}

/// `None` when the packet contains no IP packet.
pub(super) fn network<'a>(packet: &Packet<'a>) -> Option<Network<'a>> {
    let bytes = packet.bytes;
    match packet.link {
        LinkType::Ethernet => {
            let frame = EthernetPacket::new(bytes)?;
            inside(frame.get_ethertype().0, &bytes[14..], None)
        }
        LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => {
            // The kernel does not remove a tag that the sender wrote itself.
            let protocol = packet.cooked.map_or(IPV4, |cooked| cooked.protocol);
            inside(protocol, bytes, None)
        }
        LinkType::CookedV1 => {
            // SLLPacket accepts less than a whole header, but reads beyond its end.
            let (header, bytes) = bytes.split_at_checked(16)?;
            let header = SLLPacket::new(header)?;
            let hardware = header.get_link_layer_address_type();
            let direction = direction(hardware, header.get_packet_type());
            inside(header.get_protocol().0, bytes, direction)
        }
        LinkType::CookedV2 => {
            let (header, bytes) = bytes.split_at_checked(20)?;
            let header = SLL2Packet::new(header)?;
            let hardware = header.get_arphrd_type();
            let direction = direction(hardware, header.get_packet_type().into());
            inside(header.get_protocol_type().0, bytes, direction)
        }
        LinkType::BsdNull | LinkType::BsdLoop => {
            let (family, bytes) = bytes.split_first_chunk()?;
            is_internet(*family).then(|| inside(IPV4, bytes, None))?
        }
    }
}

/// The index of the interface, which only the newer cooked header contains.
pub(in crate::source) fn device_index(packet: &Packet<'_>) -> Option<u32> {
    match packet.link {
        LinkType::CookedV2 => Some(SLL2Packet::new(packet.bytes)?.get_interface_index()),
        _ => None,
    }
}

/// `PACKET_HOST`… of include/uapi/linux/if_packet.h; `ARPHRD_LOOPBACK` of if_arp.h.
pub(in crate::source) fn direction(hardware: u16, packet_type: u16) -> Option<Direction> {
    const LOOPBACK: u16 = 772;
    match packet_type {
        0..=4 if hardware == LOOPBACK => Some(Direction::Internal),
        0..=2 => Some(Direction::Incoming),
        3 => Some(Direction::Passing),
        4 => Some(Direction::Outgoing),
        _ => None,
    }
}

/// Whether this is `AF_INET` or `AF_INET6` of any system, in the unknown byte order of the host
/// that captured.
fn is_internet(family: [u8; 4]) -> bool {
    match family {
        [number, 0, 0, 0] | [0, 0, 0, number] => matches!(number, 2 | 10 | 24 | 28 | 30),
        _ => false,
    }
}

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and the predecessor of 802.1ad.
const VLAN: u16 = 0x8100;
const PROVIDER_VLAN: u16 = 0x88a8;
const OLD_PROVIDER_VLAN: u16 = 0x9100;
const PPPOE_SESSION: u16 = 0x8864;
const MPLS: u16 = 0x8847;
const MPLS_MULTICAST: u16 = 0x8848;

const MOST_TAGS: usize = 8;

/// Skips tags, of which `protocol` names the first, up to the IP header.
fn inside(
    mut protocol: u16,
    mut bytes: &[u8],
    direction: Option<Direction>,
) -> Option<Network<'_>> {
    let mut vlan = None;
    for _ in 0..=MOST_TAGS {
        (protocol, bytes) = match protocol {
            IPV4 | IPV6 => {
                return Some(Network {
                    bytes,
                    vlan,
                    direction,
                });
            }
            VLAN | PROVIDER_VLAN | OLD_PROVIDER_VLAN => {
                let tag = VlanPacket::new(bytes)?;
                let id = tag.get_vlan_identifier();
                // An id of 0 carries a priority and no VLAN.
                vlan = vlan.or((id != 0).then_some(id));
                (tag.get_ethertype().0, &bytes[4..])
            }
            PPPOE_SESSION => in_session(bytes)?,
            MPLS | MPLS_MULTICAST => behind_label(protocol, bytes)?,
            _ => return None,
        };
    }
    None
}

/// Skips the header of a PPPoE session and the PPP protocol number (RFC 2516, RFC 1661).
fn in_session(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (header, bytes) = bytes.split_first_chunk::<8>()?;
    match [header[6], header[7]] {
        [0x00, 0x21] => Some((IPV4, bytes)),
        [0x00, 0x57] => Some((IPV6, bytes)),
        _ => None,
    }
}

/// Skips one entry of an MPLS label stack (RFC 3032). The protocol behind the last entry is
/// unknown; the IP version shows whether it is IP.
fn behind_label(protocol: u16, bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (entry, bytes) = bytes.split_first_chunk::<4>()?;
    let is_last = entry[2] & 1 == 1;
    Some((if is_last { IPV4 } else { protocol }, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::packet::{
        Cooked, Decoded,
        samples::{SYN_V4, header_v6, packet, segment, syn},
    };

    /// The SYN behind a header.
    fn behind(header: &[u8]) -> Vec<u8> {
        [header, &SYN_V4].concat()
    }

    /// An Ethernet header that ends before its type.
    const ADDRESSES: [u8; 12] = [
        0x02, 0x00, 0x00, 0x00, 0x00, 0x02, // destination
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // source
    ];

    fn ethernet(types: &[u8]) -> Vec<u8> {
        behind(&[&ADDRESSES[..], types].concat())
    }

    #[test]
    fn a_syn_in_an_ethernet_frame_is_found() {
        let found = segment(LinkType::Ethernet, &ethernet(&[0x08, 0x00]));
        assert_eq!(found.destination.to_string(), "10.0.0.5:8080");
        assert_eq!((found.vlan, found.direction), (None, None));
    }

    #[test]
    fn an_ipv6_syn_in_an_ethernet_frame_is_found() {
        let frame = [&ADDRESSES[..], &[0x86, 0xdd], &header_v6(6, 40), syn()].concat();
        let found = segment(LinkType::Ethernet, &frame);
        assert_eq!(found.destination.to_string(), "[2001:db8::2]:8080");
    }

    #[test]
    fn a_syn_behind_two_vlan_tags_is_found() {
        let frame = ethernet(&[
            0x88, 0xa8, // 802.1ad
            0x00, 0x64, // id 100
            0x81, 0x00, // 802.1Q
            0xe0, 0x05, // priority 7, id 5
            0x08, 0x00, // IPv4
        ]);
        assert_eq!(segment(LinkType::Ethernet, &frame).vlan, Some(100));
    }

    #[test]
    fn a_priority_tag_is_no_vlan() {
        let frame = ethernet(&[0x81, 0x00, 0xe0, 0x00, 0x08, 0x00]);
        assert_eq!(segment(LinkType::Ethernet, &frame).vlan, None);
    }

    #[test]
    fn a_vlan_that_the_kernel_took_off_is_the_outermost() {
        let frame = ethernet(&[0x81, 0x00, 0x00, 0x05, 0x08, 0x00]);
        let packet = Packet {
            vlan: Some(9),
            ..packet(LinkType::Ethernet, &frame)
        };
        let Decoded::Segment(found) = packet.decode() else {
            panic!("no segment");
        };
        assert_eq!(found.vlan, Some(9));
    }

    #[test]
    fn tags_without_end_are_given_up() {
        let tags = [0x81, 0x00, 0x00, 0x05].repeat(MOST_TAGS + 1);
        let frame = ethernet(&[&tags[..], &[0x08, 0x00]].concat());
        assert_eq!(packet(LinkType::Ethernet, &frame).decode(), Decoded::Other);
    }

    #[test]
    fn a_syn_in_a_pppoe_session_is_found() {
        let frame = ethernet(&[
            0x88, 0x64, // PPPoE session
            0x11, 0x00, // version, type, code
            0x00, 0x01, // session
            0x00, 0x3e, // length
            0x00, 0x21, // IPv4 in PPP
        ]);
        assert_eq!(segment(LinkType::Ethernet, &frame).source.port, 45000);
    }

    #[test]
    fn a_syn_behind_mpls_labels_is_found() {
        let frame = ethernet(&[
            0x88, 0x47, // MPLS
            0x00, 0x01, 0x00, 0x40, // label 16, not the last
            0x00, 0x01, 0x11, 0x40, // label 17, the last
        ]);
        assert_eq!(segment(LinkType::Ethernet, &frame).source.port, 45000);
    }

    #[test]
    fn what_is_no_ip_is_something_else() {
        let frame = ethernet(&[0x08, 0x06]); // ARP
        assert_eq!(packet(LinkType::Ethernet, &frame).decode(), Decoded::Other);
    }

    #[test]
    fn an_ip_header_alone_is_enough() {
        for link in [LinkType::Raw, LinkType::Ipv4] {
            assert_eq!(segment(link, &SYN_V4).source.port, 45000);
        }
        let packet = [&header_v6(6, 40), syn()].concat();
        for link in [LinkType::Raw, LinkType::Ipv6] {
            assert_eq!(segment(link, &packet).source.port, 45000);
        }
    }

    #[test]
    fn a_tag_left_in_a_live_packet_is_walked_past() {
        let bytes = behind(&[
            0x00, 0x2a, // id 42
            0x08, 0x00, // IPv4
        ]);
        let packet = Packet {
            cooked: Some(Cooked {
                protocol: VLAN,
                hardware: 1,
                address: [0; 8],
                address_bytes: 6,
            }),
            ..packet(LinkType::Raw, &bytes)
        };
        let Decoded::Segment(found) = packet.decode() else {
            panic!("no segment");
        };
        assert_eq!(found.vlan, Some(42));
    }

    #[test]
    fn a_cooked_header_tells_the_direction() {
        let mut bytes = behind(&[
            0x00, 0x04, // PACKET_OUTGOING
            0x00, 0x01, // ARPHRD_ETHER
            0x00, 0x06, // length of the address
            0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, // address
            0x08, 0x00, // IPv4
        ]);
        let mut direction_of = |packet_type| {
            bytes[1] = packet_type;
            segment(LinkType::CookedV1, &bytes).direction
        };
        assert_eq!(direction_of(0), Some(Direction::Incoming));
        assert_eq!(direction_of(2), Some(Direction::Incoming));
        assert_eq!(direction_of(3), Some(Direction::Passing));
        assert_eq!(direction_of(4), Some(Direction::Outgoing));
        assert_eq!(direction_of(6), None);
    }

    #[test]
    fn a_cooked_header_of_version_2_is_followed_by_tags() {
        let bytes = behind(&[
            0x81, 0x00, // 802.1Q
            0x00, 0x00, // reserved
            0x00, 0x00, 0x00, 0x03, // index of the device
            0x00, 0x01, // ARPHRD_ETHER
            0x00, // PACKET_HOST
            0x06, // length of the address
            0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, // address
            0x00, 0x2a, // id 42
            0x08, 0x00, // IPv4
        ]);
        let found = segment(LinkType::CookedV2, &bytes);
        assert_eq!(
            (found.vlan, found.direction),
            (Some(42), Some(Direction::Incoming))
        );
    }

    #[test]
    fn loopback_headers_come_in_either_byte_order() {
        for (link, family) in [
            (LinkType::BsdNull, [2, 0, 0, 0]),
            (LinkType::BsdNull, [0, 0, 0, 2]),
            (LinkType::BsdLoop, [0, 0, 0, 2]),
        ] {
            assert_eq!(segment(link, &behind(&family)).source.port, 45000);
        }
        let appletalk = behind(&[16, 0, 0, 0]);
        assert_eq!(
            packet(LinkType::BsdNull, &appletalk).decode(),
            Decoded::Other
        );
    }

    #[test]
    fn link_types_have_the_numbers_of_capture_files() {
        let numbers = [0, 1, 101, 108, 113, 228, 229, 276];
        for (number, link) in numbers.into_iter().zip(LINKS) {
            assert_eq!(link.number(), number);
            assert_eq!(LinkType::from_number(number.into()), Some(link));
        }
        for old in OLD_RAW {
            assert_eq!(LinkType::from_number(old), Some(LinkType::Raw));
        }
        assert_eq!(LinkType::from_number(105), None); // 802.11
    }
}

//! Frames of each link type, written by hand.

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

//! IP packets, written by hand.

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

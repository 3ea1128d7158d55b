//! A packet in the ring: `struct tpacket3_hdr`, then `struct sockaddr_ll`,
//! then its bytes (include/uapi/linux/if_packet.h).

use std::mem::offset_of;

use libc::{sockaddr_ll, tpacket_hdr_variant1, tpacket3_hdr};

use super::filter::{IPV4, IPV6, VLANS};
use crate::source::packet::{Cooked, LinkType, Packet, direction};

/// Offset of the address: behind the header, at a multiple of 16.
const ADDRESS: usize = size_of::<tpacket3_hdr>().next_multiple_of(libc::TPACKET_ALIGNMENT);
const TAG: usize = offset_of!(tpacket3_hdr, hv1) + offset_of!(tpacket_hdr_variant1, tp_vlan_tci);
const TAG_BYTES: usize = 4;
const MOST_TAGS: usize = 2;
/// The low bits of a tag (IEEE 802.1Q).
const VLAN_ID: u16 = 0x0fff;
/// The tag only has a priority.
const NO_VLAN: u16 = 0;

/// In nanoseconds since 1970.
pub fn time(block: &[u8], at: usize) -> Option<u64> {
    let header = block.get(at..)?;
    let seconds = word(header, offset_of!(tpacket3_hdr, tp_sec))?;
    let nanoseconds = word(header, offset_of!(tpacket3_hdr, tp_nsec))?;
    Some(u64::from(seconds) * 1_000_000_000 + u64::from(nanoseconds))
}

pub fn next(block: &[u8], at: usize) -> Option<usize> {
    Some(word(block.get(at..)?, offset_of!(tpacket3_hdr, tp_next_offset))? as usize)
}

/// VLAN tags before the IP header are removed. `None` when the lengths are inconsistent.
pub fn packet(block: &[u8], at: usize, number: u64) -> Option<Packet<'_>> {
    let header = block.get(at..)?;
    let field = |offset| word(header, offset);
    let address = header.get(ADDRESS..)?;
    let begin = half(header, offset_of!(tpacket3_hdr, tp_net))?;
    let captured = field(offset_of!(tpacket3_hdr, tp_snaplen))? as usize;
    let bytes = header.get(begin.into()..)?.get(..captured)?;
    let has_tag = field(offset_of!(tpacket3_hdr, tp_status))? & libc::TP_STATUS_VLAN_VALID != 0;
    let protocol = u16::from_be(half(address, offset_of!(sockaddr_ll, sll_protocol))?);
    let is_plain = !has_tag && [IPV4, IPV6].contains(&protocol.into());
    let tags = if is_plain { 0 } else { tags(bytes) };
    let tag = match has_tag {
        true => Some(field(TAG)? as u16),
        false if tags > 0 => half(bytes, 0).map(u16::from_be),
        false => None,
    };
    let bytes = &bytes[tags * TAG_BYTES..];
    let wire_bytes = field(offset_of!(tpacket3_hdr, tp_len))?;
    Some(Packet {
        number,
        time_ns: time(block, at)?,
        interface_name: None,
        interface: word(address, offset_of!(sockaddr_ll, sll_ifindex))?,
        direction: direction(
            half(address, offset_of!(sockaddr_ll, sll_hatype))?,
            (*address.get(offset_of!(sockaddr_ll, sll_pkttype))?).into(),
        ),
        vlan: tag.map(|tag| tag & VLAN_ID).filter(|id| *id != NO_VLAN),
        link: LinkType::Raw,
        bytes,
        wire_bytes: wire_bytes.saturating_sub((tags * TAG_BYTES) as u32),
        cooked: Some(cooked(address, bytes, protocol)?),
    })
}

/// The protocol is that of the bytes, without their tags.
fn cooked(address: &[u8], bytes: &[u8], protocol: u16) -> Option<Cooked> {
    let from = offset_of!(sockaddr_ll, sll_addr);
    Some(Cooked {
        protocol: match bytes.first().map(|byte| byte >> 4) {
            Some(4) => IPV4 as u16,
            Some(6) => IPV6 as u16,
            _ => protocol,
        },
        hardware: half(address, offset_of!(sockaddr_ll, sll_hatype))?,
        address: *address.get(from..)?.first_chunk()?,
        address_bytes: *address.get(offset_of!(sockaddr_ll, sll_halen))?,
    })
}

/// Number of tags before the IP header, found as the filter does.
fn tags(bytes: &[u8]) -> usize {
    let version = |at: usize| bytes.get(at).map(|byte| byte >> 4);
    for tags in 0..MOST_TAGS {
        let after = (tags + 1) * TAG_BYTES;
        let protocol = half(bytes, after - 2).map(|half| u32::from(u16::from_be(half)));
        match protocol {
            Some(IPV4) if version(after) == Some(4) => return tags + 1,
            Some(IPV6) if version(after) == Some(6) => return tags + 1,
            Some(vlan) if VLANS.contains(&vlan) => {}
            _ => return tags,
        }
    }
    MOST_TAGS
}

pub fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Direction;
    use proptest::prelude::*;

    const IP: [u8; 4] = [0x45, 0, 0, 40];
    const INNER_TAG: [u8; 4] = [0x60, 7, 0x08, 0];

    /// A frame of the kernel's with these bytes.
    #[rustfmt::skip]
    fn frame(status: u32, tag: u32, protocol: u16, packet_type: u8, bytes: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u32;
        let mut frame = Vec::new();
        let words = |frame: &mut Vec<u8>, words: &[u32]| {
            frame.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        };
        words(&mut frame, &[0, 1_700_000_000, 5, length, 1500, status]); // next, time, lengths
        frame.extend([80u16, 80].map(u16::to_ne_bytes).concat());         // link, network header
        words(&mut frame, &[0, tag, 0x8100, 0, 0]);                       // hash, tag, padding
        frame.extend(17u16.to_ne_bytes());                                // family
        frame.extend(protocol.to_be_bytes());
        frame.extend(3u32.to_ne_bytes());                                 // interface
        frame.extend(1u16.to_ne_bytes());                                 // hardware
        frame.extend([packet_type, 6, 2, 0, 0, 0, 0, 9, 0, 0]);           // its address
        frame.resize(80, 0);
        frame.extend(bytes);
        frame
    }

    #[test]
    fn a_packet_is_told_with_all_that_the_kernel_knows() {
        let block = frame(0, 0, 0x0800, libc::PACKET_OUTGOING, &IP);
        let packet = packet(&block, 0, 12).unwrap();
        assert_eq!((packet.number, packet.interface), (12, 3));
        assert_eq!(packet.time_ns, 1_700_000_000_000_000_005);
        assert_eq!(packet.direction, Some(Direction::Outgoing));
        assert_eq!((packet.vlan, packet.link), (None, LinkType::Raw));
        assert_eq!((packet.bytes, packet.wire_bytes), (&IP[..], 1500));
        let cooked = packet.cooked.unwrap();
        assert_eq!((cooked.protocol, cooked.hardware), (0x0800, 1));
        assert_eq!(cooked.address[..6], [2, 0, 0, 0, 0, 9]);
        assert_eq!(cooked.address_bytes, 6);
    }

    #[test]
    fn the_outermost_tag_is_told_and_those_in_the_bytes_are_taken_off() {
        let once = [&INNER_TAG[..], &IP].concat();
        let twice = [&[0x20, 9, 0x81, 0], &once[..]].concat();
        let valid = libc::TP_STATUS_VLAN_VALID;
        for (status, protocol, bytes, vlan, tags) in [
            (valid, 0x0800, &IP[..], Some(42), 0),
            // A later kernel says what is behind all tags, an earlier one the next.
            (valid, 0x0800, &once[..], Some(42), 1),
            (valid, 0x8100, &once[..], Some(42), 1),
            (0, 0x8100, &once[..], Some(7), 1),
            (0, 0x88a8, &twice[..], Some(9), 2),
            (0, 0x8100, &IP[..], None, 0),
        ] {
            let block = frame(status, 0x102a | 0x2000, protocol, 0, bytes);
            let packet = packet(&block, 0, 1).unwrap();
            let expected = vlan.map(|vlan| if vlan == 42 { 0x02a } else { vlan });
            assert_eq!(packet.vlan, expected, "{bytes:x?}");
            assert_eq!(packet.bytes, IP);
            assert_eq!(packet.wire_bytes, 1500 - 4 * tags);
            assert_eq!(packet.cooked.unwrap().protocol, 0x0800);
        }
    }

    #[test]
    fn a_tag_that_only_tells_a_priority_is_no_vlan() {
        let block = frame(libc::TP_STATUS_VLAN_VALID, 0xe000, 0x0800, 0, &IP);
        assert_eq!(packet(&block, 0, 1).unwrap().vlan, None);
    }

    #[test]
    fn an_ip_header_is_not_taken_for_a_tag() {
        let v6 = [0x60, 0, 0x08, 0, 0, 20, 6, 64];
        let block = frame(libc::TP_STATUS_VLAN_VALID, 1, 0x86dd, 0, &v6);
        assert_eq!(packet(&block, 0, 1).unwrap().bytes, v6);
    }

    #[test]
    fn a_frame_cut_short_is_none() {
        let block = frame(0, 0, 0x0800, 0, &IP);
        for cut in 0..block.len() {
            assert!(packet(&block[..cut], 0, 1).is_none(), "cut at {cut}");
        }
        assert!(packet(&block, block.len() + 1, 1).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(block in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..400) {
            let _ = (packet(&block, at, 1), time(&block, at), next(&block, at));
        }
    }
}

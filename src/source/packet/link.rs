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
mod tests;

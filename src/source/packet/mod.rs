//! Packets as they were captured, live or from a file, and the TCP segment in each.

pub(super) mod icmp;
mod ip;
mod link;
#[cfg(test)]
pub(super) mod samples;
mod tcp;
pub(super) mod tunnel;

use ip::Carried;
pub(super) use link::{device_index, direction};

use crate::model::{Direction, IcmpError, Segment, Tunnel};

/// A packet, or as much of it as was captured.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Which packet of the capture it is, from 1.
    pub number: u64,
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// Index of the interface in a live capture, its place in the list of interfaces in a file.
    pub interface: u32,
    /// Name of the interface, where it has one.
    pub interface_name: Option<&'a str>,
    /// Where it is known without the bytes.
    pub direction: Option<Direction>,
    /// The VLAN tag that the kernel removed.
    pub vlan: Option<u16>,
    /// The header that `bytes` begin with.
    pub link: LinkType,
    /// The captured part.
    pub bytes: &'a [u8],
    /// Original length of the packet, from where `bytes` begin.
    pub wire_bytes: u32,
    /// The link layer in a live capture, where the kernel removes its header.
    pub cooked: Option<Cooked>,
}

/// The link layer as a cooked packet socket reports it (`struct sockaddr_ll`, man 7 packet).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooked {
    /// Ethernet protocol, in host order.
    pub protocol: u16,
    /// `ARPHRD_`… of the interface.
    pub hardware: u16,
    pub address: [u8; 8],
    pub address_bytes: u8,
}

/// The header that a packet's bytes begin with, by its number in capture files (`LINKTYPE_`…,
/// www.tcpdump.org/linktypes.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// The address family, in the byte order of the capturing host.
    BsdNull = 0,
    Ethernet = 1,
    /// An IP header; in a live capture also tags before it, of which `Cooked` names the first.
    Raw = 101,
    /// The address family in network byte order.
    BsdLoop = 108,
    /// The header of libpcap for cooked packet sockets of Linux.
    CookedV1 = 113,
    Ipv4 = 228,
    Ipv6 = 229,
    /// As `CookedV1`, with the index of the interface.
    CookedV2 = 276,
}

/// The TCP segment in a packet, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    Segment(Segment),
    /// An ICMP error about a TCP segment.
    IcmpError(IcmpError),
    /// A fragment of a TCP segment without its whole header.
    Fragment,
    /// Not TCP.
    Other,
    /// TCP by its IP header, but lengths contradict each other or the TCP header was not captured.
    Undecodable,
}

impl Packet<'_> {
    /// Finds the TCP segment. Checksums are ignored: interfaces fill them in after the capture.
    pub fn decode(&self) -> Decoded {
        let Some(network) = link::network(self) else {
            return Decoded::Other;
        };
        let skipped = self.bytes.len() - network.bytes.len();
        let wire_bytes = (self.wire_bytes as usize).saturating_sub(skipped);
        match ip::decode(network.bytes, wire_bytes) {
            Carried::Tcp(transport) => tcp::decode(self, &network, &transport),
            Carried::Tunnel(tunnel, bytes) => self.decode_inner(network, tunnel, bytes),
            Carried::Icmp(sender, bytes) => icmp::decode(self, sender, bytes),
            Carried::LaterFragment => Decoded::Fragment,
            Carried::Other => Decoded::Other,
            Carried::Contradictory => Decoded::Undecodable,
        }
    }

    /// Where the outer packet went says nothing about the one inside.
    fn decode_inner(&self, outer: link::Network<'_>, tunnel: Tunnel, bytes: &[u8]) -> Decoded {
        let skipped = self.bytes.len() - bytes.len();
        let wire_bytes = (self.wire_bytes as usize).saturating_sub(skipped);
        let network = link::Network {
            bytes,
            direction: None,
            ..outer
        };
        let packet = Packet {
            direction: None,
            ..*self
        };
        match ip::decode(bytes, wire_bytes) {
            Carried::Tcp(transport) => match tcp::decode(&packet, &network, &transport) {
                Decoded::Segment(segment) => Decoded::Segment(Segment {
                    tunnel: Some(tunnel),
                    ..segment
                }),
                other => other,
            },
            Carried::Icmp(sender, bytes) => icmp::decode(&packet, sender, bytes),
            Carried::LaterFragment => Decoded::Fragment,
            Carried::Contradictory => Decoded::Undecodable,
            Carried::Tunnel(..) | Carried::Other => Decoded::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use pnet::packet::{
        ip::IpNextHeaderProtocols,
        ipv4::{Ipv4, MutableIpv4Packet},
        tcp::{MutableTcpPacket, Tcp, TcpOption},
    };
    use proptest::prelude::*;

    use super::{link::LINKS, samples::*, *};
    use crate::model::Flags;

    fn link() -> impl Strategy<Value = LinkType> {
        proptest::sample::select(LINKS.to_vec())
    }

    #[test]
    fn a_packet_cut_anywhere_is_decoded_or_not_but_never_wrongly() {
        let header = [0; 12].into_iter().chain([0x08, 0x00]);
        let frame: Vec<u8> = header.chain(SYN_V4).collect();
        for length in 0..frame.len() {
            let found = packet(LinkType::Ethernet, &frame[..length]).decode();
            match (length, found) {
                (0..34, Decoded::Other) | (34..54, Decoded::Undecodable) => {}
                (54.., Decoded::Segment(segment)) => assert!(segment.options.cut, "{length}"),
                _ => panic!("{length}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_header_cut_anywhere_makes_nothing_fail() {
        for link in LINKS {
            for length in 0..60 {
                for byte in [0x00, 0x02, 0x08, 0x45, 0x60, 0x81, 0xff] {
                    let _ = packet(link, &vec![byte; length]).decode();
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(
            link in link(),
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            wire_bytes in any::<u32>(),
            protocol in proptest::option::of(any::<u16>()),
        ) {
            let cooked = protocol.map(|protocol| Cooked {
                protocol,
                hardware: 1,
                address: [0; 8],
                address_bytes: 6,
            });
            let _ = Packet { wire_bytes, cooked, ..packet(link, &bytes) }.decode();
        }

        #[test]
        fn no_change_of_a_syn_makes_it_fail(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            length in any::<prop::sample::Index>(),
        ) {
            let extension = [6, 0, 0, 0, 0, 0, 0, 1];
            let v6 = [&header_v6(44, 48)[..], &extension, syn()].concat();
            for mut bytes in [v6, SYN_V4.to_vec()] {
                for (at, byte) in &changes {
                    *at.get_mut(&mut bytes) = *byte;
                }
                let _ = packet(LinkType::Raw, &bytes[..length.index(bytes.len() + 1)]).decode();
            }
        }

        #[test]
        fn what_was_built_is_found(
            ports in any::<(u16, u16)>(),
            numbers in any::<(u32, u32)>(),
            flags: u8,
            mss: u16,
            scale: u8,
            payload in 0..100_usize,
        ) {
            let options = [TcpOption::mss(mss), TcpOption::wscale(scale), TcpOption::nop()];
            let bytes = built(ports, numbers, flags, &options, payload);
            let found = segment(LinkType::Raw, &bytes);
            prop_assert_eq!((found.source.port, found.destination.port), ports);
            prop_assert_eq!((found.sequence, found.acknowledgement), numbers);
            prop_assert_eq!(found.flags, Flags(flags));
            prop_assert_eq!(found.options.mss, Some(mss));
            prop_assert_eq!(found.options.window_scale, Some(scale));
            prop_assert_eq!(found.payload_bytes as usize, payload);
            prop_assert_eq!(found.source.address, IpAddr::from([10, 0, 0, 1]));
            prop_assert!(!found.options.cut);
        }
    }

    /// A packet as pnet builds it; the options must fill whole words.
    fn built(
        (source, destination): (u16, u16),
        (sequence, acknowledgement): (u32, u32),
        flags: u8,
        options: &[TcpOption],
        payload: usize,
    ) -> Vec<u8> {
        let mut bytes = vec![0; 48 + payload];
        let mut ip = MutableIpv4Packet::new(&mut bytes).unwrap();
        ip.populate(&Ipv4 {
            version: 4,
            header_length: 5,
            dscp: 0,
            ecn: 0,
            total_length: 48 + payload as u16,
            identification: 0,
            flags: 2,
            fragment_offset: 0,
            ttl: 64,
            next_level_protocol: IpNextHeaderProtocols::Tcp,
            checksum: 0,
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            options: Vec::new(),
            payload: Vec::new(),
        });
        let mut tcp = MutableTcpPacket::new(&mut bytes[20..]).unwrap();
        tcp.populate(&Tcp {
            source,
            destination,
            sequence,
            acknowledgement,
            data_offset: 7,
            reserved: 0,
            flags,
            window: 100,
            checksum: 0,
            urgent_ptr: 0,
            options: options.to_vec(),
            payload: Vec::new(),
        });
        bytes
    }
}

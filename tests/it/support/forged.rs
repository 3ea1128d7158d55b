//! TCP segments that no kernel made: with any flags and numbers, from any address, sent once and
//! never again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pnet::packet::Packet as _;
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{self, MutableTcpPacket, TcpFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::sockets::socket_address;

const TCP_HEADER: usize = 20;

/// One of them.
#[derive(Clone)]
pub struct Forged {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub sequence: u32,
    pub acknowledgement: u32,
    pub flags: u8,
    /// Options and data; a multiple of four bytes is options.
    pub options: Vec<u8>,
    pub payload: Vec<u8>,
}

impl Forged {
    /// A SYN without options, with the sequence number 1.
    pub fn syn(from: &str, to: &str) -> Forged {
        Forged {
            from: socket_address(from),
            to: socket_address(to),
            sequence: 1,
            acknowledgement: 0,
            flags: TcpFlags::SYN,
            options: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// What the receiver of this one says next: to a SYN a SYN-ACK with the sequence number 1001.
    pub fn answer(&self, flags: u8) -> Forged {
        let space = self.payload.len() + usize::from(self.flags & TcpFlags::SYN != 0);
        let first = self.acknowledgement == 0;
        Forged {
            from: self.to,
            to: self.from,
            sequence: if first { 1001 } else { self.acknowledgement },
            acknowledgement: self.sequence.wrapping_add(space as u32),
            flags,
            options: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// Sends it from the namespace of the calling thread.
    pub fn send(&self) {
        // IPPROTO_RAW means that the header is ours as well.
        let raw = Protocol::from(255);
        let socket = Socket::new(Domain::for_address(self.to), Type::RAW, Some(raw))
            .expect("root of the namespace may open raw sockets");
        // An IPv6 raw socket takes the port for a protocol number and refuses another than its own.
        let to = SocketAddr::new(self.to.ip(), 0);
        let sent = socket.send_to(&self.packet(), &to.into());
        sent.expect("a segment is sent");
    }

    /// It with an IP header.
    pub fn packet(&self) -> Vec<u8> {
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ipv4_packet(source, destination, &self.segment())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                ipv6_packet(source, destination, &self.segment())
            }
            _ => panic!("{} and {} are of two families", self.from, self.to),
        }
    }

    /// It with an IP header and an Ethernet header between the hosts of a
    /// [`Link`](super::Link), with these tags (TPID, VLAN) between the two.
    pub fn frame(&self, from: u8, to: u8, tags: &[(u16, u16)]) -> Vec<u8> {
        let protocol: u16 = if self.to.is_ipv4() { 0x0800 } else { 0x86dd };
        let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from];
        for (tpid, vlan) in tags {
            frame.extend(tpid.to_be_bytes());
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend(protocol.to_be_bytes());
        frame.extend(self.packet());
        frame
    }

    /// The TCP header and what follows.
    pub fn segment(&self) -> Vec<u8> {
        assert!(self.options.len().is_multiple_of(4), "options fill words");
        let header = TCP_HEADER + self.options.len();
        let mut bytes = vec![0; header];
        bytes[TCP_HEADER..].copy_from_slice(&self.options);
        bytes.extend(&self.payload);
        let mut segment = MutableTcpPacket::owned(bytes).expect("long enough");
        segment.set_source(self.from.port());
        segment.set_destination(self.to.port());
        segment.set_sequence(self.sequence);
        segment.set_acknowledgement(self.acknowledgement);
        segment.set_data_offset((header / 4).try_into().expect("few options"));
        segment.set_flags(self.flags);
        segment.set_window(65535);
        let checksum = self.checksum(&segment);
        segment.set_checksum(checksum);
        segment.packet().to_vec()
    }

    fn checksum(&self, segment: &MutableTcpPacket) -> u16 {
        match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                tcp::ipv4_checksum(&segment.to_immutable(), &source, &destination)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                tcp::ipv6_checksum(&segment.to_immutable(), &source, &destination)
            }
            _ => panic!("{} and {} are of two families", self.from, self.to),
        }
    }
}

fn ipv4_packet(source: Ipv4Addr, destination: Ipv4Addr, segment: &[u8]) -> Vec<u8> {
    let length = MutableIpv4Packet::minimum_packet_size() + segment.len();
    let mut packet = MutableIpv4Packet::owned(vec![0; length]).expect("long enough");
    packet.set_version(4);
    packet.set_header_length(5);
    packet.set_total_length(length.try_into().expect("a short packet"));
    packet.set_ttl(64);
    packet.set_next_level_protocol(IpNextHeaderProtocols::Tcp);
    packet.set_source(source);
    packet.set_destination(destination);
    packet.set_payload(segment);
    packet.set_checksum(ipv4::checksum(&packet.to_immutable()));
    packet.packet().to_vec()
}

fn ipv6_packet(source: Ipv6Addr, destination: Ipv6Addr, segment: &[u8]) -> Vec<u8> {
    let length = MutableIpv6Packet::minimum_packet_size() + segment.len();
    let mut packet = MutableIpv6Packet::owned(vec![0; length]).expect("long enough");
    packet.set_version(6);
    packet.set_payload_length(segment.len().try_into().expect("a short segment"));
    packet.set_next_header(IpNextHeaderProtocols::Tcp);
    packet.set_hop_limit(64);
    packet.set_source(source);
    packet.set_destination(destination);
    packet.set_payload(segment);
    packet.packet().to_vec()
}

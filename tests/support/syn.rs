//! SYNs from addresses that never answer, so that handshakes stay half open.
//!
//! 10.9.0.0/24 and fd00:9::/64 are routed to `lo` though most of their addresses do not exist: what
//! is sent to those goes nowhere. A raw packet is sent once and never retransmitted, so a test can
//! say exactly how many SYNs a listener saw.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use pnet::packet::Packet as _;
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv4::{self, MutableIpv4Packet};
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::packet::tcp::{self, MutableTcpPacket, TcpFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::{lo_up, run, segments_in, socket_address, wait_until};

const TCP_HEADER: usize = 20;

/// Gives `lo` the addresses that SYNs are sent to: 10.9.0.1, 10.9.0.2, fd00:9::1 and fd00:9::2.
pub fn roads_to_nowhere() {
    lo_up();
    for address in ["10.9.0.1/32", "10.9.0.2/32"] {
        run("ip", &["address", "replace", address, "dev", "lo"]);
    }
    for address in ["fd00:9::1/128", "fd00:9::2/128"] {
        run("ip", &["address", "replace", address, "dev", "lo", "nodad"]);
    }
    run("ip", &["route", "replace", "10.9.0.0/24", "dev", "lo"]);
    run("ip", &["route", "replace", "fd00:9::/64", "dev", "lo"]);
    // The kernel puts off the route to an IPv6 address of its own, also without a search for
    // duplicates.
    for address in ["fd00:9::1", "fd00:9::2"] {
        wait_until("an IPv6 address is there", || {
            run("ip", &["-6", "route", "get", address]).starts_with("local")
        });
    }
}

/// Sends `count` SYNs to `to`, each from another address, so that no one looks proven to the kernel.
/// They have arrived when this returns: a busy kernel may put that off.
pub fn syns(to: &str, count: u8) {
    assert!(count <= 200, "addresses run out");
    let to = socket_address(to);
    let before = segments_in();
    for host in (20..).take(usize::from(count)) {
        let from = match to.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(10, 9, 0, host)),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0xfd00, 9, 0, 0, 0, 0, 1, host.into())),
        };
        syn(SocketAddr::new(from, 4000), to);
    }
    wait_until("the SYNs have arrived", || {
        segments_in() >= before + u64::from(count)
    });
}

fn syn(from: SocketAddr, to: SocketAddr) {
    let packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ipv4_packet(source, destination, &segment(from, to))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            ipv6_packet(source, destination, &segment(from, to))
        }
        _ => panic!("{from} and {to} are of two families"),
    };
    // IPPROTO_RAW means that the header is ours as well.
    let raw = Protocol::from(255);
    let socket = Socket::new(Domain::for_address(to), Type::RAW, Some(raw))
        .expect("root of the namespace may open raw sockets");
    // An IPv6 raw socket takes the port for a protocol number and refuses another than its own.
    let to = SocketAddr::new(to.ip(), 0);
    socket.send_to(&packet, &to.into()).expect("a SYN is sent");
}

fn segment(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut segment = MutableTcpPacket::owned(vec![0; TCP_HEADER]).expect("long enough");
    segment.set_source(from.port());
    segment.set_destination(to.port());
    segment.set_sequence(1);
    segment.set_data_offset(5);
    segment.set_flags(TcpFlags::SYN);
    segment.set_window(65535);
    let checksum = match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            tcp::ipv4_checksum(&segment.to_immutable(), &source, &destination)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            tcp::ipv6_checksum(&segment.to_immutable(), &source, &destination)
        }
        _ => panic!("{from} and {to} are of two families"),
    };
    segment.set_checksum(checksum);
    segment.packet().to_vec()
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

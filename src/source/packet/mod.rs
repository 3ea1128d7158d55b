//! Packets as they were captured, live or from a file, and the TCP segment in each.

use crate::model::{Direction, Segment};

/// A packet, or as much of it as was captured.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Which packet of the capture it is, from 1.
    pub number: u64,
    /// Nanoseconds since 1970.
    pub time_ns: u64,
    /// The device: its index in a live capture, its place in the list of interfaces in a file.
    pub interface: u32,
    /// Which way it went, where that is known without its bytes.
    pub direction: Option<Direction>,
    /// The VLAN that the kernel took off the packet.
    pub vlan: Option<u16>,
    /// What the bytes begin with.
    pub link: LinkType,
    /// What was captured.
    pub bytes: &'a [u8],
    /// How long the packet was, from where `bytes` begin.
    pub wire_bytes: u32,
    /// What the kernel told of the header that it took off, in a live capture.
    pub cooked: Option<Cooked>,
}

/// What a cooked packet socket tells of the link layer (`struct sockaddr_ll`, man 7 packet).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooked {
    /// Ethernet protocol, in host order.
    pub protocol: u16,
    /// `ARPHRD_`… of the device.
    pub hardware: u16,
    /// The sender's address.
    pub address: [u8; 8],
    /// How many bytes of it count.
    pub address_bytes: u8,
}

/// What a packet's bytes begin with (`LINKTYPE_`…, www.tcpdump.org/linktypes.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkType {
    /// Ethernet, 1.
    Ethernet,
    /// An IP header, 101.
    Raw,
}

/// What a packet is to somebody who looks for handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    /// A TCP segment.
    Segment(Segment),
    /// A part of a fragmented TCP segment without, or not with all of, its header.
    Fragment,
    /// No TCP.
    Other,
    /// TCP by its IP header, but lengths contradict each other or the capture cut the header off.
    Undecodable,
}

//! One TCP header that passed, and when and where it did (RFC 9293, section 3.1).

use schemars::JsonSchema;
use serde::Serialize;

use super::Address;

/// A TCP segment without what it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Which packet of the capture it is, from 1.
    pub number: u64,
    /// Nanoseconds since 1970 by the clock of the capture, which may step.
    pub time_ns: u64,
    /// The interface: its index in a live capture, its place in the list of interfaces in a file.
    pub interface: u32,
    /// Which way it went, seen from the host that captured it; `None` where the file does not tell.
    pub direction: Option<Direction>,
    pub vlan: Option<u16>,
    /// What carried the IP packet within another one.
    pub tunnel: Option<Tunnel>,
    /// Identification of the IPv4 header; `None` for IPv6.
    pub ip_id: Option<u16>,
    pub source: Address,
    pub destination: Address,
    pub sequence: u32,
    /// Acknowledgement number; means nothing without the flag ACK.
    pub acknowledgement: u32,
    pub flags: Flags,
    /// Window, unscaled.
    pub window: u16,
    /// Bytes of data, by the lengths in the headers: the capture may have cut them off.
    pub payload_bytes: u32,
    pub options: TcpOptions,
}

/// How an IP packet is carried within another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tunnel {
    /// IPv4 or IPv6 directly (RFC 2003, RFC 2473, RFC 4213).
    Ip,
    /// RFC 2784.
    Gre,
    /// RFC 7348.
    Vxlan,
    /// RFC 8926.
    Geneve,
}

/// Which way a packet went (`sll_pkttype`, include/uapi/linux/if_packet.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To this host: `PACKET_HOST`, also broadcast and multicast.
    Incoming,
    /// From this host, or forwarded by it: `PACKET_OUTGOING`.
    Outgoing,
    /// To another host: `PACKET_OTHERHOST`.
    Passing,
    /// From this host to itself, on a loopback interface (`ARPHRD_LOOPBACK`).
    Internal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    pub const FIN: Flags = Flags(0x01);
    pub const SYN: Flags = Flags(0x02);
    pub const RST: Flags = Flags(0x04);
    pub const PSH: Flags = Flags(0x08);
    pub const ACK: Flags = Flags(0x10);
    /// ECN echo; in a SYN, ECN is offered together with CWR (RFC 3168).
    pub const ECE: Flags = Flags(0x40);
    pub const CWR: Flags = Flags(0x80);

    /// Whether all of these are set.
    pub const fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    pub const fn and(self, flags: Flags) -> Flags {
        Flags(self.0 | flags.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpOptions {
    /// Largest segment that the sender takes, in bytes.
    pub mss: Option<u16>,
    /// Shift of the window (RFC 7323).
    pub window_scale: Option<u8>,
    /// Selective acknowledgements are permitted (RFC 2018).
    pub sack_permitted: bool,
    /// Timestamps (RFC 7323).
    pub timestamps: Option<Timestamps>,
    /// Length of the TCP Fast Open cookie in bytes; 0 asks for one (RFC 7413).
    pub fast_open_cookie: Option<u8>,
    /// Subtype of the multipath TCP option (RFC 8684): 0 `MP_CAPABLE`, 1 `MP_JOIN`…
    pub mptcp: Option<u8>,
    /// They were cut off by the capture, or malformed: others may be missing.
    pub cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock.
    pub value: u32,
    /// The peer's, as last seen.
    pub echo: u32,
}

//! An ICMP error about a TCP segment (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::Address;

/// A packet could not be delivered, as a host on its way reports. The error quotes the begin of the
/// packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Which packet of the capture it is, from 1.
    pub number: u64,
    /// Nanoseconds since 1970 by the clock of the capture, which may step.
    pub time_ns: u64,
    pub sender: IpAddr,
    /// ICMP or ICMPv6, by the family of the quoted addresses.
    pub kind: u8,
    pub code: u8,
    /// Of the quoted segment, as are the following.
    pub source: Address,
    pub destination: Address,
    pub sequence: u32,
}

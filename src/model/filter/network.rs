//! Ranges of addresses.

use std::net::IpAddr;

/// An address and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// A v4-mapped address counts as the IPv4 one.
    pub address: IpAddr,
    /// 0 to 32, or to 128 for IPv6.
    pub bits: u8,
}

/// `::ffff:0:0`, the first 96 bits of every v4-mapped address.
pub(crate) const MAPPED: u128 = 0xffff << 32;

impl Network {
    /// Whether v4-mapped addresses, which count as IPv4, share the prefix of this IPv6 network.
    pub(crate) fn spans_mapped(self) -> bool {
        match self.address.to_canonical() {
            IpAddr::V4(_) => false,
            IpAddr::V6(address) => shares_prefix(address.to_bits(), MAPPED, self.bits),
        }
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        let (wanted, there) = match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(wanted), IpAddr::V4(there)) => {
                let left = |address: std::net::Ipv4Addr| u128::from(address.to_bits()) << 96;
                (left(wanted), left(there))
            }
            (IpAddr::V6(wanted), IpAddr::V6(there)) => (wanted.to_bits(), there.to_bits()),
            _ => return false,
        };
        shares_prefix(wanted, there, self.bits)
    }
}

fn shares_prefix(one: u128, other: u128, bits: u8) -> bool {
    bits == 0 || (one ^ other) >> (128 - u32::from(bits)) == 0
}

//! Where a socket is bound.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The family of the *socket*, which is not always that of the address: a dual-stack listener is
/// [`Family::V6`], and so are its requests from IPv4 clients (`::ffff:a.b.c.d`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Family {
    /// `AF_INET`
    V4,
    /// `AF_INET6`
    V6,
}

/// A local address and port. Listeners that share one through SO_REUSEPORT are equal here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    pub family: Family,
    /// Local address; unspecified is the wildcard.
    pub address: IpAddr,
    pub port: u16,
    /// Index of the interface that the socket is bound to (SO_BINDTODEVICE), 0 for none.
    pub interface: u32,
}

/// Which internet families are asked for; both by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Families {
    pub v4: bool,
    /// AF_INET6 sockets, which serve IPv4 clients too unless they are v6only.
    pub v6: bool,
}

impl Families {
    pub const BOTH: Families = Families { v4: true, v6: true };

    /// The wanted families, IPv4 first.
    pub fn each(self) -> impl Iterator<Item = Family> {
        [(self.v4, Family::V4), (self.v6, Family::V6)]
            .into_iter()
            .filter_map(|(wanted, family)| wanted.then_some(family))
    }

    /// Whether an address is of a wanted family; a v4-mapped address counts as IPv4.
    pub fn has(self, address: IpAddr) -> bool {
        match address.to_canonical().is_ipv4() {
            true => self.v4,
            false => self.v6,
        }
    }
}

impl Default for Families {
    fn default() -> Self {
        Families::BOTH
    }
}

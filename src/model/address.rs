//! One end of a connection, as it is reported.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An address and a port.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema, Deserialize,
)]
pub struct Address {
    /// IPv4 or IPv6 address.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
}

impl Address {
    /// As the kernel writes the peer of a socket that has none.
    pub fn is_nobody(&self) -> bool {
        self.port == 0 && self.address.is_unspecified()
    }
}

impl fmt::Display for Address {
    /// `10.0.0.9:5432`, `[::1]:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

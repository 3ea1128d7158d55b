//! Where a socket is bound.

use std::net::IpAddr;

/// The family of the *socket*, which is not always that of the address: a dual-stack listener is
/// [`Family::V6`], and so are its requests from IPv4 clients (`::ffff:a.b.c.d`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// `AF_INET`
    V4,
    /// `AF_INET6`
    V6,
}

/// A local address and port. Listeners that share one through SO_REUSEPORT are equal here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Family of the socket.
    pub family: Family,
    /// Local address; unspecified is the wildcard.
    pub address: IpAddr,
    /// Local port.
    pub port: u16,
    /// Index of the device that the socket is bound to (SO_BINDTODEVICE), 0 when it is to none.
    pub interface: u32,
}

//! A bind(2) for real, in the network namespace of the calling thread. The socket is closed at once.

use std::{io, net::SocketAddr};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

/// The socket that is bound.
#[derive(Debug, Clone, Copy)]
pub struct BindTrial {
    pub is_udp: bool,
    pub address: SocketAddr,
    /// IPV6_V6ONLY, of an IPv6 address.
    pub v6only: bool,
    pub reuseaddr: bool,
    pub reuseport: bool,
}

impl BindTrial {
    pub fn run(&self) -> io::Result<()> {
        let family = match self.address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let kind = match self.is_udp {
            true => SocketType::DGRAM,
            false => SocketType::STREAM,
        };
        let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        if self.address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, self.v6only)?;
        }
        sockopt::set_socket_reuseaddr(&socket, self.reuseaddr)?;
        sockopt::set_socket_reuseport(&socket, self.reuseport)?;
        Ok(bind(&socket, &self.address)?)
    }
}

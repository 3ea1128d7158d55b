//! Sockets of MPTCP beside one of TCP.

use socket2::{Domain, Protocol, Socket, Type};

use super::netns::test_inside;
use super::skipped::report_skipped;
use super::sockets::{inode, listen, socket_address, try_listen};

/// Where the listener of MPTCP is.
pub const SERVER: &str = "127.0.0.1:8080";

/// A listener, both ends of a connection to it, a socket that is only bound, and a listener of TCP.
pub struct MptcpScene {
    pub listener: Socket,
    pub client: Socket,
    pub server: Socket,
    pub bound: Socket,
    tcp: Socket,
}

/// `None`, loudly, where the kernel has no MPTCP.
pub fn mptcp_scene() -> Option<MptcpScene> {
    let listener = match try_listen(Protocol::MPTCP, SERVER, 5, |_| {}) {
        Ok(listener) => listener,
        Err(error) => {
            report_skipped(&format!("{}: MPTCP listener: {error}", test_inside()));
            return None;
        }
    };
    let client = mptcp_socket();
    client
        .connect(&socket_address(SERVER).into())
        .expect("it listens");
    let (server, _) = listener.accept().expect("a connection");
    let bound = mptcp_socket();
    bound
        .bind(&socket_address("127.0.0.1:8081").into())
        .expect("the port is free");
    Some(MptcpScene {
        listener,
        client,
        server,
        bound,
        tcp: listen("127.0.0.1:8082", 5),
    })
}

pub fn mptcp_socket() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
    socket.expect("the kernel has MPTCP")
}

impl MptcpScene {
    /// Inodes.
    pub fn listener(&self) -> u64 {
        inode(&self.listener)
    }

    pub fn connection(&self) -> [u64; 2] {
        [&self.client, &self.server].map(inode)
    }

    pub fn tcp(&self) -> u64 {
        inode(&self.tcp)
    }
}

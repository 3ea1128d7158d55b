//! Sockets of every shape on one port, with every option that bind() looks at.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use rustix::fs::{Uid, fchown};
use socket2::{Domain, Protocol, Socket, Type};

use super::time_waits::wait_for_eof;

/// A user who owns sockets and runs nothing.
const OTHER: u32 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Bound,
    Listening,
    /// An accepted connection, its listener closed.
    Accepted,
    /// An accepted connection beside its listener.
    AcceptedAndListening,
    /// Bound first, then connected.
    Outgoing,
    FinWait2,
    TimeWait,
    Udp,
    UdpConnected,
}

pub const SHAPES: [Shape; 9] = [
    Shape::Bound,
    Shape::Listening,
    Shape::Accepted,
    Shape::AcceptedAndListening,
    Shape::Outgoing,
    Shape::FinWait2,
    Shape::TimeWait,
    Shape::Udp,
    Shape::UdpConnected,
];

impl Shape {
    fn is_udp(self) -> bool {
        matches!(self, Shape::Udp | Shape::UdpConnected)
    }

    /// The kernel does not report the options of what it keeps in place of a socket.
    pub fn has_options(self) -> bool {
        !matches!(self, Shape::FinWait2 | Shape::TimeWait)
    }
}

pub const ADDRESSES: [&str; 6] = [
    "0.0.0.0",
    "127.0.0.1",
    "127.0.0.2",
    "::",
    "::1",
    "::ffff:127.0.0.1",
];

#[derive(Debug, Clone, Copy)]
pub struct Spec {
    pub shape: Shape,
    pub address: IpAddr,
    pub v6only: bool,
    pub reuseaddr: bool,
    pub reuseport: bool,
    pub uid: u32,
}

impl Spec {
    /// Every combination of options, for this shape at each address.
    pub fn all(shape: Shape) -> impl Iterator<Item = Spec> {
        let of_address = move |address: &str| {
            let address = address.parse().expect("an address");
            (0..8).map(move |options| Spec {
                shape,
                address,
                v6only: options & 1 != 0,
                reuseaddr: options & 2 != 0,
                reuseport: options & 4 != 0,
                uid: 0,
            })
        };
        ADDRESSES.into_iter().flat_map(of_address)
    }

    /// Sockets that keep the scene up. `patience` is for what comes over the network.
    pub fn make(&self, port: u16, patience: Duration) -> io::Result<Vec<Socket>> {
        let socket = self.bound(port)?;
        Ok(match self.shape {
            Shape::Bound | Shape::Udp => vec![socket],
            Shape::UdpConnected => {
                socket.connect(&self.reached_at(9).into())?;
                vec![socket]
            }
            Shape::Listening => {
                socket.listen(5)?;
                vec![socket]
            }
            Shape::Accepted | Shape::AcceptedAndListening | Shape::TimeWait => {
                socket.listen(5)?;
                let (server, client) = self.accepted(&socket, port, patience)?;
                match self.shape {
                    Shape::AcceptedAndListening => vec![socket, server, client],
                    Shape::Accepted => vec![server, client],
                    _ => {
                        drop(server);
                        assert_eq!((&client).read(&mut [0])?, 0, "the server has closed");
                        Vec::new()
                    }
                }
            }
            Shape::Outgoing | Shape::FinWait2 => {
                let listener = TcpListener::bind(self.reached_at(0))?;
                socket.connect(&listener.local_addr()?.into())?;
                let server = Socket::from(listener.accept()?.0);
                match self.shape {
                    Shape::Outgoing => vec![socket, server],
                    _ => {
                        drop(socket);
                        wait_for_eof(&server);
                        vec![server]
                    }
                }
            }
        })
    }

    fn bound(&self, port: u16) -> io::Result<Socket> {
        let address = SocketAddr::new(self.address, port);
        let (kind, protocol) = match self.shape.is_udp() {
            true => (Type::DGRAM, Protocol::UDP),
            false => (Type::STREAM, Protocol::TCP),
        };
        let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
        if self.uid != 0 {
            fchown(&socket, Some(Uid::from_raw(self.uid)), None)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(self.v6only)?;
        }
        socket.set_reuse_address(self.reuseaddr)?;
        socket.set_reuse_port(self.reuseport)?;
        socket.bind(&address.into())?;
        Ok(socket)
    }

    /// Both ends of a connection. Another listener of a SO_REUSEPORT group may get it.
    fn accepted(
        &self,
        listener: &Socket,
        port: u16,
        patience: Duration,
    ) -> io::Result<(Socket, Socket)> {
        let client = Socket::new(
            Domain::for_address(self.reached_at(port)),
            Type::STREAM,
            None,
        )?;
        for end in [listener, &client] {
            end.set_read_timeout(Some(patience))?;
        }
        client.connect(&self.reached_at(port).into())?;
        let (server, _) = listener.accept()?;
        Ok((server, client))
    }

    /// Where a socket with this address is reached.
    fn reached_at(&self, port: u16) -> SocketAddr {
        let address = match self.address {
            IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            address => address,
        };
        SocketAddr::new(address, port)
    }
}

/// xorshift64*: the same scenes at each run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn is(&mut self) -> bool {
        self.below(2) == 1
    }

    pub fn spec(&mut self) -> Spec {
        Spec {
            shape: SHAPES[self.below(SHAPES.len())],
            address: ADDRESSES[self.below(ADDRESSES.len())]
                .parse()
                .expect("an address"),
            v6only: self.is(),
            reuseaddr: self.is(),
            reuseport: self.is(),
            uid: if self.below(4) == 0 { OTHER } else { 0 },
        }
    }
}

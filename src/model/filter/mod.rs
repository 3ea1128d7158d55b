//! A condition on sockets: the filter language of `ss` (man 8 ss, FILTER), as far as it is
//! supported.
//!
//! ```text
//! :8080            this local port            10.0.0.0/8:443      an address range and a port
//! sport >= :1024   ports compared             src [::1]           an address
//! /run/*.sock      a unix socket's path       not :22 and (:http or :443)
//! dport, dst       the peer's port and address
//! ```
//!
//! A [`Filter`] is evaluated on any [`View`] of a socket, and compiled in `source` to what the
//! kernel evaluates on sockets and on packets.

mod address;
mod parse;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, ops::RangeInclusive};

use super::{Address, Local, glob};

pub use parse::{FilterError, Subject};

/// Finds the port of a service by its name.
pub type Services<'a> = &'a dyn Fn(&str) -> Option<u16>;

/// Conditions joined by `and`, `or` and `not`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// At least one of these; with none, it accepts nothing.
    Any(Vec<Filter>),
    /// All of these; with none, it accepts everything.
    All(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
}

/// A condition on one fact. It does not hold where the fact is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// A port compared: `sport >= :1024`.
    Port {
        end: End,
        /// The comparison, with the socket's port on the left.
        is: Comparison,
        port: u16,
    },
    /// An address within a network: `dst 10.0.0.0/8`.
    Within { end: End, network: Network },
    /// The name of a unix socket, as a pattern with `*`; `@` begins an abstract name.
    Path(String),
}

/// One end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `src` and `sport`; for a connection on the wire, the server.
    Local,
    /// `dst` and `dport`; for a connection on the wire, the client.
    Peer,
}

/// What a filter may ask of a socket. `None` is a fact that is unknown, or that this kind of socket
/// does not have.
pub trait View {
    /// The address and port of one end.
    fn address(&self, end: End) -> Option<Address>;

    /// The address of one end, where it may be known without the port.
    fn host(&self, end: End) -> Option<IpAddr> {
        Some(self.address(end)?.address)
    }

    /// The port of one end, where it may be known without the address.
    fn port(&self, end: End) -> Option<u16> {
        Some(self.address(end)?.port)
    }

    /// The name of a unix socket as the kernel keeps it.
    fn path(&self) -> Option<&[u8]> {
        None
    }
}

impl View for Local {
    fn address(&self, end: End) -> Option<Address> {
        match (self, end) {
            (Local::Inet(at), End::Local) => Some(Address {
                address: at.address,
                port: at.port,
            }),
            (Local::Inet(_) | Local::Unix(_), _) => None,
        }
    }

    fn path(&self) -> Option<&[u8]> {
        match self {
            Local::Inet(_) => None,
            Local::Unix(name) => Some(name),
        }
    }
}

/// A connection of which only the two ends are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The local end, or the server's.
    pub local: Address,
    /// The peer's end, or the client's.
    pub peer: Address,
}

impl View for Ends {
    fn address(&self, end: End) -> Option<Address> {
        Some(match end {
            End::Local => self.local,
            End::Peer => self.peer,
        })
    }
}

impl Default for Filter {
    fn default() -> Self {
        Filter::ALL
    }
}

impl Filter {
    /// Accepts every socket.
    pub const ALL: Filter = Filter::All(Vec::new());

    /// Parses a filter on the local end of listeners, unix sockets included.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_for(Subject::Listener, text, &|_| None)
    }

    /// Parses a filter on both ends of TCP connections.
    pub fn parse_connection(text: &str) -> Result<Self, FilterError> {
        Self::parse_for(Subject::Handshake, text, &|_| None)
    }

    /// Parses a filter in which ports may have the names of services.
    pub fn parse_for(
        subject: Subject,
        text: &str,
        services: Services<'_>,
    ) -> Result<Self, FilterError> {
        parse::filter(text, subject, services)
    }

    pub const fn port(end: End, is: Comparison, port: u16) -> Self {
        Filter::Test(Test::Port { end, is, port })
    }

    /// An address within a network.
    pub const fn within(end: End, network: Network) -> Self {
        Filter::Test(Test::Within { end, network })
    }

    pub fn port_is_one_of(end: End, ports: &[u16]) -> Self {
        let is_port = |port: &u16| Self::port(end, Comparison::Equal, *port);
        Self::any(ports.iter().map(is_port).collect())
    }

    pub fn port_is_within(end: End, ports: &RangeInclusive<u16>) -> Self {
        Filter::All(vec![
            Self::port(end, Comparison::GreaterOrEqual, *ports.start()),
            Self::port(end, Comparison::LessOrEqual, *ports.end()),
        ])
    }

    /// Parts joined by `or`. A single part is the filter itself.
    pub fn any(mut parts: Vec<Filter>) -> Self {
        match parts.len() {
            1 => parts.remove(0),
            _ => Filter::Any(parts),
        }
    }

    /// Parts joined by `and`. A single part is the filter itself.
    pub fn all(mut parts: Vec<Filter>) -> Self {
        match parts.len() {
            1 => parts.remove(0),
            _ => Filter::All(parts),
        }
    }

    pub fn accepts(&self, socket: &impl View) -> bool {
        match self {
            Filter::Any(parts) => parts.iter().any(|part| part.accepts(socket)),
            Filter::All(parts) => parts.iter().all(|part| part.accepts(socket)),
            Filter::Not(part) => !part.accepts(socket),
            Filter::Test(test) => test.holds(socket),
        }
    }

    /// Whether it names a unix socket.
    pub fn has_path(&self) -> bool {
        match self {
            Filter::Any(parts) | Filter::All(parts) => parts.iter().any(Self::has_path),
            Filter::Not(part) => part.has_path(),
            Filter::Test(test) => matches!(test, Test::Path(_)),
        }
    }

    /// The port that every accepted socket has at this end, where the filter names one.
    pub fn required_port(&self, end: End) -> Option<u16> {
        match self {
            Filter::All(parts) => parts.iter().find_map(|part| part.required_port(end)),
            Filter::Test(Test::Port {
                end: of,
                is: Comparison::Equal,
                port,
            }) => (*of == end).then_some(*port),
            Filter::Any(_) | Filter::Not(_) | Filter::Test(_) => None,
        }
    }
}

impl Test {
    fn holds(&self, socket: &impl View) -> bool {
        match self {
            Test::Port { end, is, port } => {
                let there = socket.port(*end);
                there.is_some_and(|there| is.holds(there, *port))
            }
            Test::Within { end, network } => {
                let host = socket.host(*end);
                host.is_some_and(|host| network.contains(host))
            }
            Test::Path(pattern) => socket.path().is_some_and(|name| {
                let shown = |byte| if byte == 0 { b'@' } else { byte };
                glob::matches_as(pattern.as_bytes(), name, shown)
            }),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, left: u16, right: u16) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
        }
    }
}

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

    fn contains(self, address: IpAddr) -> bool {
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

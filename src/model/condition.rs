//! A condition on the two ends of a connection.

use std::net::IpAddr;

use super::Address;

/// What must hold of a connection's ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// At least one of these.
    Any(Vec<Condition>),
    /// All of these; of none, it always holds.
    All(Vec<Condition>),
    /// The contrary.
    Not(Box<Condition>),
    /// A port compared.
    Port {
        /// Whose.
        end: End,
        /// How.
        is: Comparison,
        /// With what.
        port: u16,
    },
    /// An address within a network.
    Within {
        /// Whose.
        end: End,
        /// Which.
        network: Network,
    },
}

/// One of a connection's ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It sent the SYN.
    Client,
    /// It was sent the SYN.
    Server,
}

/// How two ports are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// An address and how many of its first bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its address, in the form that is not v4-mapped.
    pub address: IpAddr,
    /// 0 to 32, or to 128 for IPv6.
    pub bits: u8,
}

impl Condition {
    /// Whether it holds of a connection.
    pub fn holds(&self, client: &Address, server: &Address) -> bool {
        let of = |end| match end {
            End::Client => client,
            End::Server => server,
        };
        match self {
            Condition::Any(parts) => parts.iter().any(|part| part.holds(client, server)),
            Condition::All(parts) => parts.iter().all(|part| part.holds(client, server)),
            Condition::Not(part) => !part.holds(client, server),
            Condition::Port { end, is, port } => is.holds(of(*end).port, *port),
            Condition::Within { end, network } => network.contains(of(*end).address),
        }
    }
}

impl Comparison {
    /// Whether it holds.
    pub fn holds(self, left: u16, right: u16) -> bool {
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

impl Network {
    /// Whether an address is one of it; a v4-mapped address counts as the IPv4 one.
    pub fn contains(self, address: IpAddr) -> bool {
        let (bits, wanted, there) = match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(wanted), IpAddr::V4(there)) => {
                let left = |address: std::net::Ipv4Addr| u128::from(address.to_bits()) << 96;
                (self.bits, left(wanted), left(there))
            }
            (IpAddr::V6(wanted), IpAddr::V6(there)) => {
                (self.bits, wanted.to_bits(), there.to_bits())
            }
            _ => return false,
        };
        bits == 0 || (wanted ^ there) >> (128 - u32::from(bits)) == 0
    }
}

//! The filter of `ss` (man 8 ss, FILTER), as far as it speaks of a socket's local end, or of both
//! ends of a connection.
//!
//! ```text
//! :8080            that local port            10.0.0.0/8:443      an address range and a port
//! sport >= :1024   ports compared             src [::1]           an address
//! /run/*.sock      a unix socket's path       not :22 and (:80 or :443)
//! dport, dst       the other end of a connection
//! ```
//!
//! The local end is a listener's, and so the server's in a filter on connections.

mod address;
mod parse;

use super::glob::matches;
use crate::model::{Comparison, Condition, End, Local, Network};

pub use parse::FilterError;

/// A condition on a socket's local end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Expression);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Or(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    Port {
        end: End,
        is: Comparison,
        port: u16,
    },
    Address {
        end: End,
        network: Option<Network>,
        port: Option<u16>,
    },
    Path(String),
}

impl Filter {
    /// Reads one. The error tells where it went wrong.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::filter(text, Subject::Listener).map(Filter)
    }

    /// Reads one that speaks of both ends of a connection: `sport` and `src` are the server's,
    /// `dport` and `dst` the client's.
    pub fn parse_connection(text: &str) -> Result<Condition, FilterError> {
        parse::filter(text, Subject::Connection).map(Expression::condition)
    }

    /// It speaks of unix sockets.
    pub fn has_path(&self) -> bool {
        self.0.has_path()
    }

    /// Whether a socket bound there meets the condition.
    pub fn accepts(&self, local: &Local) -> bool {
        self.0.accepts(local)
    }
}

/// What a filter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Listener,
    Connection,
}

impl Expression {
    /// The same on a connection's ends. A path was refused when it was read.
    fn condition(self) -> Condition {
        let all = |parts: Vec<Expression>| parts.into_iter().map(Self::condition).collect();
        match self {
            Expression::Or(parts) => Condition::Any(all(parts)),
            Expression::And(parts) => Condition::All(all(parts)),
            Expression::Not(part) => Condition::Not(Box::new(part.condition())),
            Expression::Port { end, is, port } => Condition::Port { end, is, port },
            Expression::Path(_) => Condition::Any(Vec::new()),
            Expression::Address { end, network, port } => {
                let is = Comparison::Equal;
                let port = port.map(|port| Condition::Port { end, is, port });
                let within = network.map(|network| Condition::Within { end, network });
                Condition::All(within.into_iter().chain(port).collect())
            }
        }
    }

    fn has_path(&self) -> bool {
        match self {
            Expression::Or(parts) | Expression::And(parts) => parts.iter().any(Self::has_path),
            Expression::Not(part) => part.has_path(),
            Expression::Path(_) => true,
            Expression::Port { .. } | Expression::Address { .. } => false,
        }
    }

    fn accepts(&self, local: &Local) -> bool {
        match self {
            Expression::Or(any) => any.iter().any(|part| part.accepts(local)),
            Expression::And(all) => all.iter().all(|part| part.accepts(local)),
            Expression::Not(part) => !part.accepts(local),
            Expression::Port { is, port, .. } => match local {
                Local::Inet(at) => is.holds(at.port, *port),
                Local::Unix(_) => false,
            },
            Expression::Address { network, port, .. } => match local {
                Local::Inet(at) => {
                    network.is_none_or(|network| network.contains(at.address))
                        && port.is_none_or(|port| port == at.port)
                }
                Local::Unix(_) => false,
            },
            Expression::Path(pattern) => match local {
                Local::Inet(_) => false,
                Local::Unix(name) => {
                    let name: Vec<u8> = name
                        .iter()
                        .map(|byte| if *byte == 0 { b'@' } else { *byte })
                        .collect();
                    matches(pattern.as_bytes(), &name)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::model::{Address, Endpoint, Family};

    fn accepts(filter: &str, address: &str, port: u16) -> bool {
        let address: IpAddr = address.parse().unwrap();
        let family = if address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        let local = Local::Inet(Endpoint {
            family,
            address,
            port,
            interface: 0,
        });
        Filter::parse(filter).unwrap().accepts(&local)
    }

    #[test]
    fn a_bare_port_means_the_local_port() {
        assert!(accepts(":8080", "127.0.0.1", 8080));
        assert!(!accepts(":8080", "127.0.0.1", 8081));
        assert!(accepts("*:8080", "::", 8080));
    }

    #[test]
    fn an_address_is_that_which_the_socket_is_bound_to() {
        assert!(accepts("127.0.0.1:80", "127.0.0.1", 80));
        assert!(!accepts("127.0.0.1:80", "0.0.0.0", 80));
        assert!(accepts("[::1]:80", "::1", 80));
        assert!(accepts("::1", "::1", 80));
        assert!(accepts("src 10.0.0.0/8", "10.200.3.4", 1));
        assert!(!accepts("10.0.0.0/8", "11.0.0.1", 1));
        assert!(accepts("0.0.0.0/0:443", "11.0.0.1", 443));
        assert!(accepts("[2001:db8::]/32", "2001:db8:1::1", 1));
        assert!(accepts("2001:db8::/32", "2001:db8:1::1", 1));
        assert!(!accepts("2001:db8::/32", "2001:db9::1", 1));
        assert!(accepts("2001:db8::/32:443", "2001:db8:1::1", 443));
        assert!(!accepts("2001:db8::/32:443", "2001:db8:1::1", 80));
        assert!(accepts("10.0.0.1", "::ffff:10.0.0.1", 1));
    }

    #[test]
    fn ports_can_be_compared() {
        assert!(accepts("sport >= :1024 and sport < 2000", "::", 1024));
        assert!(!accepts("sport >= :1024 and sport < 2000", "::", 2000));
        assert!(accepts("sport = :80 or sport eq 443", "::", 443));
        assert!(accepts("sport != :80", "::", 443));
        assert!(accepts("sport gt 79 sport le 80", "::", 80));
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(accepts(":1 or :2 and 10.0.0.1", "::", 1));
        assert!(!accepts("(:1 or :2) and 10.0.0.1", "::", 1));
        assert!(accepts("not :2 and not (:3 or :4)", "::", 1));
        assert!(accepts("! :2", "::", 1));
    }

    #[test]
    fn a_path_is_a_unix_socket() {
        let path = |filter: &str, name: &[u8]| {
            Filter::parse(filter)
                .unwrap()
                .accepts(&Local::Unix(name.to_vec()))
        };
        assert!(path("/run/x.sock", b"/run/x.sock"));
        assert!(path("/run/*.sock", b"/run/a/b.sock"));
        assert!(!path("/run/*.sock", b"/run/a/b.socket"));
        assert!(path("@abstract*", b"\0abstract-1"));
        assert!(!path(":80", b"/run/x.sock"));
    }

    #[test]
    fn a_connection_has_two_ends() {
        let holds = |filter: &str, client: &str, server: &str| {
            let end = |text: &str| {
                let end: std::net::SocketAddr = text.parse().unwrap();
                Address {
                    address: end.ip(),
                    port: end.port(),
                }
            };
            let condition = Filter::parse_connection(filter).unwrap();
            condition.holds(&end(client), &end(server))
        };
        let (client, server) = ("10.1.0.1:40000", "10.2.0.1:443");
        for filter in [
            ":443",
            "sport = :443 and dport >= :32768",
            "src 10.2.0.0/16",
            "dst 10.1.0.0/16",
            "dst 10.1.0.1:40000",
            "not dst 10.3.0.1",
        ] {
            assert!(holds(filter, client, server), "{filter}");
            assert!(
                !holds(&format!("not ({filter})"), client, server),
                "{filter}"
            );
        }
        assert!(
            !holds(":443", server, client),
            "the client's port is another"
        );
    }

    #[test]
    fn a_connection_has_no_path() {
        let error = Filter::parse_connection("/run/x.sock").unwrap_err();
        assert!(error.to_string().starts_with("a unix socket"), "{error}");
    }
}

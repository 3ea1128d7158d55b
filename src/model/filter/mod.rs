//! A condition on sockets: the filter language of `ss` (man 8 ss, STATE-FILTER and EXPRESSION).
//!
//! ```text
//! :8080               this local port         10.0.0.0/8:443     an address range and a port
//! sport >= :1024      ports compared          src [::1]          an address
//! dport, dst          the peer's              /run/*.sock        a unix socket's path
//! state established   a state                 dev eth0           bound to an interface
//! fwmark 0x1/0xff     the mark, masked        cgroup /a.slice    made in this cgroup
//! autobound           the kernel chose the port
//! not :22 and (:http or :443)                 @FILE              the filter in a file
//! ```
//!
//! With `--where` the conditions are numbers: `fill>80%`, `idle>10m`, `rtt>50ms`.
//!
//! A [`Filter`] is evaluated on any [`View`] of a socket, and compiled in `source` to what the
//! kernel evaluates on sockets and on packets.

mod address;
mod measure;
mod names;
mod network;
mod parse;
#[cfg(test)]
pub(crate) mod samples;
mod states;
mod subject;
#[cfg(test)]
mod tests;
mod view;
mod words;

use std::ops::RangeInclusive;

use super::{StateSet, glob};

pub use measure::Measure;
pub use names::{Names, NoNames};
pub(crate) use network::MAPPED;
pub use network::Network;
pub use parse::FilterError;
pub use subject::Subject;
pub use view::{Ends, View};

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
    Within {
        end: End,
        network: Network,
    },
    /// The name of a unix socket, as a pattern with `*`; `@` begins an abstract name.
    Path(String),
    State(StateSet),
    /// It is bound to the interface of this index; 0 when to none.
    Interface(u32),
    /// Its SO_MARK, of which only the bits of the mask count.
    Mark {
        mark: u32,
        mask: u32,
    },
    /// It was made in the cgroup of this id.
    Cgroup(u64),
    /// Its port was chosen by the kernel: nobody called bind(2) with one (`SOCK_BINDPORT_LOCK`).
    Autobound,
    /// A number compared: `rtt>50ms`.
    Measured {
        what: Measure,
        /// The comparison, with the socket's number on the left.
        is: Comparison,
        /// In the unit of the measure.
        value: u64,
    },
}

/// One end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `src` and `sport`; for a connection on the wire, the server.
    Local,
    /// `dst` and `dport`; for a connection on the wire, the client.
    Peer,
}

impl Default for Filter {
    fn default() -> Self {
        Filter::ALL
    }
}

impl Filter {
    /// Accepts every socket.
    pub const ALL: Filter = Filter::All(Vec::new());

    /// Accepts no socket.
    pub const NONE: Filter = Filter::Any(Vec::new());

    /// Parses a filter on the local end of listeners, unix sockets included.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Self::parse_for(Subject::Listener, text, &NoNames)
    }

    /// Parses a filter on both ends of TCP connections.
    pub fn parse_connection(text: &str) -> Result<Self, FilterError> {
        Self::parse_for(Subject::Handshake, text, &NoNames)
    }

    /// Parses a filter in which services, hosts, interfaces, cgroups and files may have names.
    pub fn parse_for(subject: Subject, text: &str, names: &dyn Names) -> Result<Self, FilterError> {
        parse::filter(text, subject, names)
    }

    /// Parses conditions on numbers: `fill>80% or drops>0`.
    pub fn parse_measures(text: &str) -> Result<Self, FilterError> {
        parse::measures(text)
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
        self.has(&|test| matches!(test, Test::Path(_)))
    }

    /// Whether it has a condition that no socket but one of the internet fulfils.
    pub fn is_for_inet(&self) -> bool {
        self.has(&|test| {
            matches!(
                test,
                Test::Port { .. }
                    | Test::Within { .. }
                    | Test::Mark { .. }
                    | Test::Cgroup(_)
                    | Test::Autobound
            )
        })
    }

    /// Whether addresses, ports and states answer it.
    pub fn is_on_addresses(&self) -> bool {
        !self.has(&|test| {
            matches!(
                test,
                Test::Interface(_) | Test::Mark { .. } | Test::Cgroup(_) | Test::Autobound
            )
        })
    }

    /// Whether it asks for what no row of the kernel tells.
    pub fn is_only_for_kernel(&self) -> bool {
        self.has(&|test| matches!(test, Test::Autobound))
    }

    /// Whether it takes `struct tcp_info` to evaluate it.
    pub fn needs_info(&self) -> bool {
        use Measure::{Age, Idle, Retransmits, Rtt};
        self.measures(&[Age, Idle, Retransmits, Rtt])
    }

    /// Whether it takes the memory of sockets to evaluate it.
    pub fn needs_memory(&self) -> bool {
        use Measure::{Drops, Fill};
        self.measures(&[Drops, Fill])
    }

    fn measures(&self, any: &[Measure]) -> bool {
        self.has(&|test| matches!(test, Test::Measured { what, .. } if any.contains(what)))
    }

    fn has(&self, is_it: &dyn Fn(&Test) -> bool) -> bool {
        match self {
            Filter::Any(parts) | Filter::All(parts) => parts.iter().any(|part| part.has(is_it)),
            Filter::Not(part) => part.has(is_it),
            Filter::Test(test) => is_it(test),
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
            Test::State(states) => socket.state().is_some_and(|state| states.contains(state)),
            Test::Interface(index) => socket.interface() == Some(*index),
            Test::Mark { mark, mask } => socket.mark().is_some_and(|there| there & mask == *mark),
            Test::Cgroup(id) => socket.cgroup() == Some(*id),
            Test::Autobound => socket.is_autobound() == Some(true),
            Test::Measured { what, is, value } => {
                let there = socket.measure(*what);
                there.is_some_and(|there| is.holds(there, *value))
            }
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
    pub const ALL: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];

    fn opposite(self) -> Self {
        match self {
            Comparison::Equal => Comparison::NotEqual,
            Comparison::NotEqual => Comparison::Equal,
            Comparison::Less => Comparison::GreaterOrEqual,
            Comparison::LessOrEqual => Comparison::Greater,
            Comparison::Greater => Comparison::LessOrEqual,
            Comparison::GreaterOrEqual => Comparison::Less,
        }
    }

    fn holds<T: Ord>(self, left: T, right: T) -> bool {
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

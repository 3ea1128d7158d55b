//! Which sockets are the two ends of one connection on this host.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::IpAddr,
};

use crate::model::{
    Address, Local, OtherEnd, OtherSocket, SocketProtocol, SocketRow, SocketState, State, TcpInfo,
};

/// With more sockets than this at one 4-tuple of a namespace (UDP, SO_REUSEPORT) none is joined.
const MOST: usize = 32;

/// The readings of two namespaces are not further apart.
const BETWEEN_MS: u32 = 1000;

/// One end of a connection: its addresses, its state, and the bytes that it counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    connection: Connection,
    /// The local end is the second one of the connection.
    is_second: bool,
    /// It looks like the end of a server: the lower port, or a unix socket with a name.
    is_service: bool,
    state: SocketState,
    /// Index of the namespace that it was read in.
    place: usize,
    /// Index of the interface that it is bound to, 0 for none.
    interface: u32,
    /// IP_TRANSPARENT, where it is known.
    transparent: Option<bool>,
    carried: Option<Carried>,
}

/// Bytes as one end of a TCP connection counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Carried {
    /// With SYN and FIN, one each.
    acked: u64,
    /// With FIN.
    received: u64,
    /// With what was retransmitted; since Linux 4.19.
    sent: Option<u64>,
    /// Since something was sent or received.
    silent_ms: u32,
}

impl Carried {
    /// Whether the other end, which was read later, can be that of the same connection. What it
    /// carried since is more than this end knows of.
    fn agrees(&self, later: &Carried) -> bool {
        let is_between = later.silent_ms < BETWEEN_MS;
        self.is_known_to(later) && (is_between || later.is_known_to(self))
    }

    /// Whether the other end can have received what this one has acknowledged, and sent what this
    /// one has received.
    fn is_known_to(&self, other: &Carried) -> bool {
        let is_sent = |sent: u64| self.received <= sent.saturating_add(1);
        self.acked <= other.received.saturating_add(1) && other.sent.is_none_or(is_sent)
    }
}

/// The same for both ends: the lower one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Connection {
    Inet { is_udp: bool, ends: [Address; 2] },
    Unix([u32; 2]),
}

impl Connection {
    /// Whether its ends are equal.
    fn is_to_itself(&self) -> bool {
        match self {
            Connection::Inet {
                ends: [one, other], ..
            } => one == other,
            Connection::Unix([one, other]) => one == other,
        }
    }

    /// Whether it may lead from one namespace to another: addresses of loopback devices do not.
    fn may_leave(&self) -> bool {
        match self {
            Connection::Inet { ends, .. } => !ends.iter().any(|end| end.address.is_loopback()),
            Connection::Unix(_) => true,
        }
    }
}

impl End {
    /// `None` for a socket without a peer. `place` is the index of its namespace.
    pub fn of(socket: &SocketRow, place: usize) -> Option<Self> {
        let is_udp = match socket.protocol {
            SocketProtocol::Tcp | SocketProtocol::Mptcp => false,
            SocketProtocol::Udp => true,
            _ => return None,
        };
        let Local::Inet(at) = &socket.local else {
            return None;
        };
        let peer = socket.peer.filter(|peer| peer.port != 0)?;
        let local = canonical(at.address, at.port);
        let peer = canonical(peer.address, peer.port);
        Some(End {
            connection: Connection::Inet {
                is_udp,
                ends: [local.min(peer), local.max(peer)],
            },
            is_second: local > peer,
            is_service: local.port < peer.port,
            state: socket.state,
            place,
            interface: at.interface,
            transparent: socket.transparent,
            carried: socket.info.as_ref().and_then(carried),
        })
    }

    /// The same for a unix socket; others have no connections here.
    pub fn of_other(socket: &OtherSocket, place: usize) -> Option<Self> {
        let (OtherEnd::Unix { name, .. }, Some(OtherEnd::Unix { inode: peer, .. })) =
            (&socket.local, &socket.peer)
        else {
            return None;
        };
        let (own, peer) = (socket.inode, *peer);
        Some(End {
            connection: Connection::Unix([own.min(peer), own.max(peer)]),
            is_second: own > peer,
            is_service: !name.is_empty(),
            state: socket.state,
            place,
            interface: 0,
            transparent: Some(false),
            carried: None,
        })
    }

    /// Equal for both ends of a connection, and for few others.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.connection.hash(&mut hasher);
        hasher.finish()
    }

    /// The index of its namespace.
    pub fn place(&self) -> usize {
        self.place
    }

    /// For a namespace that has transparent sockets: where the kernel does not show whether this is
    /// one (TIME_WAIT, request sockets), it may be.
    pub fn may_be_transparent(&mut self) {
        self.transparent.get_or_insert(true);
    }

    pub fn is_connected_to_itself(&self) -> bool {
        self.connection.is_to_itself()
    }

    /// In one namespace, sockets that are bound to different interfaces have nothing in common.
    fn fits_here(&self, other: &End) -> bool {
        let is_reachable =
            self.interface == other.interface || self.interface == 0 || other.interface == 0;
        let is_here = self.place == other.place && is_reachable;
        is_here && !self.is_relayed_by(other) && self.fits(other)
    }

    /// Whether both may be ends of a transparent proxy, towards the client and towards the server: as
    /// each has the address and port of the other host, they look like two ends of one connection.
    fn is_relayed_by(&self, other: &End) -> bool {
        let is_crossed = self.place == other.place && self.is_second != other.is_second;
        let both = [self.transparent, other.transparent];
        let may_be_both = both.contains(&Some(true)) && !both.contains(&Some(false));
        is_crossed && may_be_both && self.connection.may_leave()
    }

    /// Networks of two namespaces may have the same addresses, but hardly carried the same bytes.
    fn fits_elsewhere(&self, other: &End) -> bool {
        let (earlier, later) = match self.place < other.place {
            true => (self, other),
            false => (other, self),
        };
        let counts = earlier.carried.zip(later.carried);
        let agree = counts.is_none_or(|(earlier, later)| earlier.agrees(&later));
        self.place != other.place && agree && self.fits(other)
    }

    /// Whether the state of one can be that of the other's peer. What is left of an earlier
    /// connection with the same addresses and ports is not the other end of a new one.
    fn fits(&self, other: &End) -> bool {
        let SocketState::Connection(one) = self.state else {
            return true;
        };
        let SocketState::Connection(other) = other.state else {
            return true;
        };
        let follows = |one, other| match one {
            State::SynSent => matches!(other, State::SynSent | State::SynRecv),
            // Its FIN is acknowledged, and it has the other's.
            State::TimeWait => matches!(other, State::LastAck | State::Closing | State::TimeWait),
            _ => true,
        };
        follows(one, other) && follows(other, one)
    }
}

fn carried(info: &TcpInfo) -> Option<Carried> {
    Some(Carried {
        acked: info.bytes_acked()?,
        received: info.bytes_received()?,
        sent: info.bytes_sent(),
        silent_ms: info.idle_ms()?.min(info.last_ack_received_ms()?),
    })
}

/// A dual-stack socket has `::ffff:a.b.c.d` for the IPv4 address that its peer has.
fn canonical(address: IpAddr, port: u16) -> Address {
    let address = address.to_canonical();
    Address { address, port }
}

/// What [`join`] finds, as indices of the ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    /// Two ends, the one that looks like the client's first; or one that is connected to itself.
    pub pairs: Vec<(usize, Option<usize>)>,
    /// Ends for which more than one socket could be the other.
    pub several: Vec<usize>,
    /// Ends of a transparent proxy: the other ends are on other hosts.
    pub relayed: Vec<usize>,
}

/// Finds the other end of each socket: the one with the same addresses and ports the other way round
/// in the same namespace, else, unless they are of a loopback device, in another one, if what each
/// counted does not contradict it. Where several fit, none is joined, nor are two ends of which both
/// may be a transparent proxy's. Namespaces were read in the order of their index.
pub fn join(ends: &[End]) -> Joined {
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by_key(|at| (ends[*at].connection, ends[*at].place));
    let mut joined = Joined::default();
    for alike in order.chunk_by(|one, other| ends[*one].connection == ends[*other].connection) {
        let connection = ends[alike[0]].connection;
        if connection.is_to_itself() {
            joined.pairs.extend(alike.iter().map(|at| (*at, None)));
            continue;
        }
        let mut rest = Vec::new();
        for here in alike.chunk_by(|one, other| ends[*one].place == ends[*other].place) {
            rest.extend(joined.add(ends, here, End::fits_here));
        }
        if connection.may_leave() {
            rest = joined.add(ends, &rest, End::fits_elsewhere);
        }
        let is_relayed = |at: &usize| {
            let mut others = alike.iter();
            others.any(|other| ends[*at].is_relayed_by(&ends[*other]))
        };
        joined.relayed.extend(rest.into_iter().filter(is_relayed));
    }
    joined.pairs.sort_unstable();
    joined
}

impl Joined {
    /// Joins two ends where each fits the other and no third. Returns the ends that fit none.
    fn add(&mut self, ends: &[End], alike: &[usize], fits: fn(&End, &End) -> bool) -> Vec<usize> {
        if alike.len() > MOST {
            self.several.extend(alike);
            return Vec::new();
        }
        let others = |at: usize| {
            let fits = move |other: &usize| {
                ends[*other].is_second != ends[at].is_second && fits(&ends[at], &ends[*other])
            };
            alike.iter().copied().filter(fits)
        };
        let mut alone = Vec::new();
        for at in alike.iter().copied() {
            let mut found = others(at);
            match (found.next(), found.next()) {
                (None, _) => alone.push(at),
                (Some(other), None) if others(other).count() == 1 => {
                    let end = |at: usize| (ends[at].is_service, ends[at].is_second);
                    if end(at) < end(other) {
                        self.pairs.push((at, Some(other)));
                    }
                }
                _ => self.several.push(at),
            }
        }
        alone
    }
}

#[cfg(test)]
mod tests;

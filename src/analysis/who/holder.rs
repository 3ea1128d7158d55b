//! A socket as a row of the report, and as a claim to its port.

use std::{collections::BTreeMap, net::Ipv6Addr};

use super::{Claim, HolderKind, HolderReport};
use crate::{
    analysis::{Cookie, sockets::EndReport},
    model::{
        Netns, OtherSocket, Owners, PortOptions, SocketProtocol, SocketRow, SocketState,
        SocketType, State, TimerKind,
        filter::{End, View},
        unit_of,
    },
};

/// A socket that was found.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub netns: &'a Netns,
    /// Names of that namespace's interfaces by index.
    pub interfaces: &'a BTreeMap<u32, String>,
    /// It is in the namespace that is asked about.
    pub is_here: bool,
    pub socket: &'a SocketRow,
    /// As its descriptor has them; `None` where that could not be read.
    pub options: Option<PortOptions>,
}

impl Holder<'_> {
    pub fn is_udp(&self) -> bool {
        self.socket.protocol == SocketProtocol::Udp
    }

    fn v6only(&self) -> Option<bool> {
        let options = self.options.and_then(|options| options.v6only);
        self.socket.v6only.or(options)
    }

    /// Whether the kernel keeps it as a `struct inet_timewait_sock`.
    fn is_time_wait(&self) -> bool {
        let timer = self.socket.timer.map(|timer| timer.kind);
        self.socket.state == SocketState::Connection(State::TimeWait)
            || timer == Some(TimerKind::TimeWait)
    }

    pub fn claim(&self) -> Claim {
        let local = self.socket.address(End::Local);
        let is_connection = matches!(self.socket.state, SocketState::Connection(_));
        Claim {
            address: local.map_or(Ipv6Addr::UNSPECIFIED.into(), |local| local.address),
            v6only: self.v6only(),
            reuseaddr: self.options.map(|options| options.reuseaddr),
            reuseport: self.options.map(|options| options.reuseport),
            uid: (!self.is_time_wait()).then_some(self.socket.uid),
            listens: self.socket.is_listener(),
            is_connection: is_connection && !self.is_time_wait(),
            interface: self.socket.interface().unwrap_or_default(),
        }
    }

    fn kind(&self) -> HolderKind {
        use State::{Closing, FinWait1, FinWait2, LastAck, TimeWait};
        let is_ownerless = self.socket.inode == 0;
        match self.socket.state {
            SocketState::Listen => HolderKind::Listener,
            SocketState::Bound | SocketState::Close => HolderKind::Bound,
            SocketState::Connection(TimeWait) => HolderKind::TimeWait,
            SocketState::Connection(FinWait1 | FinWait2 | LastAck | Closing) if is_ownerless => {
                HolderKind::Orphan
            }
            SocketState::Connection(_) => HolderKind::Connection,
        }
    }

    pub fn report(&self, owners: Option<&Owners>) -> HolderReport {
        let socket = self.socket;
        let ends = socket.timer.filter(|_| self.is_time_wait());
        let is_v6 = self.claim().address.is_ipv6();
        HolderReport {
            kind: self.kind(),
            netns: self.netns.clone(),
            protocol: socket.protocol,
            state: socket.state,
            local: EndReport::local(&socket.local, self.interfaces),
            peer: socket
                .peer
                .filter(|peer| !peer.is_nobody())
                .map(EndReport::Peer),
            expires_ms: ends.map(|timer| timer.expires_ms),
            uid: socket.user().filter(|_| !self.is_time_wait()),
            reuseaddr: self.options.map(|options| options.reuseaddr),
            reuseport: self.options.map(|options| options.reuseport),
            v6only: self.v6only().filter(|_| is_v6),
            inode: socket.inode,
            cookie: Some(Cookie(socket.cookie)),
            unit: unit(socket.inode, owners),
            owners: Owners::of(owners, socket.inode).to_vec(),
            owners_complete: owners.is_some_and(|owners| owners.complete),
        }
    }
}

/// A socket of another family than the internet's.
#[derive(Debug, Clone, Copy)]
pub struct OtherHolder<'a> {
    pub netns: &'a Netns,
    pub interfaces: &'a BTreeMap<u32, String>,
    pub is_here: bool,
    pub socket: &'a OtherSocket,
}

const ESTABLISHED: SocketState = SocketState::Connection(State::Established);

impl OtherHolder<'_> {
    pub fn report(&self, owners: Option<&Owners>) -> HolderReport {
        let socket = self.socket;
        let end = |end, is_peer| EndReport::other(end, is_peer, self.interfaces);
        let peer = socket.peer.as_ref();
        // Until it is accepted, and once it is closed, the peer has no number.
        let is_stream = matches!(
            socket.kind,
            Some(SocketType::Stream | SocketType::Seqpacket)
        );
        HolderReport {
            kind: match peer {
                _ if socket.state == SocketState::Listen => HolderKind::Listener,
                Some(_) => HolderKind::Connection,
                None if is_stream && socket.state == ESTABLISHED => HolderKind::Connection,
                None => HolderKind::Bound,
            },
            netns: self.netns.clone(),
            protocol: socket.protocol,
            state: socket.state,
            local: end(&socket.local, false),
            peer: peer.map(|peer| end(peer, true)),
            expires_ms: None,
            uid: socket.uid,
            reuseaddr: None,
            reuseport: None,
            v6only: None,
            inode: socket.inode,
            cookie: socket.cookie.map(Cookie),
            unit: unit(socket.inode, owners),
            owners: Owners::of(owners, socket.inode).to_vec(),
            owners_complete: owners.is_some_and(|owners| owners.complete),
        }
    }
}

/// Of the first owner.
fn unit(inode: u32, owners: Option<&Owners>) -> Option<String> {
    let owner = Owners::of(owners, inode).first()?;
    unit_of(owners?.cgroups.get(&owner.pid)?)
}

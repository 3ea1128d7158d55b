//! Requests to NETLINK_SOCK_DIAG, each for no more than is shown.
//!
//! LISTEN alone is answered from the listening hash of the namespace in well under a millisecond.
//! Any other TCP state makes the kernel walk the established hash of the whole host, however few
//! rows match; the names of those methods begin with `walk`. One walk serves both families, where
//! both are asked for.

mod requests;

use std::{io, ops::ControlFlow};

use netlink_packet_sock_diag::{
    SockDiagMessage,
    inet::{ExtensionFlags, InetRequest, SocketId, StateFlags},
    unix::{ShowFlags, StateFlags as UnixStates, UnixRequest},
};

use super::{
    bytecode,
    inet::{Row, family},
    netlink::{Channel, DumpEnd, NETLINK_SOCK_DIAG},
    unix,
};
use crate::{
    Error, Result,
    model::{
        Address, Connection, Endpoint, Families, Family, Filter, Holder, Listener, SocketProtocol,
        SocketRow, SocketState, State, StateSet, Waiting, filter::End, is_at_least,
    },
};

pub use requests::SocketRequest;
use requests::{AF_UNSPEC, OfBothFamilies, TCP, UDP, of_sockets, of_tcp, request};

/// `INET_DIAG_REQ_BYTECODE`
const BYTECODE: u16 = 1;
/// `UDIAG_SHOW_UID` (5.3), which the crate lacks. Older kernels ignore it.
const SHOW_UID: u32 = 0x40;

/// Whether this kernel reports sockets that are only bound (6.8 and later; older kernels with a
/// backport are not recognised).
pub fn reports_bound() -> bool {
    let system = rustix::system::uname();
    is_at_least(&system.release().to_string_lossy(), (6, 8)) == Some(true)
}

/// How a dump ended.
pub type Walk = DumpEnd;

/// A sock_diag socket in the network namespace of the thread that opened it.
pub struct SockDiag {
    pub(super) channel: Channel,
}

impl SockDiag {
    /// Needs no privilege.
    pub fn open() -> Result<Self> {
        let channel = Channel::open(NETLINK_SOCK_DIAG);
        let channel = channel.map_err(|cause| Error::Netlink("a socket", cause))?;
        Ok(SockDiag { channel })
    }

    /// Every TCP listener, MPTCP ones included and once. No walk.
    pub fn listeners(&mut self, families: Families, found: &mut Vec<Listener>) -> Result<Walk> {
        // The attribute that identifies an MPTCP listener is sent only with INFO.
        let extensions = ExtensionFlags::SKMEMINFO | ExtensionFlags::INFO;
        let request = of_tcp(families, extensions, StateFlags::LISTEN);
        self.ask("TCP listeners", request, &Filter::ALL, |row| {
            found.extend(row.map(|row| row.listener()));
            ControlFlow::Continue(())
        })
    }

    /// The state of the connection with this 4-tuple on one interface; `None` when there is none.
    /// No walk: the kernel finds it as it does for a packet, and falls back to a listener
    /// (`inet_diag_find_one_icsk`, net/ipv4/inet_diag.c).
    pub fn connection(
        &mut self,
        local: &Address,
        peer: &Address,
        interface: u32,
    ) -> Result<Option<State>> {
        let mut state = None;
        let extensions = ExtensionFlags::empty();
        self.one(local, peer, interface, extensions, |row| {
            state = row.state();
        })?;
        Ok(state)
    }

    /// Milliseconds since the last ACK came for the connection with this 4-tuple and inode; `None`
    /// when there is none such. No walk.
    pub fn silent_ms(
        &mut self,
        local: &Endpoint,
        peer: &Address,
        inode: u32,
    ) -> Result<Option<u32>> {
        let (address, port) = (local.address, local.port);
        let (at, mut silent_ms) = (Address { address, port }, None);
        self.one(&at, peer, local.interface, ExtensionFlags::INFO, |row| {
            silent_ms = row.silent_ms(inode);
        })?;
        Ok(silent_ms)
    }

    /// Requests one connection; `found` is not called when there is none.
    fn one(
        &mut self,
        local: &Address,
        peer: &Address,
        interface: u32,
        extensions: ExtensionFlags,
        mut found: impl FnMut(Row<'_>),
    ) -> Result<()> {
        let mut request = request(family(local.address), TCP, extensions, StateFlags::all());
        request.socket_id = SocketId {
            source_port: local.port,
            destination_port: peer.port,
            source_address: local.address,
            destination_address: peer.address,
            interface_id: interface,
            cookie: [0xff; 8],
        };
        let mut decode = |payload: &[u8]| Row::decode(payload).map(&mut found);
        let message = SockDiagMessage::InetRequest(request);
        match self.channel.get(message, &mut decode) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                Err(Error::Netlink("a connection", cause))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Every UDP socket of one family that receives from any peer.
    pub fn receivers(&mut self, family: Family, found: &mut Vec<Listener>) -> Result<Walk> {
        let request = request(family, UDP, ExtensionFlags::SKMEMINFO, StateFlags::CLOSE);
        self.ask("UDP sockets", request, &Filter::ALL, |row| {
            found.extend(row.and_then(|row| row.receiver()));
            ControlFlow::Continue(())
        })
    }

    /// Walks the host's sockets for connections on these local ports that no process has accepted,
    /// until `each` breaks. `each` is also called, with `None`, for accepted connections, so that
    /// it can check the time.
    pub fn walk_waiting(
        &mut self,
        families: Families,
        ports: &[u16],
        mut each: impl FnMut(Option<Waiting>) -> ControlFlow<()>,
    ) -> Result<Walk> {
        let states = StateFlags::ESTABLISHED | StateFlags::CLOSE_WAIT | StateFlags::SYN_RECV;
        let request = of_tcp(families, ExtensionFlags::INFO, states);
        let filter = Filter::port_is_one_of(End::Local, ports);
        self.ask("connections waiting for accept", request, &filter, |row| {
            each(row.and_then(|row| row.waiting()))
        })
    }

    /// Walks the host's sockets for sockets of this namespace in one of these states that match the
    /// filter.
    pub fn walk(
        &mut self,
        families: Families,
        states: StateSet,
        filter: &Filter,
        mut each: impl FnMut(Holder),
    ) -> Result<Walk> {
        let states = StateFlags::from_bits_retain(states.bits());
        let request = of_tcp(families, ExtensionFlags::empty(), states);
        self.ask("connections", request, filter, |row| {
            if let Some(holder) = row.and_then(|row| row.holder()) {
                each(holder);
            }
            ControlFlow::Continue(())
        })
    }

    /// Walks the host's sockets for connections of this namespace that a process has open and whose
    /// peer has one of these ports, until `each` breaks.
    pub fn walk_towards(
        &mut self,
        ports: &[u16],
        mut each: impl FnMut(Connection) -> ControlFlow<()>,
    ) -> Result<Walk> {
        let states = StateFlags::ESTABLISHED
            | StateFlags::SYN_SENT
            | StateFlags::CLOSE_WAIT
            | StateFlags::FIN_WAIT1
            | StateFlags::FIN_WAIT2;
        let request = of_tcp(Families::BOTH, ExtensionFlags::empty(), states);
        let filter = Filter::port_is_one_of(End::Peer, ports);
        self.ask("connections to a port", request, &filter, |row| {
            match row.and_then(|row| row.holder()) {
                Some(Holder::Connection(connection)) if connection.inode != 0 => each(connection),
                _ => ControlFlow::Continue(()),
            }
        })
    }

    /// Dumps sockets of one protocol until `each` breaks. A TCP dump of more than listeners walks
    /// the host's sockets, once for each rest that the filter has in different states. Without
    /// INFO, a subflow of an MPTCP connection is not told from a TCP connection.
    pub fn sockets(
        &mut self,
        wanted: &SocketRequest<'_>,
        mut each: impl FnMut(SocketRow) -> ControlFlow<()>,
    ) -> Result<Walk> {
        let mut end = Walk::default();
        let states = match wanted.protocol {
            // The kernel has no list of such sockets, and would walk all others in search of them.
            SocketProtocol::Tcp => StateSet::ALL.without(StateSet::of(&[SocketState::Close])),
            _ => StateSet::ALL,
        };
        for (states, rest) in wanted.filter.by_state(states) {
            for request in of_sockets(wanted, states) {
                let walk = self.ask("sockets", request, &rest, |row| {
                    match row.and_then(|row| row.socket(wanted.protocol)) {
                        Some(socket) => each(socket),
                        None => ControlFlow::Continue(()),
                    }
                })?;
                end = end.and(walk);
                if end.stopped {
                    return Ok(end);
                }
            }
        }
        Ok(end)
    }

    pub fn unix_listeners(&mut self, found: &mut Vec<Listener>) -> Result<Walk> {
        let show_flags = ShowFlags::NAME | ShowFlags::RQLEN | ShowFlags::from_bits_retain(SHOW_UID);
        let message = SockDiagMessage::UnixRequest(UnixRequest {
            state_flags: UnixStates::LISTEN,
            inode: 0,
            show_flags,
            cookie: [0xff; 8],
        });
        let mut each = |payload: &[u8]| {
            found.push(unix::listener(payload)?);
            Ok(ControlFlow::Continue(()))
        };
        let dumped = self.channel.dump(message, None, &mut each);
        dumped.map_err(failed("unix listeners"))
    }

    /// Dumps the sockets that match the filter. Where its bytecode is too long for a request, the
    /// kernel sends every socket, and `each` is called with `None` for a socket rejected here.
    fn ask(
        &mut self,
        what: &'static str,
        mut request: InetRequest,
        filter: &Filter,
        mut each: impl FnMut(Option<Row<'_>>) -> ControlFlow<()>,
    ) -> Result<Walk> {
        // The kernel compares these before it runs the bytecode, at half the cost; 0 matches any.
        let port = |end| filter.required_port(end).unwrap_or(0);
        request.socket_id.source_port = port(End::Local);
        request.socket_id.destination_port = port(End::Peer);
        let code = bytecode::compile(filter);
        if code.is_none() && filter.is_only_for_kernel() {
            let why = "the filter is too long for the kernel, which alone knows autobound";
            let cause = io::Error::new(io::ErrorKind::InvalidData, why);
            return Err(Error::Netlink(what, cause));
        }
        let rest = code.is_none().then_some(filter);
        let attribute = code.as_deref().filter(|code| !code.is_empty());
        let attribute = attribute.map(|code| (BYTECODE, code));
        let mut decode = |payload: &[u8]| {
            let row = Row::decode(payload)?;
            let is_wanted = rest.is_none_or(|filter| filter.accepts(&row));
            Ok(each(is_wanted.then_some(row)))
        };
        let dumped = match request.family {
            AF_UNSPEC => {
                let message = OfBothFamilies(request);
                self.channel.dump(message, attribute, &mut decode)
            }
            _ => {
                let message = SockDiagMessage::InetRequest(request);
                self.channel.dump(message, attribute, &mut decode)
            }
        };
        dumped.map_err(failed(what))
    }
}

/// The kernel replies ENOENT when the module for the protocol is missing and may not be loaded,
/// EPERM and EINVAL to conditions of a filter (`inet_diag_bc_audit`, net/ipv4/inet_diag.c).
fn failed(request: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |cause| {
        let why = match cause.kind() {
            io::ErrorKind::NotFound => {
                "not supported by this kernel (no tcp_diag, udp_diag, raw_diag or unix_diag module)"
            }
            io::ErrorKind::PermissionDenied => "a condition on fwmark needs CAP_NET_ADMIN (sudo)",
            io::ErrorKind::InvalidInput => "this kernel does not know a condition of the filter",
            _ => return Error::Netlink(request, cause),
        };
        Error::Netlink(request, io::Error::new(cause.kind(), why))
    }
}

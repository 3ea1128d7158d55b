//! Requests to NETLINK_SOCK_DIAG, each for no more than is shown.
//!
//! LISTEN alone is answered from the listening hash of the namespace in well under a millisecond.
//! Any other TCP state makes the kernel walk the established hash of the whole host, however few
//! rows match; the names of those methods begin with `walk`. One walk serves both families, where
//! both are asked for.

use std::{io, ops::ControlFlow};

use netlink_packet_core::{Emitable, NetlinkSerializable};
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

/// `INET_DIAG_REQ_BYTECODE`
const BYTECODE: u16 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// `IPPROTO_RAW`: raw sockets of every protocol.
const RAW: u8 = 255;
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// `UDIAG_SHOW_UID` (5.3), which the crate lacks. Older kernels ignore it.
const SHOW_UID: u32 = 0x40;

/// Whether this kernel reports sockets that are only bound (6.8 and later; older kernels with a
/// backport are not recognised).
pub fn reports_bound() -> bool {
    let system = rustix::system::uname();
    is_at_least(&system.release().to_string_lossy(), (6, 8)) == Some(true)
}

/// The older request for a dump, `struct inet_diag_req` (include/uapi/linux/inet_diag.h), which
/// the crate lacks. It is of TCP only, and dumps both families: the kernel ignores `idiag_family`,
/// which is AF_INET here as in what ss sends (`inet_diag_dump_compat`, net/ipv4/inet_diag.c).
struct OfBothFamilies(InetRequest);

impl NetlinkSerializable for OfBothFamilies {
    fn message_type(&self) -> u16 {
        18 // TCPDIAG_GETSOCK
    }

    fn buffer_len(&self) -> usize {
        60
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let mut newer = [0; 56];
        self.0.emit(&mut newer);
        let [extensions, states, socket_id] = [2..3, 4..8, 8..56].map(|part| &newer[part]);
        buffer.fill(0);
        buffer[0] = AF_INET;
        buffer[3..4].copy_from_slice(extensions);
        buffer[4..52].copy_from_slice(socket_id);
        buffer[52..56].copy_from_slice(states);
    }
}

/// How a dump ended.
pub type Walk = DumpEnd;

/// Which sockets to dump, and what of each.
#[derive(Debug, Clone, Copy)]
pub struct SocketRequest<'a> {
    pub protocol: SocketProtocol,
    pub families: Families,
    pub filter: &'a Filter,
    /// `struct tcp_info`.
    pub info: bool,
    /// Memory and drops.
    pub memory: bool,
}

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
        let request = tcp_request(families, extensions, StateFlags::LISTEN);
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
        let request = tcp_request(families, ExtensionFlags::INFO, states);
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
        let request = tcp_request(families, ExtensionFlags::empty(), states);
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
        let request = tcp_request(Families::BOTH, ExtensionFlags::empty(), states);
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
            for request in requests(wanted, states) {
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

/// Only for TCP is there a request for both families.
fn requests(wanted: &SocketRequest<'_>, states: StateSet) -> Vec<InetRequest> {
    let of = |family: Family, number| {
        let mut extensions = ExtensionFlags::empty();
        extensions.set(ExtensionFlags::INFO, wanted.info);
        extensions.set(ExtensionFlags::SKMEMINFO, wanted.memory);
        let states = StateFlags::from_bits_retain(states.bits());
        request(family, number, extensions, states)
    };
    let families = wanted.families.each();
    match wanted.protocol {
        SocketProtocol::Tcp | SocketProtocol::Mptcp => {
            let one = families.last().map(|family| of(family, TCP));
            let one = one.map(|one| of_families(one, wanted.families));
            one.iter().flat_map(|one| by_cost(one, states)).collect()
        }
        SocketProtocol::Udp => families.map(|family| of(family, UDP)).collect(),
        SocketProtocol::Raw => families.map(|family| of(family, RAW)).collect(),
        // `SockDiag::others`
        SocketProtocol::Unix
        | SocketProtocol::Packet
        | SocketProtocol::Netlink
        | SocketProtocol::Vsock => Vec::new(),
    }
}

/// With INFO, which comes with the attribute that identifies MPTCP, a dump of connections takes a
/// third longer. Listeners are few, are dumped first and take no walk: they are requested with it in
/// every case.
fn by_cost(request: &InetRequest, states: StateSet) -> Vec<InetRequest> {
    let connected = states.without(StateSet::LISTEN);
    let part = |states: StateSet| InetRequest {
        states: StateFlags::from_bits_retain(states.bits()),
        ..request.clone()
    };
    let mut listening = part(states.without(connected));
    listening.extensions |= ExtensionFlags::INFO;
    let mut parts = vec![listening, part(connected)];
    parts.retain(|part| !part.states.is_empty());
    parts
}

/// A request for one family, or with `AF_UNSPEC` for both.
fn tcp_request(families: Families, extensions: ExtensionFlags, states: StateFlags) -> InetRequest {
    let family = if families.v6 { Family::V6 } else { Family::V4 };
    of_families(request(family, TCP, extensions, states), families)
}

fn of_families(request: InetRequest, families: Families) -> InetRequest {
    InetRequest {
        family: match families == Families::BOTH {
            true => AF_UNSPEC,
            false => request.family,
        },
        ..request
    }
}

fn request(
    family: Family,
    protocol: u8,
    extensions: ExtensionFlags,
    states: StateFlags,
) -> InetRequest {
    let (family, socket_id) = match family {
        Family::V4 => (AF_INET, SocketId::new_v4()),
        Family::V6 => (AF_INET6, SocketId::new_v6()),
    };
    InetRequest {
        family,
        protocol,
        extensions,
        states,
        socket_id,
    }
}

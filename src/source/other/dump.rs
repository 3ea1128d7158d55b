//! Requests for these families (`SOCK_DIAG_BY_FAMILY`), which the kernel takes no filter for.

use std::{
    collections::{HashMap, HashSet},
    io,
    ops::ControlFlow,
};

use super::{Fixed, Undecodable, messages, unix};
use crate::{
    Error, Result,
    model::{Filter, OtherEnd, OtherSocket, SocketProtocol, SocketState, StateSet},
    source::{SockDiag, Walk},
};

/// `SOCK_DIAG_BY_FAMILY`
const BY_FAMILY: u16 = 20;
const AF_UNIX: u8 = 1;
const AF_NETLINK: u8 = 16;
const AF_PACKET: u8 = 17;
const AF_VSOCK: u8 = 40;
/// `NDIAG_PROTO_ALL`
const EVERY_PROTOCOL: u8 = 0xff;
/// `UDIAG_SHOW_NAME`, `_PEER`, `_RQLEN`, `_UID` and `_MEMINFO`
const UNIX_SHOW: u32 = 0x01 | 0x04 | 0x10 | 0x40;
const UNIX_NAME: u32 = 0x01;
const UNIX_MEMORY: u32 = 0x20;
/// `PACKET_SHOW_INFO` and `_MEMINFO`
const PACKET_SHOW: u32 = 0x01 | 0x10;
/// `NDIAG_SHOW_MEMINFO`
const NETLINK_SHOW: u32 = 0x01;

/// Which sockets to dump, and what of each.
#[derive(Debug, Clone, Copy)]
pub struct OtherRequest<'a> {
    pub protocol: SocketProtocol,
    /// Evaluated here: the kernel takes no bytecode for these.
    pub filter: &'a Filter,
    pub memory: bool,
}

type Each<'a> = &'a mut dyn FnMut(OtherSocket) -> ControlFlow<()>;

impl SockDiag {
    /// Dumps sockets of one protocol that is not of the internet until `each` breaks. `None` where
    /// this kernel has no module for it.
    pub fn others(
        &mut self,
        wanted: &OtherRequest<'_>,
        mut each: impl FnMut(OtherSocket) -> ControlFlow<()>,
    ) -> Result<Option<Walk>> {
        let states = wanted.filter.by_state(StateSet::ALL).into_iter();
        let states = states.fold(StateSet::NONE, |all, (states, _)| all.and(states));
        let mut each = |mut socket: OtherSocket| {
            if !wanted.filter.accepts(&socket) {
                return ControlFlow::Continue(());
            }
            // The queues of some are told with it alone.
            socket.memory = socket.memory.filter(|_| wanted.memory);
            each(socket)
        };
        let dumped = match wanted.protocol {
            SocketProtocol::Unix => self.unix(states, wanted.memory, &mut each),
            SocketProtocol::Packet => self.packet(&mut each),
            SocketProtocol::Netlink => self.netlink(&mut each),
            _ => self.vsock(states, &mut each),
        };
        let what = wanted.protocol.name();
        match dumped {
            Ok(walk) => Ok(Some(walk)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::Netlink(what, cause)),
        }
    }

    /// A peer has a name where it is bound, as the end of the server is.
    fn unix(&mut self, states: StateSet, memory: bool, each: Each<'_>) -> io::Result<Walk> {
        let connected = StateSet::ESTABLISHED.and(StateSet::of(&[SocketState::Close]));
        let mut names = HashMap::new();
        let of_names = self.dump(unix_request(connected, UNIX_NAME), |payload| {
            let (inode, name) = unix::named(payload)?;
            if let Some(name) = name {
                names.insert(inode, name);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let memory = if memory { UNIX_MEMORY } else { 0 };
        let of_sockets = self.dump(unix_request(states, UNIX_SHOW | memory), |payload| {
            let mut socket = unix::socket(payload)?;
            if let Some(OtherEnd::Unix { name, inode }) = &mut socket.peer {
                *name = names.get(inode).cloned().unwrap_or_default();
            }
            Ok(each(socket))
        })?;
        Ok(of_names.and(of_sockets))
    }

    fn packet(&mut self, each: Each<'_>) -> io::Result<Walk> {
        let mut payload = [0; 20];
        payload[0] = AF_PACKET;
        payload[8..12].copy_from_slice(&PACKET_SHOW.to_ne_bytes());
        self.dump(payload, |payload| Ok(each(messages::packet(payload)?)))
    }

    /// The kernel sends a member of a multicast group twice (`__netlink_diag_dump`, net/netlink/diag.c).
    fn netlink(&mut self, each: Each<'_>) -> io::Result<Walk> {
        let mut sent = HashSet::new();
        let mut payload = [0; 20];
        payload[0] = AF_NETLINK;
        payload[1] = EVERY_PROTOCOL;
        payload[8..12].copy_from_slice(&NETLINK_SHOW.to_ne_bytes());
        self.dump(payload, |payload| {
            let socket = messages::netlink(payload)?;
            Ok(match sent.insert(socket.cookie) {
                true => each(socket),
                false => ControlFlow::Continue(()),
            })
        })
    }

    fn vsock(&mut self, states: StateSet, each: Each<'_>) -> io::Result<Walk> {
        let mut payload = [0; 24];
        payload[0] = AF_VSOCK;
        payload[4..8].copy_from_slice(&states.bits().to_ne_bytes());
        self.dump(payload, |payload| Ok(each(messages::vsock(payload)?)))
    }

    fn dump<const LENGTH: usize>(
        &mut self,
        payload: [u8; LENGTH],
        mut each: impl FnMut(&[u8]) -> std::result::Result<ControlFlow<()>, Undecodable>,
    ) -> io::Result<Walk> {
        let kind = BY_FAMILY;
        self.channel.dump(Fixed { kind, payload }, None, &mut each)
    }
}

/// `u8 family, protocol; u16 pad; u32 states, ino, show, cookie[2]`
fn unix_request(states: StateSet, show: u32) -> [u8; 24] {
    let mut payload = [0; 24];
    payload[0] = AF_UNIX;
    payload[4..8].copy_from_slice(&states.bits().to_ne_bytes());
    payload[12..16].copy_from_slice(&show.to_ne_bytes());
    payload
}

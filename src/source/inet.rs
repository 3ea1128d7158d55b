//! One internet socket in a dump: `struct inet_diag_msg` (72 bytes) and the attributes behind it
//! (include/uapi/linux/inet_diag.h).
//!
//! Newer kernels send more and longer attributes, so each value is read by its length and a missing
//! one is `None`.

use std::net::IpAddr;

use netlink_packet_core::{NlasIterator, Parseable};
use netlink_packet_sock_diag::inet::{InetResponseBuffer, InetResponseHeader};

use super::netlink::Undecodable;
use crate::model::{
    Address, Connection, Endpoint, Family, Holder, Listener, Local, Protocol, Queue, RequestSocket,
    SocketMemory, SocketProtocol, SocketRow, SocketState, SocketTimer, State, TcpInfo, TimerKind,
    Waiting,
    filter::{End, View},
};

const HEADER: usize = size_of::<InetResponseBuffer>();
/// Offsets of `idiag_timer` and `idiag_expires`.
const TIMER: usize = 2;
const RETRANSMITS: usize = 3;
const EXPIRES: usize = 52;
/// Values of `idiag_timer` (`inet_sk_diag_fill`, net/ipv4/inet_diag.c).
const RETRANSMIT_TIMER: u8 = 1;
const TIMEWAIT_TIMER: u8 = 3;
const PERSIST_TIMER: u8 = 4;

const INFO: u16 = 2;
const SKMEMINFO: u16 = 7;
const SHUTDOWN: u16 = 8;
const MARK: u16 = 15;
const SKV6ONLY: u16 = 11;
const ULP_INFO: u16 = 19;
const CGROUP_ID: u16 = 21;
const SOCKOPT: u16 = 22;

/// In the first byte of `struct inet_diag_sockopt`…
const TRANSPARENT: u8 = bit(5);
/// … and in the second.
const BIND_ADDRESS_NO_PORT: u8 = bit(0);

const SYN_RECV: u8 = 3;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;

/// `SK_MEMINFO_RCVBUF` and `SK_MEMINFO_DROPS` (since 4.7), include/uapi/linux/sock_diag.h.
const RCVBUF: usize = 1;
const DROPS: usize = 8;
/// `tcpi_backoff`.
const BACKOFF: usize = 4;
/// `tcpi_last_data_sent` as an index of 32-bit words in `struct tcp_info`; since 2.6.
const LAST_DATA_SENT: usize = 11;
/// `tcpi_last_ack_recv`, likewise.
const LAST_ACK_RECEIVED: usize = 14;

pub struct Row<'a> {
    header: InetResponseHeader,
    local: Endpoint,
    fixed: &'a [u8],
    attributes: &'a [u8],
}

/// A socket without a peer has the unspecified address and port 0 as its peer.
impl View for Row<'_> {
    fn address(&self, end: End) -> Option<Address> {
        let id = &self.header.socket_id;
        let (address, port) = match end {
            End::Local => (id.source_address, id.source_port),
            End::Peer => (id.destination_address, id.destination_port),
        };
        Some(Address { address, port })
    }

    fn interface(&self) -> Option<u32> {
        Some(self.local.interface)
    }

    fn mark(&self) -> Option<u32> {
        self.value(MARK).and_then(number)
    }

    fn cgroup(&self) -> Option<u64> {
        self.cgroup_id()
    }
}

impl<'a> Row<'a> {
    pub fn decode(payload: &'a [u8]) -> Result<Self, Undecodable> {
        let (fixed, attributes) = payload.split_at_checked(HEADER).ok_or(Undecodable)?;
        let header = InetResponseHeader::parse(fixed).map_err(|_| Undecodable)?;
        let id = &header.socket_id;
        let local = Endpoint {
            family: family(id.source_address),
            address: id.source_address,
            port: id.source_port,
            interface: id.interface_id,
        };
        Ok(Row {
            header,
            local,
            fixed,
            attributes,
        })
    }

    /// `None` for a socket that is not a connection.
    pub fn state(&self) -> Option<State> {
        State::from_number(self.header.state)
    }

    pub fn listener(&self) -> Listener {
        let queue = Queue::Accept {
            length: self.header.recv_queue,
            limit: self.header.send_queue,
        };
        match self.value(ULP_INFO).is_some_and(is_mptcp) {
            true => self.queued(Protocol::Mptcp, queue),
            false => self.queued(Protocol::Tcp, queue),
        }
    }

    /// `None` when a UDP socket is connected or has no port, so that it receives from no new peer.
    pub fn receiver(&self) -> Option<Listener> {
        let open = self.header.socket_id.destination_port == 0 && self.local.port != 0;
        let queue = Queue::Receive {
            bytes: self.header.recv_queue,
            limit_bytes: self.word(SKMEMINFO, RCVBUF),
        };
        open.then(|| self.queued(Protocol::Udp, queue))
    }

    /// `None` when a socket in SYN_RECV is a fast-open connection: a full socket, already in the
    /// accept queue, with attributes that a request socket lacks.
    pub fn request(&self) -> Option<RequestSocket> {
        let is_request = self.value(SHUTDOWN).is_none();
        is_request.then_some(RequestSocket {
            local: self.local,
            peer: self.header.socket_id.destination_address,
            retransmits: self.fixed[RETRANSMITS],
        })
    }

    /// A connection that no process has accepted: a full socket without an inode.
    pub fn waiting(&self) -> Option<Waiting> {
        let is_request = self.header.state == SYN_RECV && self.request().is_some();
        if self.header.inode != 0 || is_request {
            return None;
        }
        let hung_up = self.header.state == CLOSE_WAIT;
        Some(Waiting {
            local: self.local,
            cookie: self.cookie(),
            wait_ms: self.word(INFO, LAST_DATA_SENT),
            // The client's FIN occupies a sequence number and is counted as a byte.
            bytes: self.header.recv_queue.saturating_sub(hung_up.into()),
            hung_up,
        })
    }

    /// A connection, a request socket, or a socket that is only bound; `None` in an unknown state.
    pub fn holder(&self) -> Option<Holder> {
        if self.header.state == CLOSE {
            return Some(Holder::Bound {
                local: self.local,
                inode: self.header.inode,
            });
        }
        if self.header.state == SYN_RECV
            && let Some(request) = self.request()
        {
            return Some(Holder::Request(request));
        }
        let state = State::from_number(self.header.state)?;
        Some(Holder::Connection(Connection {
            local: self.local,
            peer: self.header.socket_id.destination_address,
            peer_port: self.header.socket_id.destination_port,
            state,
            left_ms: (self.fixed[TIMER] == TIMEWAIT_TIMER).then(|| self.expires_ms()),
            inode: self.header.inode,
            port_at_connect: self.has_option(1, BIND_ADDRESS_NO_PORT),
            is_held_up: match self.fixed[TIMER] {
                RETRANSMIT_TIMER => self.fixed[RETRANSMITS] > 0,
                timer => timer == PERSIST_TIMER,
            },
        }))
    }

    /// The whole row; `None` in a state that is unknown.
    pub fn socket(&self, protocol: SocketProtocol) -> Option<SocketRow> {
        let is_mptcp = || self.value(ULP_INFO).is_some_and(is_mptcp);
        let state = match (self.header.state, protocol) {
            // What TCP calls closed is asked for only where it has a port.
            (CLOSE, SocketProtocol::Tcp) => SocketState::Bound,
            (number, _) => SocketState::from_number(number)?,
        };
        let is_connection = matches!(state, SocketState::Connection(_));
        Some(SocketRow {
            protocol: match protocol {
                SocketProtocol::Tcp if is_mptcp() => SocketProtocol::Mptcp,
                protocol => protocol,
            },
            state,
            local: Local::Inet(self.local),
            peer: self.address(End::Peer),
            receive_queue: self.header.recv_queue,
            send_queue: self.header.send_queue,
            timer: TimerKind::from_number(self.fixed[TIMER]).map(|kind| SocketTimer {
                kind,
                expires_ms: self.expires_ms(),
                retransmits: self.fixed[RETRANSMITS],
                backoff: self.byte(INFO, BACKOFF).filter(|_| is_connection),
            }),
            uid: self.header.uid,
            inode: self.header.inode,
            cookie: self.cookie(),
            mark: self.mark(),
            cgroup_id: self.cgroup_id(),
            v6only: self.v6only(),
            transparent: self.has_option(0, TRANSPARENT),
            info: self.value(INFO).filter(|_| is_connection).map(TcpInfo::new),
            memory: self.value(SKMEMINFO).and_then(memory),
        })
    }

    fn v6only(&self) -> Option<bool> {
        self.byte(SKV6ONLY, 0).map(|v6only| v6only != 0)
    }

    /// Of a byte of the options, which are sent since 5.10.
    fn has_option(&self, byte: usize, bit: u8) -> Option<bool> {
        self.byte(SOCKOPT, byte).map(|bits| bits & bit != 0)
    }

    fn cgroup_id(&self) -> Option<u64> {
        let id = self.value(CGROUP_ID)?;
        Some(u64::from_ne_bytes(*id.first_chunk()?))
    }

    /// Milliseconds since the last ACK came; `None` for another socket than that of this inode.
    pub fn silent_ms(&self, inode: u32) -> Option<u32> {
        let silent_ms = self.word(INFO, LAST_ACK_RECEIVED);
        silent_ms.filter(|_| self.header.inode == inode)
    }

    /// `idiag_expires`, which the crate omits for timewait sockets.
    fn expires_ms(&self) -> u32 {
        number(&self.fixed[EXPIRES..]).unwrap_or_default()
    }

    fn queued(&self, protocol: Protocol, queue: Queue) -> Listener {
        Listener {
            protocol,
            local: Local::Inet(self.local),
            v6only: self.v6only(),
            queue,
            drops: self.word(SKMEMINFO, DROPS),
            uid: Some(self.header.uid),
            inode: self.header.inode,
            cookie: self.cookie(),
            cgroup_id: self.cgroup_id(),
        }
    }

    /// Two 32-bit halves, the low one first.
    fn cookie(&self) -> u64 {
        let [a, b, c, d, e, f, g, h] = self.header.socket_id.cookie;
        let low = u32::from_ne_bytes([a, b, c, d]);
        let high = u32::from_ne_bytes([e, f, g, h]);
        u64::from(high) << 32 | u64::from(low)
    }

    fn value(&self, kind: u16) -> Option<&'a [u8]> {
        attribute(self.attributes, kind)
    }

    fn byte(&self, kind: u16, index: usize) -> Option<u8> {
        self.value(kind)?.get(index).copied()
    }

    /// A 32-bit word of an attribute; `None` when the attribute is shorter.
    fn word(&self, kind: u16, index: usize) -> Option<u32> {
        number(self.value(kind)?.get(index * 4..)?)
    }
}

/// The compiler of the kernel places bit fields by the order of bytes.
const fn bit(number: u32) -> u8 {
    match cfg!(target_endian = "big") {
        true => 0x80 >> number,
        false => 1 << number,
    }
}

/// Of an attribute with `SK_MEMINFO_*`, which every family has.
pub fn memory(words: &[u8]) -> Option<SocketMemory> {
    let word = |index: usize| number(words.get(index * 4..)?);
    Some(SocketMemory {
        receive_bytes: word(0)?,
        receive_limit_bytes: word(RCVBUF)?,
        send_bytes: word(2)?,
        send_limit_bytes: word(3)?,
        forward_bytes: word(4)?,
        queued_bytes: word(5)?,
        option_bytes: word(6)?,
        backlog_bytes: word(7)?,
        drops: word(DROPS),
    })
}

pub fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}

/// Of the socket: a dual-stack socket reports IPv4 addresses as v4-mapped.
pub fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    }
}

pub fn attribute(attributes: &[u8], kind: u16) -> Option<&[u8]> {
    let mut start = 0;
    for nla in NlasIterator::new(attributes) {
        let nla = nla.ok()?;
        let value = start + 4;
        if nla.kind() == kind {
            return attributes.get(value..value + nla.value_length());
        }
        start += usize::from(nla.length()).next_multiple_of(4);
    }
    None
}

/// `INET_ULP_INFO_NAME`, the first attribute inside, is `mptcp`.
fn is_mptcp(nested: &[u8]) -> bool {
    const NAME: u16 = 1;
    attribute(nested, NAME).is_some_and(|name| name.starts_with(b"mptcp"))
}

#[cfg(test)]
mod tests;

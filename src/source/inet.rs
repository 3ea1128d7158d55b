//! One internet socket in a dump: `struct inet_diag_msg` (72 bytes) and the attributes behind it
//! (include/uapi/linux/inet_diag.h).
//!
//! Attributes have grown with the kernel, so each value is read by its length and what is missing
//! is `None`.

use netlink_packet_core::{NlasIterator, Parseable};
use netlink_packet_sock_diag::inet::{InetResponseBuffer, InetResponseHeader};

use super::netlink::Undecodable;
use crate::model::{
    Address, Connection, Endpoint, Family, Holder, Listener, Local, Protocol, Queue, RequestSocket,
    State, Waiting,
    filter::{End, View},
};

const HEADER: usize = size_of::<InetResponseBuffer>();
/// Where `idiag_timer` and `idiag_expires` stand.
const TIMER: usize = 2;
const EXPIRES: usize = 52;
/// `idiag_timer` of a timewait socket.
const TIMEWAIT_TIMER: u8 = 3;

const INFO: u16 = 2;
const SKMEMINFO: u16 = 7;
const SHUTDOWN: u16 = 8;
const SKV6ONLY: u16 = 11;
const ULP_INFO: u16 = 19;
const CGROUP_ID: u16 = 21;
const SOCKOPT: u16 = 22;

/// In the second byte of `struct inet_diag_sockopt`.
const BIND_ADDRESS_NO_PORT: u8 = 1;

const SYN_RECV: u8 = 3;
const CLOSE: u8 = 7;
const CLOSE_WAIT: u8 = 8;

/// `SK_MEMINFO_RCVBUF` and `SK_MEMINFO_DROPS` (since 4.7), include/uapi/linux/sock_diag.h.
const RCVBUF: usize = 1;
const DROPS: usize = 8;
/// `tcpi_last_data_sent` as a word of `struct tcp_info`; there since 2.6.
const LAST_DATA_SENT: usize = 11;

/// A decoded row, whatever kind of socket it is.
pub struct Row<'a> {
    header: InetResponseHeader,
    local: Endpoint,
    fixed: &'a [u8],
    attributes: &'a [u8],
}

/// The peer of a socket that has none is the unspecified address and port 0, as for the kernel.
impl View for Row<'_> {
    fn address(&self, end: End) -> Option<Address> {
        let id = &self.header.socket_id;
        let (address, port) = match end {
            End::Local => (id.source_address, id.source_port),
            End::Peer => (id.destination_address, id.destination_port),
        };
        Some(Address { address, port })
    }
}

impl<'a> Row<'a> {
    /// Decodes the fixed part. Costs no allocation.
    pub fn decode(payload: &'a [u8]) -> Result<Self, Undecodable> {
        let (fixed, attributes) = payload.split_at_checked(HEADER).ok_or(Undecodable)?;
        let header = InetResponseHeader::parse(fixed).map_err(|_| Undecodable)?;
        let id = &header.socket_id;
        let local = Endpoint {
            family: if id.source_address.is_ipv4() {
                Family::V4
            } else {
                Family::V6
            },
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

    /// The state of a connection; `None` for a socket that is none.
    pub fn state(&self) -> Option<State> {
        State::from_number(self.header.state)
    }

    /// A TCP socket in LISTEN.
    pub fn listener(&self) -> Listener {
        let queue = Queue::Accept {
            length: self.header.recv_queue,
            limit: self.header.send_queue,
        };
        let mptcp = self.value(ULP_INFO).is_some_and(is_mptcp);
        self.socket(
            if mptcp {
                Protocol::Mptcp
            } else {
                Protocol::Tcp
            },
            queue,
        )
    }

    /// A UDP socket; `None` when it is connected or has no port, so that nobody can send to it.
    pub fn receiver(&self) -> Option<Listener> {
        let open = self.header.socket_id.destination_port == 0 && self.local.port != 0;
        let queue = Queue::Receive {
            bytes: self.header.recv_queue,
            limit_bytes: self.word(SKMEMINFO, RCVBUF),
        };
        open.then(|| self.socket(Protocol::Udp, queue))
    }

    /// A request socket. `None` when it is a fast-open connection: a whole socket, in SYN_RECV and
    /// in the accept queue at once, which has attributes that a request has not.
    pub fn request(&self) -> Option<RequestSocket> {
        self.value(SHUTDOWN)
            .is_none()
            .then_some(RequestSocket { local: self.local })
    }

    /// A connection nobody has accepted: a whole socket without an inode.
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
            // The client's FIN took a sequence number and is counted like a byte.
            bytes: self.header.recv_queue.saturating_sub(hung_up.into()),
            hung_up,
        })
    }

    /// A connection, a request, or a socket that is only bound; `None` for a state that this
    /// program does not know.
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
            port_at_connect: self
                .value(SOCKOPT)
                .and_then(|options| options.get(1))
                .map(|options| options & BIND_ADDRESS_NO_PORT != 0),
        }))
    }

    /// `idiag_expires`, which the crate does not give for timewait sockets.
    fn expires_ms(&self) -> u32 {
        let bytes = self.fixed[EXPIRES..].first_chunk();
        bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    fn socket(&self, protocol: Protocol, queue: Queue) -> Listener {
        Listener {
            protocol,
            local: Local::Inet(self.local),
            v6only: self
                .value(SKV6ONLY)
                .and_then(|v| v.first())
                .map(|v| *v != 0),
            queue,
            drops: self.word(SKMEMINFO, DROPS),
            uid: Some(self.header.uid),
            inode: self.header.inode,
            cookie: self.cookie(),
            cgroup_id: self
                .value(CGROUP_ID)
                .and_then(|v| v.first_chunk())
                .map(|v| u64::from_ne_bytes(*v)),
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

    /// One 32-bit word of an attribute, `None` when it is not that long.
    fn word(&self, kind: u16, index: usize) -> Option<u32> {
        let words = self.value(kind)?;
        words
            .get(index * 4..)?
            .first_chunk()
            .map(|word| u32::from_ne_bytes(*word))
    }
}

/// The value of an attribute. A broken one ends the search.
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

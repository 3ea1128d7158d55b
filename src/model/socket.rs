//! Sockets that others connect or send to, and the connections that wait in their queues.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Endpoint;

/// What a listener speaks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// Multipath TCP; the kernel shows the listener in its TCP dump too.
    Mptcp,
    /// A unix stream or sequential-packet socket.
    Unix,
    /// UDP.
    Udp,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Local {
    Inet(Endpoint),
    /// A unix socket's name as the kernel keeps it: a path, or an abstract name that begins with a
    /// zero byte; empty when the socket is not bound.
    Unix(Vec<u8>),
}

/// The queue that fills when the owner does not keep up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Queue {
    /// Connections waiting for accept(2).
    Accept {
        /// `sk_ack_backlog`. May exceed the limit by one (`sk_acceptq_is_full`,
        /// include/net/sock.h).
        length: u32,
        /// `sk_max_ack_backlog`: min(listen(2) backlog, somaxconn at that time).
        limit: u32,
    },
    /// Datagrams waiting for recv(2).
    Receive {
        /// Memory charged for them, the kernel's overhead included.
        bytes: u32,
        /// SO_RCVBUF as the kernel keeps it; `None` when it was not sent.
        limit_bytes: Option<u32>,
    },
}

/// A socket in LISTEN, or a UDP socket that receives from anyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    pub protocol: Protocol,
    /// Where it is bound.
    pub local: Local,
    /// IPV6_V6ONLY, for an IPv6 socket; `None` for others and on kernels that do not send it.
    pub v6only: Option<bool>,
    pub queue: Queue,
    /// Packets that this socket dropped since it was made (`sk_drops`, 32 bits, wraps). For a TCP
    /// listener this counts more than overflows, and some overflows twice. `None` for unix sockets
    /// and when it was not sent.
    pub drops: Option<u32>,
    /// The owner's user id (the creator's); `None` when it was not sent.
    pub uid: Option<u32>,
    /// Socket inode, unique on the host; 0 when nobody holds it.
    pub inode: u32,
    /// Names this socket and no later one at the same address.
    pub cookie: u64,
    /// Id of the cgroup that the creator was in (`INET_DIAG_CGROUP_ID`, 5.9).
    pub cgroup_id: Option<u64>,
}

/// A request socket: a SYN was answered, the last ACK has not come. The kernel does not say which
/// listener it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSocket {
    /// The concrete local end, in the listener's family.
    pub local: Endpoint,
    pub peer: IpAddr,
    /// How often the SYN-ACK was retransmitted.
    pub retransmits: u8,
}

/// A connection that is waiting for accept(2): a socket without an inode, at the listener's port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The concrete local end, in the listener's family.
    pub local: Endpoint,
    pub cookie: u64,
    /// How long it has waited, in milliseconds: the time since it was made, as a socket that nobody
    /// holds has sent no data (`tcpi_last_data_sent`). `None` when `tcp_info` was not sent.
    pub wait_ms: Option<u32>,
    /// Request bytes that arrived and wait to be read.
    pub bytes: u32,
    /// The client has closed its side.
    pub hung_up: bool,
}

#[cfg(test)]
impl Listener {
    /// A TCP listener where nobody waits.
    pub fn idle(local: Endpoint, inode: u32) -> Self {
        Listener {
            protocol: Protocol::Tcp,
            local: Local::Inet(local),
            v6only: None,
            queue: Queue::Accept {
                length: 0,
                limit: 0,
            },
            drops: None,
            uid: None,
            inode,
            cookie: inode.into(),
            cgroup_id: None,
        }
    }
}

//! One row of the report: a socket.

use std::sync::Arc;

use super::EndReport;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{
    analysis::Cookie,
    model::{
        Netns, Owner, SocketMemory, SocketProtocol, SocketState, SocketTimer, SocketType, TcpInfo,
    },
};

/// A socket.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SocketReport {
    /// The network namespace.
    #[schemars(with = "Netns")]
    #[serde(serialize_with = "shared")]
    pub netns: Arc<Netns>,
    pub protocol: SocketProtocol,
    /// What socket(2) was asked for; `null` where the protocol tells.
    #[serde(rename = "type")]
    pub kind: Option<SocketType>,
    pub state: SocketState,
    /// Where it is bound.
    pub local: EndReport,
    /// `null` for a socket without a peer.
    pub peer: Option<EndReport>,
    /// Whether it is for IPv6 alone (IPV6_V6ONLY); `null` where the kernel does not tell: of
    /// connections and IPv4 sockets.
    pub v6only: Option<bool>,
    /// `null` unless the socket listens, and of vsock, whose queues the kernel does not report.
    pub accept_queue: Option<AcceptQueue>,
    /// Bytes that wait to be read: for a unix datagram socket the next message alone, for a packet
    /// or netlink socket memory, overhead included. `null` for a listener, and for vsock.
    pub receive_queue_bytes: Option<u32>,
    /// Bytes that were sent and are not acknowledged: of a unix or netlink socket memory of what its
    /// peer has not read, overhead included. `null` for a listener, and of packet and vsock sockets.
    pub send_queue_bytes: Option<u32>,
    /// The timer that runs.
    pub timer: Option<SocketTimer>,
    /// User id of the creator; `null` where the kernel keeps or sends none (TIME_WAIT, SYN_RECV,
    /// netlink, vsock).
    pub uid: Option<u32>,
    /// Socket inode, 0 when nobody holds it.
    pub inode: u32,
    /// Names this socket and no later one; `null` where the kernel tells none.
    pub cookie: Option<Cookie>,
    /// SO_MARK; needs CAP_NET_ADMIN.
    pub mark: Option<u32>,
    /// Cgroup of the owner, else of the creator.
    #[schemars(with = "Option<String>")]
    #[serde(serialize_with = "shared_option")]
    pub cgroup: Option<Arc<str>>,
    /// systemd unit, container or pod.
    #[schemars(with = "Option<String>")]
    #[serde(serialize_with = "shared_option")]
    pub unit: Option<Arc<str>>,
    /// Processes that have it open.
    pub owners: Vec<Owner>,
    /// Every descriptor of every process was inspected.
    pub owners_complete: bool,
    /// One for each of these processes, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_lines: Option<Vec<CommandLine>>,
    /// What TCP knows of a connection, if asked for.
    pub tcp_info: Option<TcpInfo>,
    /// Its memory, if asked for.
    pub memory: Option<SocketMemory>,
    /// Of a pair: the socket is connected to itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_connected: Option<bool>,
    /// Of a pair: the socket at the other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_end: Option<Box<SocketReport>>,
}

/// The command line of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CommandLine {
    pub pid: u32,
    /// Arguments separated by spaces; `null` when it may not be read.
    #[schemars(with = "Option<String>")]
    #[serde(serialize_with = "shared_option")]
    pub command_line: Option<Arc<str>>,
}

/// Connections that wait for accept(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AcceptQueue {
    pub length: u32,
    /// The queue takes one more than this.
    pub limit: u32,
}

impl SocketReport {
    pub fn idle_ms(&self) -> Option<u32> {
        self.tcp_info.as_ref().and_then(TcpInfo::idle_ms)
    }

    /// Both sockets of a pair.
    pub fn each_end(&self) -> impl Iterator<Item = &SocketReport> {
        std::iter::once(self).chain(self.other_end.as_deref())
    }

    /// The cookie, or the inode where there is none: the same at every reading.
    pub fn identity(&self) -> String {
        let cookie = self.cookie.as_ref();
        cookie.map_or_else(|| self.inode.to_string(), |cookie| cookie.0.to_string())
    }
}

fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

fn shared_option<S: Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}

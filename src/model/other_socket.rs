//! A socket of another family than the internet's, as a row of sock_diag has it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Address, SocketMemory, SocketProtocol, SocketState,
    filter::{End, Measure, View},
};

/// What socket(2) was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SocketType {
    Stream = 1,
    Dgram,
    Raw,
    Seqpacket = 5,
}

impl SocketType {
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => SocketType::Stream,
            2 => SocketType::Dgram,
            3 => SocketType::Raw,
            5 => SocketType::Seqpacket,
            _ => return None,
        })
    }

    /// As JSON spells it.
    pub const fn name(self) -> &'static str {
        match self {
            SocketType::Stream => "stream",
            SocketType::Dgram => "dgram",
            SocketType::Raw => "raw",
            SocketType::Seqpacket => "seqpacket",
        }
    }
}

/// One end of such a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherEnd {
    Unix {
        /// As the kernel keeps it: a path, or an abstract name that begins with a zero byte; empty
        /// when it has none.
        name: Vec<u8>,
        inode: u32,
    },
    Packet {
        /// An EtherType (`ETH_P_*`), 3 for all, 0 for none.
        ethertype: u16,
        /// Index of the interface that it is bound to, 0 for all.
        interface: u32,
    },
    Netlink {
        /// `NETLINK_*`; of a peer the multicast group, 0 for none.
        number: u32,
        /// 0 is the kernel.
        port_id: u32,
    },
    Vsock {
        cid: u32,
        port: u32,
    },
}

/// One socket. What was not asked for, or not sent, is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherSocket {
    pub protocol: SocketProtocol,
    pub kind: Option<SocketType>,
    pub state: SocketState,
    pub local: OtherEnd,
    pub peer: Option<OtherEnd>,
    /// Of a listener, connections that wait to be accepted; else bytes that wait to be read: for a unix
    /// datagram socket the next message alone, for a packet or netlink socket memory, overhead
    /// included.
    pub receive_queue: Option<u32>,
    /// Of a listener, the limit of its accept queue; else memory of what the peer has not read,
    /// overhead included (`sk_wmem_alloc`).
    pub send_queue: Option<u32>,
    pub uid: Option<u32>,
    pub inode: u32,
    /// `None` in the files of /proc/net.
    pub cookie: Option<u64>,
    pub memory: Option<SocketMemory>,
}

impl View for OtherSocket {
    fn address(&self, _: End) -> Option<Address> {
        None
    }

    fn path(&self) -> Option<&[u8]> {
        match &self.local {
            OtherEnd::Unix { name, .. } => Some(name),
            _ => None,
        }
    }

    fn state(&self) -> Option<SocketState> {
        Some(self.state)
    }

    fn interface(&self) -> Option<u32> {
        match self.local {
            OtherEnd::Packet { interface, .. } => Some(interface),
            _ => None,
        }
    }

    fn measure(&self, what: Measure) -> Option<u64> {
        match what {
            Measure::ReceiveQueue => self.receive_queue.map(u64::from),
            Measure::SendQueue => self.send_queue.map(u64::from),
            Measure::Drops => self.memory?.drops.map(u64::from),
            Measure::Fill if self.state == SocketState::Listen => {
                let ratio = f64::from(self.receive_queue?) / (f64::from(self.send_queue?) + 1.0);
                Some((ratio * 10_000.0).round() as u64)
            }
            _ => None,
        }
    }
}

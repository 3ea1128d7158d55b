//! What filters ask of a socket.

use std::net::IpAddr;

use super::{End, Measure};
use crate::model::{Address, Local, SocketState};

/// What a filter may ask of a socket. `None` is a fact that is unknown, or that this kind of socket
/// does not have.
pub trait View {
    /// The address and port of one end.
    fn address(&self, end: End) -> Option<Address>;

    /// The address of one end, where it may be known without the port.
    fn host(&self, end: End) -> Option<IpAddr> {
        Some(self.address(end)?.address)
    }

    /// The port of one end, where it may be known without the address.
    fn port(&self, end: End) -> Option<u16> {
        Some(self.address(end)?.port)
    }

    /// The name of a unix socket as the kernel keeps it.
    fn path(&self) -> Option<&[u8]> {
        None
    }

    fn state(&self) -> Option<SocketState> {
        None
    }

    /// The index of the interface that it is bound to, 0 for none.
    fn interface(&self) -> Option<u32> {
        None
    }

    /// Its SO_MARK.
    fn mark(&self) -> Option<u32> {
        None
    }

    /// The id of the cgroup that it was made in.
    fn cgroup(&self) -> Option<u64> {
        None
    }

    /// Whether the kernel chose its port.
    fn is_autobound(&self) -> Option<bool> {
        None
    }

    /// In the unit of the measure.
    fn measure(&self, _: Measure) -> Option<u64> {
        None
    }
}

impl View for Local {
    fn address(&self, end: End) -> Option<Address> {
        match (self, end) {
            (Local::Inet(at), End::Local) => Some(Address {
                address: at.address,
                port: at.port,
            }),
            (Local::Inet(_) | Local::Unix(_), _) => None,
        }
    }

    fn interface(&self) -> Option<u32> {
        match self {
            Local::Inet(at) => Some(at.interface),
            Local::Unix(_) => None,
        }
    }

    fn path(&self) -> Option<&[u8]> {
        match self {
            Local::Inet(_) => None,
            Local::Unix(name) => Some(name),
        }
    }
}

/// A connection of which only the two ends are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The local end, or the server's.
    pub local: Address,
    /// The peer's end, or the client's.
    pub peer: Address,
}

impl View for Ends {
    fn address(&self, end: End) -> Option<Address> {
        Some(match end {
            End::Local => self.local,
            End::Peer => self.peer,
        })
    }
}

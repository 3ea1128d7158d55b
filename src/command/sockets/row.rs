//! Sockets before they are described.

use sockdiag::model::{Filter, OtherEnd, OtherSocket, SocketRow};

/// A socket of any family.
#[expect(
    clippy::large_enum_variant,
    reason = "most are of the internet, and none is to be boxed"
)]
pub enum Row {
    Inet(SocketRow),
    Other(OtherSocket),
}

impl Row {
    /// Where the kernel tells its user.
    pub fn uid(&self) -> Option<u32> {
        match self {
            Row::Inet(socket) => socket.user(),
            Row::Other(socket) => socket.uid,
        }
    }

    pub fn meets(&self, condition: &Filter) -> bool {
        match self {
            Row::Inet(socket) => condition.accepts(socket),
            Row::Other(socket) => condition.accepts(socket),
        }
    }

    pub fn is_readable(&self) -> bool {
        match self {
            Row::Inet(socket) => socket.is_readable(),
            Row::Other(socket) => socket.receive_queue.is_some_and(|waiting| waiting > 0),
        }
    }

    /// Its own inode and, of a unix socket, that of its peer.
    pub fn inodes(&self) -> [u32; 2] {
        match self {
            Row::Inet(socket) => [socket.inode, 0],
            Row::Other(socket) => match socket.peer {
                Some(OtherEnd::Unix { inode, .. }) => [socket.inode, inode],
                _ => [socket.inode, 0],
            },
        }
    }
}

/// A socket that was read, and the index of its place.
pub struct Found {
    pub place: usize,
    pub row: Row,
    /// With `--pairs`.
    pub other_end: Option<FoundEnd>,
}

/// The other end of a connection.
pub enum FoundEnd {
    /// The socket is connected to itself.
    Itself,
    Socket(Box<Found>),
}

impl Found {
    /// Both ends, where the other is a socket of its own.
    pub fn each(&self) -> impl Iterator<Item = &Row> {
        let other = match &self.other_end {
            Some(FoundEnd::Socket(other)) => Some(&other.row),
            _ => None,
        };
        std::iter::once(&self.row).chain(other)
    }
}

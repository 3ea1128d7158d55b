//! What a filter selects, and which words apply to it.

use super::End;

/// What a filter selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Sockets of any kind, both ends and all that the kernel tells of them. A bare port is the
    /// local one.
    Socket,
    /// Listeners, of which only the local end is known. A bare port is theirs.
    Listener,
    /// Handshakes on the wire: the local end is the server, and a bare port is the server's.
    Handshake,
    /// Ephemeral ports in use towards a destination, to which a bare port belongs.
    Destination,
    /// Closed connections. A bare port is that of either end: a client's is not kept, so it is the
    /// service's.
    Closed,
}

impl Subject {
    /// The ends that a condition without `src`, `dst`, `sport` or `dport` may refer to.
    pub(super) fn bare(self) -> &'static [End] {
        match self {
            Subject::Socket | Subject::Listener | Subject::Handshake => &[End::Local],
            Subject::Destination => &[End::Peer],
            Subject::Closed => &[End::Local, End::Peer],
        }
    }

    /// Whether unix sockets are among them.
    pub(super) fn has_paths(self) -> bool {
        matches!(self, Subject::Socket | Subject::Listener)
    }

    /// Why a word of the language does not apply.
    pub(super) fn lacks(self, word: &str) -> Option<&'static str> {
        match (self, word) {
            (Subject::Socket, _) => None,
            (Subject::Listener, "dport" | "dst") => {
                Some("a listener has no peer: use sport or src")
            }
            (Subject::Listener, "dev") => None,
            (Subject::Listener, "state" | "exclude") => {
                Some("every socket here listens; sockdiag sockets takes any state")
            }
            (Subject::Destination, "sport") => {
                Some("local ports are counted per source and destination: use src, dst or dport")
            }
            (_, "sport" | "dport" | "src" | "dst") => None,
            (Subject::Handshake, _) => Some("a packet does not tell: use src, dst, sport or dport"),
            (Subject::Listener, _) => Some(
                "listeners are chosen by address, port and dev; sockdiag sockets takes this condition",
            ),
            (Subject::Destination | Subject::Closed, _) => Some(
                "connections are counted by address and port, whatever else they are; sockdiag sockets takes this condition",
            ),
        }
    }
}

//! Sets of TCP states, as a request names them.

use netlink_packet_sock_diag::inet::StateFlags;

use crate::model::is_at_least;

/// `TCPF_BOUND_INACTIVE` (6.8): bound, neither listening nor connected. Older kernels ignore it.
const BOUND_INACTIVE: u32 = 1 << 13;

/// Whether this kernel reports sockets that are only bound (6.8 and later; older kernels with a
/// backport are not recognised).
pub fn reports_bound() -> bool {
    let system = rustix::system::uname();
    is_at_least(&system.release().to_string_lossy(), (6, 8)) == Some(true)
}

/// A set of TCP states to ask for (`1 << TCP_…`, include/net/tcp_states.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States(pub(super) u32);

impl States {
    pub const NONE: States = States(0);
    /// Request sockets, and fast-open connections before their last ACK.
    pub const SYN_RECV: States = States(StateFlags::SYN_RECV.bits());
    /// TIME_WAIT and FIN_WAIT2, where only a timer may keep a socket.
    pub const CLOSED: States = States(StateFlags::TIME_WAIT.bits() | StateFlags::FIN_WAIT2.bits());
    pub const ESTABLISHED: States = States(StateFlags::ESTABLISHED.bits());
    /// All that use a local port, except listeners: connections, and sockets that are only bound.
    pub const ALL: States = States(
        (StateFlags::all().bits() & !StateFlags::LISTEN.bits() & !StateFlags::CLOSE.bits())
            | BOUND_INACTIVE,
    );

    /// Union.
    pub const fn and(self, other: States) -> States {
        States(self.0 | other.0)
    }

    /// Difference.
    pub const fn without(self, other: States) -> States {
        States(self.0 & !other.0)
    }

    /// Whether this is a superset of `other`.
    pub const fn has(self, other: States) -> bool {
        self.0 & other.0 == other.0
    }
}

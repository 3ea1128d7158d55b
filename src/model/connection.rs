//! TCP sockets with a local port, as sock_diag reports them.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Endpoint, RequestSocket};

/// The state of a connection (RFC 9293), numbered as the kernel does
/// (include/net/tcp_states.h).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Open.
    Established = 1,
    /// connect(2) waits for an answer.
    SynSent,
    /// A SYN came, the last ACK has not.
    SynRecv,
    /// Closed here; the FIN is not acknowledged.
    FinWait1,
    /// Closed here; the peer has not closed.
    FinWait2,
    /// Closed by both, here first: the tuple is kept for a minute.
    TimeWait,
    /// Closed by the peer; not closed here. (The kernel's 7 is CLOSE, no connection.)
    CloseWait = 8,
    /// Closed by both, by the peer first; the last ACK has not come.
    LastAck,
    /// Closed by both at once.
    Closing = 11,
}

impl State {
    pub const ALL: [State; 9] = [
        State::Established,
        State::SynSent,
        State::SynRecv,
        State::FinWait1,
        State::FinWait2,
        State::TimeWait,
        State::CloseWait,
        State::LastAck,
        State::Closing,
    ];

    /// As JSON spells it.
    pub const fn name(self) -> &'static str {
        match self {
            State::Established => "established",
            State::SynSent => "syn_sent",
            State::SynRecv => "syn_recv",
            State::FinWait1 => "fin_wait1",
            State::FinWait2 => "fin_wait2",
            State::TimeWait => "time_wait",
            State::CloseWait => "close_wait",
            State::LastAck => "last_ack",
            State::Closing => "closing",
        }
    }

    /// By the kernel's number; `None` for LISTEN, CLOSE and what is no state.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as u8 == number)
    }

    /// Its index in [`State::ALL`].
    pub fn place(self) -> usize {
        let place = State::ALL.iter().position(|other| *other == self);
        place.expect("ALL holds every state")
    }
}

/// A TCP connection, or what the kernel keeps of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// The local end, in the socket's family.
    pub local: Endpoint,
    pub peer: IpAddr,
    pub peer_port: u16,
    /// Its state. A socket in FIN_WAIT2 that nobody holds any more is kept like one in TIME_WAIT.
    pub state: State,
    /// Milliseconds until the kernel forgets it, for one that is kept by a timer alone
    /// (`inet_timewait_sock`): in TIME_WAIT, or in FIN_WAIT2 and without an owner.
    pub left_ms: Option<u32>,
    /// Socket inode, 0 when nobody holds it.
    pub inode: u32,
    /// IP_BIND_ADDRESS_NO_PORT is set: its port was chosen at connect(2), even if it was bound to
    /// an address before. `None` for a timewait socket and before 5.10.
    pub port_at_connect: Option<bool>,
    /// A segment was retransmitted and not acknowledged yet, or the window of the peer is closed.
    pub is_held_up: bool,
}

/// A socket with a local port that is no listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Connection(Connection),
    /// A request socket, which has its listener's port.
    Request(RequestSocket),
    /// A socket that bind(2) gave the port and that neither listens nor is connected
    /// (`TCP_BOUND_INACTIVE`, since 6.8).
    Bound {
        local: Endpoint,
        inode: u32,
    },
}

//! One socket of any kind, as a row of sock_diag has it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Address, Local, SocketState, State, TcpInfo,
    filter::{End, Measure, View},
};

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SocketProtocol {
    Tcp,
    /// Multipath TCP: a listener, or a subflow of a connection. The kernel names subflows only with
    /// `tcp_info`, so they are `tcp` in `sockets` without `--info`; it does not name sockets that are
    /// only bound.
    Mptcp,
    Udp,
    /// A raw internet socket, whose port is the protocol's number.
    Raw,
    Unix,
    /// Frames of an interface.
    Packet,
    /// Messages of the kernel.
    Netlink,
    /// Between a virtual machine and its host.
    Vsock,
}

impl SocketProtocol {
    /// As JSON spells it.
    pub const fn name(self) -> &'static str {
        match self {
            SocketProtocol::Tcp => "tcp",
            SocketProtocol::Mptcp => "mptcp",
            SocketProtocol::Udp => "udp",
            SocketProtocol::Raw => "raw",
            SocketProtocol::Unix => "unix",
            SocketProtocol::Packet => "packet",
            SocketProtocol::Netlink => "netlink",
            SocketProtocol::Vsock => "vsock",
        }
    }

    /// Whether its ends are addresses and ports of IP.
    pub const fn is_inet(self) -> bool {
        matches!(
            self,
            SocketProtocol::Tcp | SocketProtocol::Mptcp | SocketProtocol::Udp | SocketProtocol::Raw
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// Retransmission of data or of a SYN, or a probe for a lost tail.
    Retransmit = 1,
    /// The next keepalive probe.
    Keepalive,
    /// The end of TIME_WAIT, or of FIN_WAIT2 without an owner.
    TimeWait,
    /// The next probe of a closed window.
    Persist,
}

impl TimerKind {
    /// Of `idiag_timer`; 0 is none.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => TimerKind::Retransmit,
            2 => TimerKind::Keepalive,
            3 => TimerKind::TimeWait,
            4 => TimerKind::Persist,
            _ => return None,
        })
    }
}

/// The timer that runs for a socket. The kernel reports one: a retransmission hides keepalive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SocketTimer {
    pub kind: TimerKind,
    /// Milliseconds until it fires.
    pub expires_ms: u32,
    /// Retransmissions or probes without an answer so far.
    pub retransmits: u8,
    /// How often its time was doubled; `null` where that was not asked for, and of sockets that are
    /// no connections.
    pub backoff: Option<u8>,
}

/// Memory of a socket (`SK_MEMINFO_*`, include/uapi/linux/sock_diag.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SocketMemory {
    /// Memory that received data takes (`rmem_alloc`).
    pub receive_bytes: u32,
    /// SO_RCVBUF as the kernel keeps it.
    pub receive_limit_bytes: u32,
    /// Memory of packets handed to the interface and not yet sent (`wmem_alloc`).
    pub send_bytes: u32,
    /// SO_SNDBUF as the kernel keeps it.
    pub send_limit_bytes: u32,
    /// Memory reserved for more (`fwd_alloc`).
    pub forward_bytes: u32,
    /// Memory of data in the send queue: not yet sent, or sent and not acknowledged (`wmem_queued`).
    pub queued_bytes: u32,
    /// Memory of socket options (`optmem`).
    pub option_bytes: u32,
    /// Memory of packets that came while a process held the lock of the socket (`backlog`).
    pub backlog_bytes: u32,
    /// Packets dropped since the socket was made, 32 bits; `null` before 4.7.
    pub drops: Option<u32>,
}

/// One socket. What was not asked for, or not sent, is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketRow {
    pub protocol: SocketProtocol,
    pub state: SocketState,
    /// Where it is bound.
    pub local: Local,
    /// The unspecified address and port 0 for a socket without a peer.
    pub peer: Option<Address>,
    /// Of a listener, connections that wait to be accepted; else bytes that wait to be read.
    pub receive_queue: u32,
    /// Of a listener, the limit of its accept queue; else bytes that are not acknowledged.
    pub send_queue: u32,
    pub timer: Option<SocketTimer>,
    /// The owner's user id (the creator's).
    pub uid: u32,
    /// Socket inode, 0 when nobody holds it.
    pub inode: u32,
    /// Names this socket and no later one.
    pub cookie: u64,
    /// SO_MARK; sent to CAP_NET_ADMIN only.
    pub mark: Option<u32>,
    /// Id of the cgroup that it was made in.
    pub cgroup_id: Option<u64>,
    /// IPV6_V6ONLY of an IPv6 socket that listens or has no peer; not sent for others.
    pub v6only: Option<bool>,
    /// IP_TRANSPARENT: its address may be another host's. Not sent before 5.10, nor of TIME_WAIT and
    /// request sockets.
    pub transparent: Option<bool>,
    pub info: Option<TcpInfo>,
    pub memory: Option<SocketMemory>,
}

/// How long the kernel keeps TIME_WAIT (`TCP_TIMEWAIT_LEN`, include/net/tcp.h).
const TIME_WAIT_MS: u32 = 60_000;

impl SocketRow {
    /// A socket of which no more is known.
    pub fn bare(protocol: SocketProtocol, state: SocketState, local: Local) -> Self {
        SocketRow {
            protocol,
            state,
            local,
            peer: None,
            receive_queue: 0,
            send_queue: 0,
            timer: None,
            uid: 0,
            inode: 0,
            cookie: 0,
            mark: None,
            cgroup_id: None,
            v6only: None,
            transparent: None,
            info: None,
            memory: None,
        }
    }

    pub fn is_listener(&self) -> bool {
        self.state == SocketState::Listen
    }

    /// A connection that no process has accepted.
    pub fn is_unaccepted(&self) -> bool {
        let queued = [State::Established, State::CloseWait].map(SocketState::Connection);
        self.inode == 0 && queued.contains(&self.state) && self.info.is_some()
    }

    /// The user id, if the kernel keeps one: it gives 0 for TIME_WAIT, SYN_RECV and, before 6.16, for
    /// every socket that nobody holds.
    pub fn user(&self) -> Option<u32> {
        (self.inode != 0 || self.uid != 0).then_some(self.uid)
    }

    /// Whether read(2), recv(2) or accept(2) would return at once: data, a connection that waits, or
    /// the end of the peer's data.
    pub fn is_readable(&self) -> bool {
        let ended = [State::CloseWait, State::Closing, State::LastAck].map(SocketState::Connection);
        self.receive_queue > 0 || ended.contains(&self.state)
    }

    /// How full the queue is that it has a limit for.
    pub fn fill_ratio(&self) -> Option<f64> {
        match self.protocol {
            _ if self.is_listener() => {
                Some(f64::from(self.receive_queue) / (f64::from(self.send_queue) + 1.0))
            }
            SocketProtocol::Udp => {
                let limit = self.memory?.receive_limit_bytes;
                (limit > 0).then(|| f64::from(self.receive_queue) / f64::from(limit))
            }
            _ => None,
        }
    }

    pub fn idle_ms(&self) -> Option<u32> {
        self.info.as_ref().and_then(TcpInfo::idle_ms)
    }

    /// Since it began to wait, milliseconds: in TIME_WAIT, or for accept(2). A FIN_WAIT2 without an
    /// owner has the same timer, and begins at `tcp_fin_timeout`.
    pub fn age_ms(&self) -> Option<u32> {
        if self.state == SocketState::Connection(State::TimeWait) {
            return Some(TIME_WAIT_MS.saturating_sub(self.timer?.expires_ms));
        }
        let info = self.info.as_ref().filter(|_| self.is_unaccepted());
        info.and_then(TcpInfo::last_data_sent_ms)
    }
}

impl View for SocketRow {
    fn address(&self, end: End) -> Option<Address> {
        match end {
            End::Local => self.local.address(end),
            End::Peer => self.peer,
        }
    }

    fn path(&self) -> Option<&[u8]> {
        self.local.path()
    }

    fn state(&self) -> Option<SocketState> {
        Some(self.state)
    }

    fn interface(&self) -> Option<u32> {
        self.local.interface()
    }

    fn mark(&self) -> Option<u32> {
        self.mark
    }

    fn cgroup(&self) -> Option<u64> {
        self.cgroup_id
    }

    fn measure(&self, what: Measure) -> Option<u64> {
        let microseconds = |ms: u32| u64::from(ms) * 1000;
        match what {
            Measure::Fill => Some((self.fill_ratio()? * 10_000.0).round() as u64),
            Measure::Drops => self.memory?.drops.map(u64::from),
            Measure::ReceiveQueue => Some(self.receive_queue.into()),
            Measure::SendQueue => Some(self.send_queue.into()),
            Measure::Idle => self.idle_ms().map(microseconds),
            Measure::Rtt => self.info?.rtt_us().map(u64::from),
            Measure::Retransmits => self.info?.total_retransmits().map(u64::from),
            Measure::Age => self.age_ms().map(microseconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Family};

    fn closing(state: State) -> SocketRow {
        let address = [127, 0, 0, 1].into();
        SocketRow {
            peer: Some(Address { address, port: 80 }),
            timer: Some(SocketTimer {
                kind: TimerKind::TimeWait,
                expires_ms: 14_700,
                retransmits: 0,
                backoff: None,
            }),
            cookie: 7,
            ..SocketRow::bare(
                SocketProtocol::Tcp,
                SocketState::Connection(state),
                Local::Inet(Endpoint {
                    family: Family::V4,
                    address,
                    port: 40000,
                    interface: 0,
                }),
            )
        }
    }

    #[test]
    fn the_age_of_a_fin_wait2_is_not_known() {
        assert_eq!(closing(State::TimeWait).age_ms(), Some(45_300));
        // With tcp_fin_timeout=15 this one is 0.3 s old.
        assert_eq!(closing(State::FinWait2).age_ms(), None);
    }
}

//! One row of the report: a listener.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Cookie, LocalReport};
use crate::{
    analysis::Spread,
    model::{Netns, Owner, Protocol},
};

/// A socket in LISTEN, or an unconnected UDP socket.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListenerReport {
    /// The network namespace.
    pub netns: Netns,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Local address or path.
    pub local: LocalReport,
    /// State of its queue.
    pub state: State,
    /// Connections waiting for accept(2); `null` for UDP.
    pub accept_queue: Option<AcceptQueue>,
    /// Datagrams waiting for recv(2); `null` for all but UDP.
    pub receive_queue: Option<ReceiveQueue>,
    /// Request sockets; `null` for unix sockets and UDP, which have none.
    pub syn_queue: Option<SynQueue>,
    /// Packets that this socket dropped since it was created, for any reason: more than overflows,
    /// and an overflow at the final ACK counts twice. Wraps at 2^32.
    pub drops: Option<u32>,
    /// Change of `drops` since the previous reading.
    pub drops_delta: Option<u32>,
    /// `drops_delta` as a rate.
    pub drops_per_second: Option<f64>,
    /// Number of sockets that share this address and port through SO_REUSEPORT (for UDP also
    /// through SO_REUSEADDR), this one included.
    pub reuseport_members: u32,
    /// User id of the creator.
    pub uid: Option<u32>,
    /// Socket inode.
    pub inode: u32,
    /// Identifies this socket; never reused.
    pub cookie: Cookie,
    /// Cgroup of its owner; of its creator when the owner was not searched for or is not visible.
    pub cgroup: Option<String>,
    /// The service behind that cgroup: a systemd unit, `docker:ID`, `podman:UNIT/ID`, `pod:UID/ID`,
    /// `ecs:TASK/ID`.
    pub unit: Option<String>,
    /// Processes with a descriptor of it, as far as they were found.
    pub owners: Vec<Owner>,
    /// `owners` has every owner among the processes that /proc shows.
    pub owners_complete: bool,
    /// The accept queue of the fullest socket, where several were folded into this one (`--fold`):
    /// the numbers of this element are sums then, `accept_queue.fill_ratio` is the fullest
    /// socket's, and `inode` and `cookie` are one of the sockets'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fullest: Option<Fullest>,
    /// IPV6_V6ONLY: not the same endpoint as a dual-stack socket of the same address.
    #[serde(skip)]
    pub v6only: bool,
}

/// The accept queue of one socket of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fullest {
    /// Connections waiting for accept(2).
    pub length: u32,
    /// The limit of this socket alone.
    pub limit: u32,
}

/// How full a queue is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing waits.
    Idle,
    /// Less than half full.
    Ok,
    /// At least half full, or the SYN queue is at its limit, or above it and SYNs are answered with
    /// cookies.
    Busy,
    /// Full by the kernel's rule, so the next connection or datagram is dropped: the accept queue,
    /// the receive buffer, or the SYN queue with SYN cookies off.
    Full,
    /// Full, now or since the previous reading, and this socket dropped packets.
    Overflowing,
}

impl State {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            State::Idle => "idle",
            State::Ok => "ok",
            State::Busy => "busy",
            State::Full => "full",
            State::Overflowing => "overflowing",
        }
    }
}

/// Connections waiting for accept(2).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AcceptQueue {
    /// Number of connections. The queue is full when this is *greater* than the limit.
    pub length: u32,
    /// min(listen(2) backlog, somaxconn at that time). A queue of limit B holds B + 1.
    pub limit: u32,
    /// length ÷ (limit + 1); 1 is full.
    pub fill_ratio: f64,
    /// What set the limit; `null` when that cannot be known.
    pub limit_set_by: Option<LimitSetBy>,
    /// Time that the oldest connection has waited; `null` when none waits or it is not visible.
    pub oldest_wait_ms: Option<u64>,
    /// Connections that their client closed, half-closed or reset while they waited; `null` when
    /// connections came and went too fast to count, for MPTCP and for unix sockets.
    pub abandoned: Option<u64>,
    /// Unread bytes of requests that arrived on them; `null` as for `abandoned`.
    pub waiting_bytes: Option<u64>,
    /// `length` over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
}

/// What set an accept queue's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSetBy {
    /// The backlog that was passed to listen(2).
    Application,
    /// net.core.somaxconn as it is now.
    Somaxconn,
    /// An earlier, lower net.core.somaxconn: calling listen(2) again would raise the limit.
    Stale,
}

impl LimitSetBy {
    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            LimitSetBy::Application => "application",
            LimitSetBy::Somaxconn => "somaxconn",
            LimitSetBy::Stale => "stale",
        }
    }
}

/// A queue's length over many samples.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Sampled {
    #[serde(flatten)]
    pub spread: Spread,
    /// The share of samples in which the queue was full.
    pub full_ratio: f64,
    /// Connections accepted between the samples: the sum of the decreases. Those that new ones
    /// replaced between two samples are not among them.
    pub accepted_at_least: u64,
    /// The same per second; `null` for a single sample.
    pub accepted_at_least_per_second: Option<f64>,
    /// The longest time in which connections waited and the queue became no shorter.
    pub longest_pause_ms: u64,
}

/// Datagrams waiting for recv(2).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReceiveQueue {
    /// Memory charged for the datagrams, with the kernel's overhead.
    pub bytes: u32,
    /// The receive buffer (SO_RCVBUF as the kernel keeps it: twice the requested size).
    pub limit_bytes: Option<u32>,
    /// bytes ÷ limit_bytes; the kernel drops datagrams that do not fit.
    pub fill_ratio: Option<f64>,
}

/// Request sockets of all listeners that share the address: unfinished handshakes and, with
/// TCP_DEFER_ACCEPT, finished ones of clients that have sent nothing yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct SynQueue {
    /// SYNs that were answered, whose final ACK or, with TCP_DEFER_ACCEPT, first data has not come;
    /// `null` when they were not counted.
    pub length: Option<u32>,
    /// How many of them are this socket's own, of several that share the address; `null` where only
    /// those of all are known.
    pub own_length: Option<u32>,
    /// How many of them had their SYN-ACK retransmitted, which was not answered for a second.
    pub unanswered: Option<u32>,
    /// Number of addresses that they come from; 256 stands for more, too. `null` when only their
    /// number was read: there were fewer than 16.
    pub peers: Option<u32>,
    /// SYN cookies sent in the whole network namespace since the previous reading, where all
    /// counters were read.
    #[serde(skip)]
    pub cookies_sent: Option<u64>,
    /// How many came back.
    #[serde(skip)]
    pub cookies_validated: Option<u64>,
    /// The share of the whole network namespace's handshakes since the previous reading that
    /// finished, of those and the ones that nobody answered; where all counters were read.
    #[serde(skip)]
    pub finished_ratio: Option<f64>,
    /// The queue is full when it is longer than this, under the sysctls in force; kernels before 6.14
    /// and its backports hold no more than this. With SYN cookies
    /// on, more SYNs are answered without an entry; with tcp_syncookies = 2 none has one: 0.
    pub limit: Option<u64>,
    /// net.ipv4.tcp_syncookies: at a full queue SYNs are dropped (0) or get a cookie (1); 2: all do.
    pub cookies: Option<u32>,
    /// This kernel holds no more than the limit, so that the queue is full at it.
    #[serde(skip)]
    pub full_at_limit: bool,
}

impl SynQueue {
    /// More handshakes are unfinished than the queue holds.
    pub fn is_full(&self) -> bool {
        let length = self.length.map(u64::from).zip(self.limit);
        let is_over = |(length, limit)| length > limit || (length == limit && self.full_at_limit);
        self.cookies != Some(2) && length.is_some_and(is_over)
    }

    /// Full, or one short of it.
    pub(super) fn is_at_limit(&self) -> bool {
        let length = self.length.map(u64::from).zip(self.limit);
        self.cookies != Some(2) && length.is_some_and(|(length, limit)| length >= limit.max(1))
    }

    /// The kernel drops new SYNs when the queue is full.
    pub fn drops(&self) -> bool {
        self.cookies == Some(0)
    }
}

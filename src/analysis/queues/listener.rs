//! One listener as it is reported.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use super::LocalReport;
use crate::model::{Netns, Owner, Protocol};

/// One socket that others connect or send to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListenerReport {
    /// The network namespace it lives in.
    pub netns: Netns,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is bound.
    pub local: LocalReport,
    /// How its queue stands.
    pub state: State,
    /// Connections waiting for accept(2); `null` for UDP.
    pub accept_queue: Option<AcceptQueue>,
    /// Datagrams waiting for recv(2); `null` for all but UDP.
    pub receive_queue: Option<ReceiveQueue>,
    /// Handshakes not finished; `null` for unix sockets and UDP, which have none.
    pub syn_queue: Option<SynQueue>,
    /// Packets this socket dropped since it was made, for whatever reason: more than overflows, and
    /// an overflow at the last ACK counts twice. Wraps at 2^32.
    pub drops: Option<u32>,
    /// Drops since the reading before.
    pub drops_delta: Option<u32>,
    /// The same as a rate.
    pub drops_per_second: Option<f64>,
    /// How many sockets share this address and port through SO_REUSEPORT (for UDP also through
    /// SO_REUSEADDR); 1 when none does.
    pub reuseport_members: u32,
    /// User id of the creator.
    pub uid: Option<u32>,
    /// Socket inode.
    pub inode: u32,
    /// Names this socket and no later one.
    pub cookie: Cookie,
    /// Cgroup of its owner; of its creator when the owner was not looked for or is not visible.
    pub cgroup: Option<String>,
    /// The service behind that cgroup: a systemd unit, `docker:ID`, `pod:UID/ID`.
    pub unit: Option<String>,
    /// The processes that hold it, as far as they were found.
    pub owners: Vec<Owner>,
    /// These are all there are among the processes that /proc shows.
    pub owners_complete: bool,
    /// The queue of the fullest socket, where several were folded into this one.
    #[serde(skip)]
    pub fullest: Option<Fullest>,
    /// It serves IPv6 clients only, and is another place than a dual-stack socket of its address.
    #[serde(skip)]
    pub v6only: bool,
}

/// The queue of one socket out of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fullest {
    /// How many wait.
    pub length: u32,
    /// Its own limit.
    pub limit: u32,
}

/// How a queue stands, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing waits.
    Idle,
    /// Less than half full.
    Ok,
    /// At least half full, or the SYN queue is full and SYNs are answered with cookies.
    Busy,
    /// Full as the kernel judges it: the next one is not taken. The accept queue (or receive
    /// buffer) is, or the SYN queue with SYN cookies off.
    Full,
    /// Full, and this socket has dropped packets: since the reading before when there is one, and
    /// then also when it was full in between.
    Overflowing,
}

impl State {
    /// The word for it.
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
    /// How many wait. The queue is full when this is *greater* than the limit.
    pub length: u32,
    /// min(listen(2) backlog, somaxconn at that time). A queue of limit B holds B + 1.
    pub limit: u32,
    /// length ÷ (limit + 1); 1 is full.
    pub fill_ratio: f64,
    /// Who set the limit; `null` when that cannot be known.
    pub limit_set_by: Option<LimitSetBy>,
    /// How long the oldest of them has waited; `null` when nobody waits or it could not be seen.
    pub oldest_wait_ms: Option<u64>,
    /// How many of them were closed, half-closed or reset by their client meanwhile; `null` when
    /// connections came and went too fast to tell, for MPTCP and for unix sockets.
    pub abandoned: Option<u64>,
    /// Request bytes that arrived on them and nobody has read; `null` likewise.
    pub waiting_bytes: Option<u64>,
    /// How the length was spread over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
}

/// Who set an accept queue's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitSetBy {
    /// The backlog given to listen(2).
    Application,
    /// net.core.somaxconn as it is now.
    Somaxconn,
    /// net.core.somaxconn as it was when listen(2) was called; it is higher now, and calling
    /// listen(2) again would raise the limit.
    Stale,
}

impl LimitSetBy {
    /// As in JSON.
    pub fn word(self) -> &'static str {
        match self {
            LimitSetBy::Application => "application",
            LimitSetBy::Somaxconn => "somaxconn",
            LimitSetBy::Stale => "stale",
        }
    }
}

/// A length over many samples.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Sampled {
    /// How many samples.
    pub samples: u64,
    /// The smallest.
    pub minimum: u64,
    /// The mean.
    pub mean: f64,
    /// 95 of 100 samples do not exceed this.
    pub p95: u64,
    /// The largest.
    pub maximum: u64,
    /// The share of samples in which the queue was full.
    pub full_ratio: f64,
}

/// Datagrams waiting for recv(2).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ReceiveQueue {
    /// Memory charged for them, the kernel's overhead included.
    pub bytes: u32,
    /// The receive buffer (SO_RCVBUF as the kernel keeps it, twice what was asked for).
    pub limit_bytes: Option<u32>,
    /// bytes ÷ limit_bytes; the kernel drops a datagram that does not fit.
    pub fill_ratio: Option<f64>,
}

/// Handshakes not finished, of all listeners that share the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SynQueue {
    /// How many SYNs were answered and not yet confirmed; `null` when they were not counted.
    pub length: Option<u32>,
    /// How many fit, for the sysctls in force; full is greater than this. With SYN cookies on, more
    /// are answered without being kept; with tcp_syncookies = 2 none is kept and this is 0.
    pub limit: Option<u64>,
    /// net.ipv4.tcp_syncookies: what happens when it is full. 0: SYNs are dropped; 1: they are
    /// answered with a cookie; 2: all are, always.
    pub cookies: Option<u32>,
}

impl SynQueue {
    /// More handshakes are unfinished than fit.
    pub fn is_full(&self) -> bool {
        match (self.length, self.limit, self.cookies) {
            (_, _, Some(2)) => false,
            (Some(length), Some(limit), _) => u64::from(length) > limit,
            _ => false,
        }
    }

    /// New SYNs are dropped when it is full.
    pub fn drops(&self) -> bool {
        self.cookies == Some(0)
    }
}

/// A 64-bit socket cookie, published as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cookie(pub u64);

impl Serialize for Cookie {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Cookie {
    fn schema_name() -> Cow<'static, str> {
        "Cookie".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "A 64-bit socket cookie, in decimal"
        })
    }
}

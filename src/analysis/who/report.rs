//! The report: who holds a port, or what a process holds, and what bind() would return.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::Verdict;
use crate::{
    analysis::{Cookie, Finding, sockets::EndReport},
    model::{Incomplete, Netns, Owner, SocketProtocol, SocketState},
};

/// The sockets that hold a port, or the sockets of a process or unit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct WhoReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// What was asked for.
    pub target: String,
    /// The port; `null` for a process or unit.
    pub port: Option<u16>,
    /// The namespace that `bind` is about.
    pub netns: Netns,
    /// The user whose bind() is judged, by id.
    pub uid: u32,
    /// Who holds it, in one sentence.
    pub answer: String,
    /// What to do about it: each element stands alone, the first is the most useful.
    pub advice: Vec<String>,
    /// What bind() would return. Empty for a process or unit.
    pub bind: Vec<BindReport>,
    /// One element per socket; of connections and TIME_WAITs at most about 10,000.
    pub holders: Vec<HolderReport>,
    /// Connections and TIME_WAITs beyond these.
    pub omitted: u64,
}

is_report!(WhoReport, "who/v1");

/// What bind() returns for one address, without and with options of the socket. `null` where an
/// option of a holder that decides is not known.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BindReport {
    pub address: IpAddr,
    pub protocol: SocketProtocol,
    /// IPV6_V6ONLY of the socket; `null` for IPv4.
    pub v6only: Option<bool>,
    /// Without options.
    pub plain: Option<Verdict>,
    /// With SO_REUSEADDR.
    pub reuseaddr: Option<Verdict>,
    /// With SO_REUSEPORT.
    pub reuseport: Option<Verdict>,
    /// With both.
    pub both: Option<Verdict>,
    /// bind() was called (`--try`); else it is concluded from the holders.
    pub tried: bool,
    /// Why bind() without options fails: a socket that excludes it, and why options do not help, or
    /// what it lacks. `null` where it succeeds or that is not known.
    pub because: Option<String>,
}

/// How a socket holds its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// It accepts connections.
    Listener,
    /// It neither listens nor has a peer. UDP sockets that receive from anyone are bound.
    Bound,
    /// It has a peer, or did.
    Connection,
    /// The kernel keeps a closed connection's ports until its time is over.
    TimeWait,
    /// The process has closed it; the kernel sends the rest.
    Orphan,
}

impl HolderKind {
    /// As JSON spells it.
    pub fn word(self) -> &'static str {
        match self {
            HolderKind::Listener => "listener",
            HolderKind::Bound => "bound",
            HolderKind::Connection => "connection",
            HolderKind::TimeWait => "time_wait",
            HolderKind::Orphan => "orphan",
        }
    }
}

/// A socket.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HolderReport {
    pub kind: HolderKind,
    pub netns: Netns,
    pub protocol: SocketProtocol,
    pub state: SocketState,
    /// Where it is bound.
    pub local: EndReport,
    /// `null` for a socket without a peer.
    pub peer: Option<EndReport>,
    /// Until the kernel gives it up by itself: TIME_WAIT, and FIN_WAIT2 that nobody holds.
    pub expires_ms: Option<u32>,
    /// User id of the creator; `null` where the kernel keeps none.
    pub uid: Option<u32>,
    /// SO_REUSEADDR; `null` where the descriptor could not be read.
    pub reuseaddr: Option<bool>,
    /// SO_REUSEPORT; `null` where the descriptor could not be read.
    pub reuseport: Option<bool>,
    /// IPV6_V6ONLY; `null` for IPv4, and where it is not known.
    pub v6only: Option<bool>,
    /// Socket inode, 0 when nobody holds it.
    pub inode: u32,
    /// Names this socket and no later one; `null` where the kernel tells none.
    pub cookie: Option<Cookie>,
    /// systemd unit, container or pod of the owner.
    pub unit: Option<String>,
    /// Processes that have it open.
    pub owners: Vec<Owner>,
    /// Every descriptor of every process was inspected.
    pub owners_complete: bool,
}

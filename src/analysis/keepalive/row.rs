//! Rows of the report: a group of connections, or one connection.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::{
        Spread,
        sockets::{GroupName, SocketReport},
    },
    model::{KeepaliveOptions, Netns},
};

/// A group, or a connection with `--by socket`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Row {
    Group(Box<GroupReport>),
    Connection(Box<ConnectionReport>),
}

impl Row {
    pub fn group(&self) -> Option<&GroupReport> {
        match self {
            Row::Group(group) => Some(group),
            Row::Connection(_) => None,
        }
    }

    pub fn connection(&self) -> Option<&ConnectionReport> {
        match self {
            Row::Group(_) => None,
            Row::Connection(connection) => Some(connection),
        }
    }

    pub fn netns(&self) -> &Netns {
        match self {
            Row::Group(group) => &group.name.netns,
            Row::Connection(connection) => &connection.socket.netns,
        }
    }
}

/// Connections that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct GroupReport {
    #[serde(flatten)]
    pub name: GroupName,
    /// Connections.
    pub sockets: u64,
    /// Connections with keepalive.
    pub enabled: u64,
    /// Connections without keepalive.
    pub not_enabled: u64,
    /// Connections of which another timer hides the timer of keepalive.
    pub unknown: u64,
    /// Longest time without data either way.
    pub oldest_idle_ms: Option<u32>,
    /// Longest time without data of a connection without keepalive; `null` without one.
    pub oldest_idle_without_ms: Option<u32>,
    /// Time until the first keepalive probe of the group; `null` where no keepalive timer runs.
    pub expires_ms: Option<u32>,
    /// Longest time until a dead peer is noticed by keepalive; `null` where the time of one
    /// connection with keepalive is not known.
    pub detection_seconds: Option<u64>,
    #[serde(skip)]
    pub(super) has_unknown_detection: bool,
    /// `detection_seconds` is inferred from net.ipv4.tcp_keepalive_*.
    pub detection_inferred: bool,
    /// `not_enabled` over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ConnectionReport {
    #[serde(flatten)]
    pub socket: SocketReport,
    #[serde(flatten)]
    pub keepalive: Keepalive,
}

/// Keepalive of one connection.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Keepalive {
    /// Keepalive; `null` where another timer hides it.
    pub enabled: Option<bool>,
    /// Time until the next keepalive probe; `null` where no keepalive timer runs.
    pub expires_ms: Option<u32>,
    /// Time since data was last sent or received.
    pub idle_ms: Option<u32>,
    /// Time since a segment came or data was sent, as far as the kernel remembers: keepalive probes of
    /// the peer do not count.
    pub silent_ms: Option<u32>,
    /// Until a dead peer is noticed, counted from the last segment; `null` without keepalive, and
    /// where the timer does not agree with the settings of the namespace.
    pub detection_seconds: Option<u64>,
    /// `detection_seconds` is inferred from net.ipv4.tcp_keepalive_*: no attribute has the socket's
    /// own settings.
    pub detection_inferred: bool,
    /// The socket's own settings (`--options`).
    pub options: Option<KeepaliveOptions>,
}

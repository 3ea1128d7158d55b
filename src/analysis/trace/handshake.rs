//! A handshake as it is reported.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Listening, Outcome, QueueSample};
use crate::model::{Address, Flags, Segment};

/// One handshake, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Handshake {
    /// Who sent the SYN.
    pub client: Address,
    /// Whom it was sent to.
    pub server: Address,
    /// The device that its first packet was seen on; `null` where that has no name.
    pub interface: Option<Arc<str>>,
    /// The outermost VLAN's id; `null` when it was seen in none.
    pub vlan: Option<u16>,
    /// When its first packet was seen: RFC 3339, UTC.
    pub started: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The cause of a failure or of a delay in words, or the causes that are possible; `null` where
    /// there is neither.
    pub reason: Option<&'static str>,
    /// The server took the client's acknowledgement, as something that followed proves, or this
    /// host's kernel says.
    pub confirmed: bool,
    /// Which host it was captured on, seen from this handshake; `null` where that is not known.
    pub captured_on: Option<CapturedOn>,
    /// How often the SYN was sent again.
    pub syn_retransmits: u32,
    /// How often the SYN-ACK was sent again.
    pub syn_ack_retransmits: u32,
    /// When each SYN was sent again, in milliseconds since the first; at most 32.
    pub syn_after_ms: Vec<f64>,
    /// When each SYN-ACK was sent again, in milliseconds since the first; at most 32.
    pub syn_ack_after_ms: Vec<f64>,
    /// From the first SYN to the first SYN-ACK: the server's kernel, where captured on the server;
    /// network and server, where captured on the client.
    pub syn_to_syn_ack_ms: Option<f64>,
    /// From the first SYN-ACK to the first ACK: network and client, where captured on the server.
    pub syn_ack_to_ack_ms: Option<f64>,
    /// From the first SYN to the first ACK.
    pub total_ms: Option<f64>,
    /// The half that was spent on the host it was captured on; `null` where that is neither end,
    /// both, or not known.
    pub host_ms: Option<f64>,
    /// The other half: the network, and the peer behind it.
    pub network_ms: Option<f64>,
    /// What both ends offered.
    pub options: Options,
    /// How many bytes of data in the SYN the SYN-ACK acknowledged (RFC 7413); `null` when it
    /// carried none, or no SYN-ACK was seen.
    pub fast_open_bytes: Option<u32>,
    /// Initial sequence numbers.
    pub sequence: Sequence,
    /// The listener's accept queue when the handshake was last seen, or when it was full before;
    /// `null` when the server is not on this host, nobody listened there, or nobody looked.
    pub listener_queue: Option<QueueSample>,
    /// How it was broken off; `null` when it was not.
    pub reset: Option<ResetReport>,
    /// Milliseconds since the connection before with the same addresses and ports ended; `null`
    /// when none was seen to end.
    pub reused_after_ms: Option<f64>,
    /// Which packet of the capture tells the outcome, from 1.
    pub packet: u64,
    /// What else must be known of it.
    pub remarks: Vec<Remark>,
    /// When it began, in nanoseconds since 1970.
    #[serde(skip)]
    pub started_ns: u64,
    /// The device's index.
    #[serde(skip)]
    pub interface_index: u32,
    /// Who listened at the server's address; `None` where that is not known.
    #[serde(skip)]
    pub listening: Option<Listening>,
}

/// Where a handshake was captured: which part of its time is whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapturedOn {
    /// On the server.
    Server,
    /// On the client.
    Client,
    /// Both ends are on one host.
    Both,
    /// On a host between them.
    Between,
}

impl CapturedOn {
    /// The server is on this host.
    pub fn has_server(self) -> bool {
        matches!(self, CapturedOn::Server | CapturedOn::Both)
    }
}

/// What both ends offered in their SYNs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Options {
    /// In the SYN; `null` when it was not seen.
    pub client: Option<Offer>,
    /// In the SYN-ACK; `null` when it was not seen.
    pub server: Option<Offer>,
}

/// What one end offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Offer {
    /// Largest segment that it takes, in bytes.
    pub mss: Option<u16>,
    /// Shift of its window.
    pub window_scale: Option<u8>,
    /// Selective acknowledgements.
    pub sack: bool,
    /// Timestamps.
    pub timestamps: bool,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: bool,
    /// TCP Fast Open (RFC 7413).
    pub fast_open: Option<FastOpen>,
    /// Multipath TCP (RFC 8684).
    pub mptcp: bool,
    /// The capture cut options off, or they are malformed.
    pub cut: bool,
}

/// What a segment says of TCP Fast Open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FastOpen {
    /// It asks for a cookie.
    CookieRequested,
    /// It carries one.
    Cookie,
}

/// Initial sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sequence {
    /// The client's.
    pub client_isn: Option<u32>,
    /// The server's, as it sent it last.
    pub server_isn: Option<u32>,
}

/// A reset that ended a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResetReport {
    /// Who sent it.
    pub by: Side,
    /// RST and ACK: a socket was there, or a SYN met none. A bare RST refuses an acknowledgement.
    pub with_ack: bool,
    /// The client's acknowledgement was seen before.
    pub after_ack: bool,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It sent the SYN.
    Client,
    /// It was sent the SYN.
    Server,
    /// Neither was first.
    Both,
}

/// What else must be known of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// Its SYN was not seen.
    BegunBefore,
    /// The capture ended first.
    EndedEarly,
    /// The kernel lost packets meanwhile, perhaps of this one.
    LossPossible,
    /// The clock was set meanwhile, so no time is told.
    ClockStepped,
    /// The server answered the SYN by a bare ACK: it still has an old connection.
    ChallengeAck,
    /// The SYN-ACK was sent once only: a SYN cookie, or an acknowledgement that was not captured.
    SynAckNotRepeated,
    /// SYN-ACKs came with different sequence numbers.
    ServerSequenceChanged,
    /// There was no room to wait for its end.
    Evicted,
}

impl Offer {
    /// What a SYN or SYN-ACK offers.
    pub fn of(segment: &Segment) -> Self {
        let options = &segment.options;
        let is_answer = segment.flags.has(Flags::ACK);
        let offers_ecn = match is_answer {
            true => segment.flags.has(Flags::ECE),
            false => segment.flags.has(Flags::ECE.and(Flags::CWR)),
        };
        Offer {
            mss: options.mss,
            window_scale: options.window_scale,
            sack: options.sack_permitted,
            timestamps: options.timestamps.is_some(),
            ecn: offers_ecn,
            fast_open: options.fast_open_cookie.map(|bytes| match bytes {
                0 => FastOpen::CookieRequested,
                1.. => FastOpen::Cookie,
            }),
            mptcp: options.mptcp.is_some(),
            cut: options.cut,
        }
    }
}

/// RFC 3339 with microseconds.
pub fn written(time_ns: u64) -> String {
    let time = Timestamp::from_nanosecond(time_ns.into());
    format!("{:.6}", time.unwrap_or(Timestamp::MAX))
}

/// Nanoseconds as milliseconds with three decimals.
pub fn milliseconds(nanoseconds: u64) -> f64 {
    (nanoseconds / 1000) as f64 / 1000.0
}

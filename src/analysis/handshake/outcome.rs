//! How handshakes end, why, and how certain that is.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Address, Segment};

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The client acknowledged the SYN-ACK, which was captured or is proved by later segments, and
    /// nothing contradicts it.
    Established,
    /// A reset answered the SYN: nobody listens there.
    Refused,
    /// Neither a SYN-ACK nor a reset answered the SYN.
    NoReply,
    /// An ICMP error says that the SYN or the SYN-ACK could not be delivered.
    Unreachable,
    /// The SYN-ACK was not acknowledged.
    SynAckUnanswered,
    /// The SYN-ACK was retransmitted after its acknowledgement: the accept queue was full, the ACK
    /// was lost on the way, or the server waits for data (`TCP_DEFER_ACCEPT`).
    AckDropped,
    /// The client reset the connection before it sent anything.
    ResetByClient,
    /// The server reset the connection before it sent anything.
    ResetByServer,
    /// SYNs crossed each other, and both were acknowledged.
    SimultaneousOpen,
    /// A socket connected to itself.
    SelfConnect,
    /// The capture does not show how it ended.
    Incomplete,
}

impl Outcome {
    pub const ALL: [Outcome; 11] = [
        Outcome::Established,
        Outcome::Refused,
        Outcome::NoReply,
        Outcome::Unreachable,
        Outcome::SynAckUnanswered,
        Outcome::AckDropped,
        Outcome::ResetByClient,
        Outcome::ResetByServer,
        Outcome::SimultaneousOpen,
        Outcome::SelfConnect,
        Outcome::Incomplete,
    ];

    /// There is no connection, or it was delayed by a dropped ACK.
    pub fn is_failure(self) -> bool {
        use Outcome::*;
        !matches!(
            self,
            Established | SimultaneousOpen | SelfConnect | Incomplete
        )
    }

    /// The outcome in words for people.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Established => "established",
            Outcome::Refused => "refused",
            Outcome::NoReply => "no reply",
            Outcome::Unreachable => "unreachable",
            Outcome::SynAckUnanswered => "SYN-ACK unanswered",
            Outcome::AckDropped => "ACK dropped",
            Outcome::ResetByClient => "reset by client",
            Outcome::ResetByServer => "reset by server",
            Outcome::SimultaneousOpen => "simultaneous open",
            Outcome::SelfConnect => "self-connect",
            Outcome::Incomplete => "incomplete",
        }
    }
}

/// Why a handshake failed or was delayed: a text in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Reason {
    /// The cause, or the candidates.
    pub text: &'static str,
    /// What the text rests on.
    #[serde(skip)]
    pub basis: Basis,
}

/// What a [`Reason`] rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    /// The accept queue of the listener on this host was seen full.
    FullQueue,
    /// The evidence excludes other causes.
    Evidence,
    /// Several causes are possible, but not the listener: it dropped nothing.
    NotTheListener,
    /// Several causes are possible.
    Inference,
}

/// The host that a handshake was captured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapturedOn {
    /// On the server.
    Server,
    /// On the client.
    Client,
    /// Client and server are on one host.
    Both,
    /// On a host between client and server.
    Between,
}

impl CapturedOn {
    /// The server is on the host that captured.
    pub fn has_server(self) -> bool {
        matches!(self, CapturedOn::Server | CapturedOn::Both)
    }
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The sender of the SYN.
    Client,
    /// The receiver of the SYN.
    Server,
    /// Both at once.
    Both,
}

impl Side {
    /// The sender of a segment.
    pub(super) fn of(segment: &Segment, client: Address) -> Self {
        match segment.source == client {
            true => Side::Client,
            false => Side::Server,
        }
    }
}

/// A reset that ended a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResetReport {
    /// The sender.
    pub by: Side,
    /// RST and ACK: it came from a socket, or answers a SYN that met none. A bare RST rejects an
    /// acknowledgement.
    pub with_ack: bool,
    /// The client's acknowledgement was seen before.
    pub after_ack: bool,
}

/// An ICMP error about a SYN or a SYN-ACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unreachable {
    /// The host that could not deliver it, or that rejected it.
    pub by: IpAddr,
    /// Type of the message, of ICMP or ICMPv6 by the family of the connection.
    pub icmp_type: u8,
    /// Code of the message.
    pub icmp_code: u8,
    /// The sender of what could not be delivered: the client of a SYN.
    pub sent_by: Side,
}

/// What limits the certainty of an outcome, or is unusual about a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// Its SYN was not captured.
    BegunBefore,
    /// The capture ended before the handshake did.
    EndedEarly,
    /// The capture dropped packets meanwhile, perhaps of this handshake.
    LossPossible,
    /// The clock was set meanwhile, so durations are unknown.
    ClockStepped,
    /// The server answered the SYN with a bare ACK: it still has an old connection.
    ChallengeAck,
    /// The SYN-ACK was not retransmitted: a SYN cookie, or an ACK that was not captured.
    SynAckNotRepeated,
    /// SYN-ACKs came with different sequence numbers.
    ServerSequenceChanged,
    /// Too many handshakes were unfinished to wait for the end of this one.
    Evicted,
}

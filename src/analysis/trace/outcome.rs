//! How handshakes end.

use schemars::JsonSchema;
use serde::Serialize;

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The SYN-ACK was acknowledged, as was seen or as what followed proves, and nothing
    /// contradicts.
    Established,
    /// The SYN was answered by a reset: nobody listens there.
    Refused,
    /// Neither a SYN-ACK nor a reset answered a SYN.
    NoReply,
    /// The SYN-ACK was not acknowledged.
    SynAckUnanswered,
    /// The SYN-ACK was acknowledged and came again: the accept queue was full, the ACK was lost on
    /// the way, or the server waits for data (`TCP_DEFER_ACCEPT`).
    AckDropped,
    /// The client broke it off before it sent anything.
    ResetByClient,
    /// The server broke it off before it sent anything.
    ResetByServer,
    /// SYNs crossed each other, and both were acknowledged.
    SimultaneousOpen,
    /// A socket connected to itself.
    SelfConnect,
    /// The capture does not tell.
    Incomplete,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 10] = [
        Outcome::Established,
        Outcome::Refused,
        Outcome::NoReply,
        Outcome::SynAckUnanswered,
        Outcome::AckDropped,
        Outcome::ResetByClient,
        Outcome::ResetByServer,
        Outcome::SimultaneousOpen,
        Outcome::SelfConnect,
        Outcome::Incomplete,
    ];

    /// There is no connection, or it came late.
    pub fn is_failure(self) -> bool {
        use Outcome::*;
        match self {
            Refused | NoReply | SynAckUnanswered | AckDropped | ResetByClient | ResetByServer => {
                true
            }
            Established | SimultaneousOpen | SelfConnect | Incomplete => false,
        }
    }

    /// As it is said to people.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Established => "established",
            Outcome::Refused => "refused",
            Outcome::NoReply => "no reply",
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

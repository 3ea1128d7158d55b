//! What all handshakes come to.

use std::{collections::BTreeMap, net::IpAddr};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    CapturedOn, Outcome, QueueSample, Rises,
    latency::{Bar, Percentiles},
};

/// What all handshakes come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// How many ended how.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// How many ended at all.
    pub handshakes: u64,
    /// How many of them were shown.
    pub shown: u64,
    /// How long the trace took, in milliseconds; of a file, from its first packet to its last.
    pub duration_ms: f64,
    /// Packets that were looked at.
    pub packets: u64,
    /// Packets that the kernel had no room for; `null` when they were read from a file.
    pub lost_by_kernel: Option<u64>,
    /// From SYN to ACK, of those established.
    pub latency_ms: Percentiles,
    /// The same as bars.
    pub histogram: Vec<Bar>,
    /// Why handshakes failed, the most frequent first.
    pub failures: Vec<Failure>,
    /// Who ended connections first, and how; `null` when that was not followed.
    pub closes: Option<Closes>,
    /// By server, those with most failures first; at most 20.
    pub listeners: Vec<ListenerSummary>,
    /// By client, those with most failures first, then the slowest; at most 20.
    pub peers: Vec<PeerSummary>,
    /// How many servers there are; `null` when they were too many to be told apart.
    pub listener_count: Option<u64>,
    /// How many clients there are; `null` when they were too many to be told apart.
    pub peer_count: Option<u64>,
    /// Unfinished handshakes that were forgotten for want of room; they are in none of these
    /// numbers.
    pub evicted: u64,
    /// Parts of fragmented TCP packets.
    pub fragments: u64,
    /// Packets that should be TCP and could not be read.
    pub undecodable: u64,
    /// What counters of the kernel rose by meanwhile, in the namespace that was captured; `null`
    /// when packets were read from a file, or the counters could not be.
    pub counters: Option<Rises>,
}

/// Handshakes that failed for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// How they ended.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}

/// How connections ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Closes {
    /// Both ends sent FIN, the client first.
    pub by_client: u64,
    /// Both ends sent FIN, the server first.
    pub by_server: u64,
    /// FINs crossed each other.
    pub by_both: u64,
    /// An end sent RST.
    pub reset: u64,
}

/// What all handshakes with one server come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListenerSummary {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// How many ended.
    pub handshakes: u64,
    /// How many of them failed.
    pub failed: u64,
    /// How many ended how, those that did not occur left out.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// From SYN to ACK, of those established.
    pub latency_ms: Percentiles,
    /// From SYN to SYN-ACK.
    pub syn_to_syn_ack_ms: Percentiles,
    /// Its accept queue when it was fullest; `null` when it is not on this host.
    pub queue_max: Option<QueueSample>,
    /// Where its handshakes were captured; `null` when that is not known, or differs.
    pub captured_on: Option<CapturedOn>,
}

/// What all handshakes of one client come to.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PeerSummary {
    /// Its address.
    pub address: IpAddr,
    /// How many ended.
    pub handshakes: u64,
    /// How many of them failed.
    pub failed: u64,
    /// From SYN to ACK, of those established.
    pub latency_ms: Percentiles,
}

/// What is counted beside handshakes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Packets that were looked at.
    pub packets: u64,
    /// Packets that the kernel had no room for.
    pub lost_by_kernel: Option<u64>,
    /// Parts of fragmented TCP packets.
    pub fragments: u64,
    /// Packets that should be TCP and could not be read.
    pub undecodable: u64,
    /// How long the trace took, in milliseconds.
    pub duration_ms: f64,
    /// Ends of connections were followed.
    pub follows_closes: bool,
    /// Handshakes that were shown.
    pub shown: u64,
    /// Unfinished handshakes that were forgotten.
    pub evicted: u64,
    /// What counters rose by.
    pub counters: Option<Rises>,
}

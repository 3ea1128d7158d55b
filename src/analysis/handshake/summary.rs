//! The summary of a trace as it is published.

use std::{collections::BTreeMap, net::IpAddr};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    history::{Close, How},
    latency::{Bar, Percentiles},
    listeners::QueueSample,
    outcome::{CapturedOn, Outcome, Reason, Side},
};
use crate::{analysis::change, model::Counters};

/// Increases by counter name, without counters that this kernel lacks (net/ipv4/proc.c).
pub type CounterDeltas = BTreeMap<String, u64>;

/// Counters of `TcpExt` that concern handshakes.
const NAMES: [&str; 9] = [
    "ListenOverflows",
    "ListenDrops",
    "TCPReqQFullDrop",
    "TCPReqQFullDoCookies",
    "SyncookiesSent",
    "SyncookiesRecv",
    "SyncookiesFailed",
    "TCPFastOpenPassive",
    "TCPFastOpenPassiveFail",
];

/// The summary of a trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// Handshakes by outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Handshakes that ended.
    pub handshakes: u64,
    /// Handshakes that were shown.
    pub shown: u64,
    /// Duration of the trace in milliseconds; of a file, from its first packet to its last.
    pub duration_ms: f64,
    /// Packets that were captured.
    pub packets: u64,
    /// Packets that the capture dropped for lack of room; `null` for a file.
    pub lost_by_kernel: Option<u64>,
    /// From SYN to ACK, of established handshakes.
    pub latency_ms: Percentiles,
    /// The distribution of that latency.
    pub histogram: Vec<Bar>,
    /// Why handshakes failed, the most frequent reason first.
    pub failures: Vec<Failure>,
    /// How connections ended; `null` when closes were not traced.
    pub closes: Option<Closes>,
    /// By server, most failures first; at most 20.
    pub listeners: Vec<ListenerSummary>,
    /// By client, most failures first, then the slowest; at most 20.
    pub peers: Vec<PeerSummary>,
    /// Number of servers; `null` when more than are counted.
    pub listener_count: Option<u64>,
    /// Number of clients; `null` when more than are counted.
    pub peer_count: Option<u64>,
    /// Unfinished handshakes that were forgotten for lack of room; no other field counts them.
    pub evicted: u64,
    /// Fragments of TCP packets.
    pub fragments: u64,
    /// TCP packets that could not be decoded.
    pub undecodable: u64,
    /// Increases of kernel counters during the trace, in the traced network namespace; `null` for a
    /// file, or when the counters could not be read.
    pub counters: Option<CounterDeltas>,
}

/// Handshakes that failed or were delayed for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// Their outcome.
    pub outcome: Outcome,
    /// The reason in words.
    pub reason: Reason,
    /// Number of handshakes.
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

impl Closes {
    pub(crate) fn add(&mut self, close: &Close) {
        let count = match (close.how, close.closed_by) {
            (How::Reset, _) => &mut self.reset,
            (How::Fin, Side::Client) => &mut self.by_client,
            (How::Fin, Side::Server) => &mut self.by_server,
            (How::Fin, Side::Both) => &mut self.by_both,
        };
        *count += 1;
    }
}

/// The handshakes with one server.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ListenerSummary {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Handshakes that ended.
    pub handshakes: u64,
    /// Handshakes that failed.
    pub failed: u64,
    /// By outcome, without outcomes that did not occur.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// From SYN to ACK, of established handshakes.
    pub latency_ms: Percentiles,
    /// From SYN to SYN-ACK.
    pub syn_to_syn_ack_ms: Percentiles,
    /// The fullest sample of its accept queue; `null` when it is not on this host.
    pub queue_max: Option<QueueSample>,
    /// Where its handshakes were captured; `null` when that is unknown or differs.
    pub captured_on: Option<CapturedOn>,
    /// Why its handshakes failed or were delayed, the most frequent reason first.
    pub reasons: Vec<Failure>,
}

/// The handshakes of one client.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PeerSummary {
    /// Its address.
    pub address: IpAddr,
    /// Handshakes that ended.
    pub handshakes: u64,
    /// Handshakes that failed.
    pub failed: u64,
    /// From SYN to ACK, of established handshakes.
    pub latency_ms: Percentiles,
}

/// The increases between two readings.
pub fn counter_deltas(before: &Counters, after: &Counters) -> CounterDeltas {
    let delta = |name: &str| {
        let value = |counters: &Counters| counters.value("TcpExt", name);
        let delta = change(value(before)?, value(after)?)?;
        Some((name.to_owned(), u64::try_from(delta).ok()?))
    };
    NAMES.into_iter().filter_map(delta).collect()
}

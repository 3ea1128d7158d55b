//! A handshake as it is published.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    attempt::Attempt,
    listeners::{Listening, QueueSample},
    outcome::{CapturedOn, Outcome, Reason, Remark, ResetReport, Unreachable},
    transmissions::Transmissions,
    verdict::Evidence,
};
use crate::model::{Address, Flags, Tunnel};

/// One handshake, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Handshake {
    /// The sender of the SYN.
    pub client: Address,
    /// The receiver of the SYN, as the client addressed it.
    pub server: Address,
    /// The ends behind a translation of addresses (NAT), by which the handshake was judged; `null`
    /// when none was seen.
    pub translated: Option<Translated>,
    /// The interface that its first packet was captured on; `null` where that has no name.
    pub interface: Option<Arc<str>>,
    /// The outermost VLAN id; `null` without a VLAN.
    pub vlan: Option<u16>,
    /// What carried its first packet within another IP packet; `null` without a tunnel.
    pub tunnel: Option<Tunnel>,
    /// When its first packet was captured: RFC 3339, UTC.
    pub started: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The cause of a failure or delay in words, or the candidates; `null` where nothing failed or
    /// was delayed.
    pub reason: Option<Reason>,
    /// The server received the client's acknowledgement, as a later segment proves or this host's
    /// kernel reports.
    pub confirmed: bool,
    /// The role in this handshake of the host that captured it; `null` where that is not known.
    pub captured_on: Option<CapturedOn>,
    /// Retransmissions of the SYN.
    pub syn_retransmits: u32,
    /// Retransmissions of the SYN-ACK.
    pub syn_ack_retransmits: u32,
    /// When each SYN was retransmitted, in milliseconds since the first; at most 32.
    pub syn_after_ms: Vec<f64>,
    /// When each SYN-ACK was retransmitted, in milliseconds since the first; at most 32.
    pub syn_ack_after_ms: Vec<f64>,
    /// From the first SYN to the first SYN-ACK: the server's kernel, where captured on the server;
    /// network and server, where captured on the client.
    pub syn_to_syn_ack_ms: Option<f64>,
    /// From the first SYN-ACK to the first ACK: network and client, where captured on the server.
    pub syn_ack_to_ack_ms: Option<f64>,
    /// From the first SYN to the first ACK.
    pub total_ms: Option<f64>,
    /// The part of `total_ms` that the host it was captured on spent; `null` where that host is
    /// neither end, both, or not known.
    pub host_ms: Option<f64>,
    /// The rest: the network and the peer.
    pub network_ms: Option<f64>,
    /// TCP options of both ends.
    pub options: Options,
    /// Bytes of data in the SYN that the SYN-ACK acknowledged (RFC 7413); `null` when the SYN
    /// carried none, or no SYN-ACK was captured.
    pub fast_open_bytes: Option<u32>,
    /// Initial sequence numbers.
    pub sequence: Sequence,
    /// The listener's accept queue at the last segment, or at an earlier one if it was full then;
    /// `null` when the server is not on this host, nobody listened there, or the capture is a file.
    pub listener_queue: Option<QueueSample>,
    /// The reset that ended it; `null` when none did.
    pub reset: Option<ResetReport>,
    /// The last ICMP error about its SYN or SYN-ACK; `null` without one.
    pub unreachable: Option<Unreachable>,
    /// Milliseconds since the previous connection with the same 4-tuple ended; `null` when no such
    /// end was captured.
    pub reused_after_ms: Option<f64>,
    /// The packet of the capture that decided the outcome, from 1.
    pub packet: u64,
    /// What limits the certainty of the outcome, or is unusual.
    pub remarks: Vec<Remark>,
    /// When it began, in nanoseconds since 1970.
    #[serde(skip)]
    pub started_ns: u64,
    /// The interface's index.
    #[serde(skip)]
    pub interface_index: u32,
}

/// The ends of a connection behind a translation of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Translated {
    /// The client, as the server sees it.
    pub client: Address,
    /// The server that was asked in the end.
    pub server: Address,
}

/// Initial sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sequence {
    /// The client's.
    pub client_isn: Option<u32>,
    /// The server's, in the last SYN-ACK.
    pub server_isn: Option<u32>,
}

/// The options of both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Options {
    /// In the SYN; `null` when it was not captured.
    pub client: Option<Offer>,
    /// In the SYN-ACK; `null` when it was not captured.
    pub server: Option<Offer>,
}

/// The options of one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Offer {
    /// Largest segment that it accepts, in bytes.
    pub mss: Option<u16>,
    /// Left shift of its window.
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
    /// Options are missing: the capture cut them off, or they are malformed.
    pub cut: bool,
}

/// The TCP Fast Open option of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FastOpen {
    /// An empty option, which requests a cookie.
    CookieRequested,
    /// A cookie.
    Cookie,
}

impl Handshake {
    /// The interface has no name yet.
    pub(super) fn new(evidence: &Evidence) -> Self {
        let attempt = &*evidence.attempt;
        let is_timed = evidence.is_timed();
        let between = |from: Option<u64>, to: Option<u64>| {
            let time = to?.saturating_sub(from?);
            is_timed.then(|| milliseconds(time))
        };
        let (syn, syn_ack) = (attempt.syn.as_ref(), attempt.syn_ack.as_ref());
        let (asked, answered) = (syn.map(|syn| syn.first), syn_ack.map(|answer| answer.first));
        // SYN-ACKs that cross acknowledge each other; the later one opens.
        let opened = attempt.ack.map(|ack| ack.max(answered.unwrap_or(ack)));
        let syn_to_syn_ack_ms = between(asked, answered);
        let syn_ack_to_ack_ms = between(answered, attempt.ack);
        let captured_on = attempt.captured_on();
        let (host_ms, network_ms) = match captured_on {
            Some(CapturedOn::Server) => (syn_to_syn_ack_ms, syn_ack_to_ack_ms),
            Some(CapturedOn::Client) => (syn_ack_to_ack_ms, syn_to_syn_ack_ms),
            _ => (None, None),
        };
        let own = (attempt.client, attempt.server);
        let (client, server) = attempt.before_translation.unwrap_or(own);
        Handshake {
            client,
            server,
            translated: evidence.translated(),
            interface: None,
            vlan: attempt.vlan,
            tunnel: attempt.tunnel,
            started: rfc3339(attempt.began_ns),
            outcome: evidence.outcome(),
            reason: evidence.reason(),
            confirmed: evidence.is_confirmed(),
            captured_on,
            syn_retransmits: syn.map_or(0, Transmissions::retransmits),
            syn_ack_retransmits: syn_ack.map_or(0, Transmissions::retransmits),
            syn_after_ms: retransmission_times(syn, is_timed),
            syn_ack_after_ms: retransmission_times(syn_ack, is_timed),
            syn_to_syn_ack_ms,
            syn_ack_to_ack_ms,
            total_ms: between(asked, opened),
            host_ms,
            network_ms,
            options: Options {
                client: syn.map(Offer::of),
                server: syn_ack.map(Offer::of),
            },
            fast_open_bytes: fast_open_bytes(attempt),
            sequence: Sequence {
                client_isn: attempt.client_sequence(),
                server_isn: attempt.server_sequence(),
            },
            listener_queue: attempt.listening.and_then(Listening::queue),
            reset: attempt.reset,
            unreachable: attempt.unreachable.map(|(error, _)| error),
            reused_after_ms: attempt.reused_after.map(milliseconds),
            packet: attempt.packet,
            remarks: evidence.remarks(),
            started_ns: attempt.began_ns,
            interface_index: attempt.interface,
        }
    }

    /// Its outcome is a failure. A client that resets right after connecting did not fail.
    pub fn has_failed(&self) -> bool {
        let was_open = self.reset.is_some_and(|reset| reset.after_ack);
        self.outcome.is_failure() && !(self.outcome == Outcome::ResetByClient && was_open)
    }

    /// From SYN to ACK, in milliseconds, if it was established.
    pub(super) fn latency_ms(&self) -> Option<f64> {
        let is_established = self.outcome == Outcome::Established;
        self.total_ms.filter(|_| is_established)
    }
}

impl Offer {
    /// The options of a SYN or SYN-ACK.
    fn of(sent: &Transmissions) -> Self {
        let (options, flags) = (&sent.segment.options, sent.segment.flags);
        Offer {
            mss: options.mss,
            window_scale: options.window_scale,
            sack: options.sack_permitted,
            timestamps: options.timestamps.is_some(),
            ecn: flags.has(Flags::ECE) && (flags.has(Flags::ACK) || flags.has(Flags::CWR)),
            fast_open: options.fast_open_cookie.map(|bytes| match bytes {
                0 => FastOpen::CookieRequested,
                1.. => FastOpen::Cookie,
            }),
            mptcp: options.mptcp.is_some(),
            cut: options.cut,
        }
    }
}

fn fast_open_bytes(attempt: &Attempt) -> Option<u32> {
    let (syn, answer) = (attempt.syn.as_ref()?, attempt.syn_ack.as_ref()?);
    let first = syn.sequence().wrapping_add(1);
    let bytes = answer.segment.acknowledgement.wrapping_sub(first);
    (syn.segment.payload_bytes > 0).then_some(bytes)
}

fn retransmission_times(sent: Option<&Transmissions>, is_timed: bool) -> Vec<f64> {
    let timed = sent.filter(|_| is_timed).into_iter();
    let times = timed.flat_map(|sent| &sent.retransmitted_after);
    times.map(|time| milliseconds(*time)).collect()
}

/// RFC 3339 with microseconds.
pub fn rfc3339(time_ns: u64) -> String {
    let time = Timestamp::from_nanosecond(time_ns.into());
    format!("{:.6}", time.unwrap_or(Timestamp::MAX))
}

/// Nanoseconds as milliseconds with three decimals.
pub fn milliseconds(nanoseconds: u64) -> f64 {
    (nanoseconds / 1000) as f64 / 1000.0
}

//! How TCP fared between two readings, by the counters of a network namespace.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::{Previous, change, per_second},
    model::{Counters, NetnsSnapshot},
};

/// TCP since the previous reading. `null` at the first reading, and for what this kernel does not
/// count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, JsonSchema)]
pub struct Traffic {
    /// Segments sent for the first time (`OutSegs`), ACKs without data included.
    pub sent: Option<u64>,
    /// Segments retransmitted (`RetransSegs`), without SYNs and SYN-ACKs.
    pub retransmitted: Option<u64>,
    /// SYNs and SYN-ACKs retransmitted (`TCPSynRetrans`): they met no answer.
    pub syns_retransmitted: Option<u64>,
    /// retransmitted ÷ (sent + retransmitted).
    pub retransmitted_ratio: Option<f64>,
    /// Duplicates that peers reported (`TCPDSACKRecv`): retransmitted without need.
    pub duplicates_reported: Option<u64>,
    /// RSTs sent (`OutRsts`).
    pub resets_sent: Option<u64>,
    /// The same per second.
    pub resets_sent_per_second: Option<f64>,
    /// Of `resets_sent`: closed with unread data (`TCPAbortOnClose`), data that came after close
    /// (`TCPAbortOnData`), or SO_LINGER with 0 (`TCPAbortOnLinger`, and `TCPAbortOnData`).
    pub resets_by_processes: Option<u64>,
    /// Handshakes: connect(2) calls that sent a SYN (`ActiveOpens`), and connections accepted by
    /// the kernel (`PassiveOpens`).
    pub handshakes: Option<u64>,
    /// Connections that came to an end in the handshake (`AttemptFails`).
    pub failed_handshakes: Option<u64>,
    /// Established connections that ended without FINs: by a RST of either side, or given up
    /// (`EstabResets`).
    pub established_resets: Option<u64>,
}

/// What happened for lack of memory since the previous reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MemoryEvents {
    /// Times that a socket of this namespace brought TCP under pressure (`TCPMemoryPressures`).
    pub tcp_pressures: Option<u64>,
    /// Connections reset for lack of memory or for too many orphans (`TCPAbortOnMemory`).
    pub aborted: Option<u64>,
    /// Segments dropped by receive queues without memory (`TCPRcvQDrop`).
    pub receive_queue_drops: Option<u64>,
    /// Times that a full receive buffer was pruned (`PruneCalled`). That of one socket will do.
    pub pruned: Option<u64>,
    /// Segments dropped as pruning made no room (`RcvPruned`).
    pub prune_drops: Option<u64>,
    /// Segments merged in full receive buffers (`TCPRcvCollapsed`).
    pub collapsed: Option<u64>,
    /// Times that a socket told its peer to stop sending (`TCPToZeroWindowAdv`).
    pub zero_windows: Option<u64>,
    /// Times that a socket had no room, but its peer was told otherwise (`TCPWantZeroWindowAdv`).
    pub zero_windows_wanted: Option<u64>,
    /// Segments dropped as the window was closed (`TCPZeroWindowDrop`), window probes included.
    pub zero_window_drops: Option<u64>,
    /// Segments dropped as a process kept its socket busy (`TCPBacklogDrop`).
    pub busy_socket_drops: Option<u64>,
    /// IPv4 and IPv6 datagrams dropped for lack of UDP memory (`MemErrors`, since 5.11).
    pub udp_drops: Option<u64>,
}

/// The change of counters of one namespace.
struct Moved<'a>(Option<(&'a Counters, &'a Counters)>);

impl<'a> Moved<'a> {
    fn new(now: &'a NetnsSnapshot, before: Previous<'a, NetnsSnapshot>) -> Self {
        Moved(before.map(|(before, _)| (&before.counters, &now.counters)))
    }

    fn by(&self, table: &str, name: &str) -> Option<u64> {
        let (before, now) = self.0?;
        let moved = change(before.value(table, name)?, now.value(table, name)?)?;
        u64::try_from(moved).ok()
    }

    /// Of the counters that this kernel has.
    fn by_any(&self, counters: &[(&str, &str)]) -> Option<u64> {
        let moved = counters.iter().map(|(table, name)| self.by(table, name));
        moved.flatten().reduce(|sum, more| sum + more)
    }
}

impl Traffic {
    pub(super) fn of(now: &NetnsSnapshot, before: Previous<'_, NetnsSnapshot>) -> Self {
        let moved = Moved::new(now, before);
        let (sent, all) = (moved.by("Tcp", "OutSegs"), moved.by("Tcp", "RetransSegs"));
        let syns = moved.by("TcpExt", "TCPSynRetrans");
        let rest = |all: u64| all.saturating_sub(syns.unwrap_or(0));
        let retransmitted = all.map(rest);
        let handshakes = [
            moved.by("Tcp", "ActiveOpens"),
            moved.by("Tcp", "PassiveOpens"),
        ];
        let resets_sent = moved.by("Tcp", "OutRsts");
        let elapsed = before.map(|(_, elapsed)| elapsed);
        Traffic {
            sent,
            retransmitted,
            syns_retransmitted: syns,
            retransmitted_ratio: share(sent, retransmitted),
            duplicates_reported: moved.by("TcpExt", "TCPDSACKRecv"),
            resets_sent,
            resets_sent_per_second: resets_sent
                .zip(elapsed)
                .and_then(|(resets, elapsed)| per_second(resets as f64, elapsed)),
            resets_by_processes: moved.by_any(&[
                ("TcpExt", "TCPAbortOnClose"),
                ("TcpExt", "TCPAbortOnData"),
                ("TcpExt", "TCPAbortOnLinger"),
            ]),
            handshakes: handshakes[0]
                .zip(handshakes[1])
                .map(|(out, into)| out + into),
            failed_handshakes: moved.by("Tcp", "AttemptFails"),
            established_resets: moved.by("Tcp", "EstabResets"),
        }
    }
}

fn share(sent: Option<u64>, again: Option<u64>) -> Option<f64> {
    let (sent, again) = (sent? as f64, again? as f64);
    (sent + again > 0.0).then(|| again / (sent + again))
}

impl MemoryEvents {
    pub(super) fn of(now: &NetnsSnapshot, before: Previous<'_, NetnsSnapshot>) -> Self {
        let moved = Moved::new(now, before);
        let tcp = |name| moved.by("TcpExt", name);
        MemoryEvents {
            tcp_pressures: tcp("TCPMemoryPressures"),
            aborted: tcp("TCPAbortOnMemory"),
            receive_queue_drops: tcp("TCPRcvQDrop"),
            pruned: tcp("PruneCalled"),
            prune_drops: tcp("RcvPruned"),
            collapsed: tcp("TCPRcvCollapsed"),
            zero_windows: tcp("TCPToZeroWindowAdv"),
            zero_windows_wanted: tcp("TCPWantZeroWindowAdv"),
            zero_window_drops: tcp("TCPZeroWindowDrop"),
            busy_socket_drops: tcp("TCPBacklogDrop"),
            udp_drops: moved.by_any(&[("Udp", "MemErrors"), ("snmp6", "Udp6MemErrors")]),
        }
    }
}

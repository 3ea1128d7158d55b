//! The table of rules: every id that a report can find, by area, and the thresholds. When a rule
//! fires, and what that means, is explained in `explain/findings/`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    explain::summary,
    finding::{Rule, Severity},
};

/// Share of a limit from which it counts as near.
pub const NEAR_LIMIT: f64 = 0.80;
/// Share of `fs.file-max` from which calls may fail: its count lags by some files per CPU.
pub const HOST_CRITICAL: f64 = 0.95;
/// The highest descriptor limit with which a process has only forbidden itself to open more: one
/// that it runs with leaves room for the three standard streams.
pub const FD_LIMIT_OF_SANDBOX: u64 = 2;
/// Percentage of a tuple's ports from which they are tight.
pub const PORTS_TIGHT_PERCENT: u64 = 90;
/// Percentage of the range from which ports taken by bind(2) matter.
pub const PORTS_HELD_PERCENT: u64 = 10;
/// Share below which a member of a SO_REUSEPORT group has room.
pub const MEMBER_HAS_ROOM: f64 = 0.50;
/// Time without an accept() from which a queue that overflows is not called too small for bursts.
pub const LONG_PAUSE_MS: u64 = 200;
/// Time that a connection waits for accept() from which that is a problem…
pub const LONG_WAIT_MS: u64 = 1000;
/// … and from which it is critical that nothing is accepted.
pub const STALLED_CRITICAL_MS: u64 = 10_000;
/// Milliseconds for which a process must be watched before it shows what it does: in less, any
/// thread sleeps or runs all the time.
pub const SHORTEST_WATCH_MS: u64 = 200;
/// Share of a CPU quota's periods from which using it up slows a process down.
pub const THROTTLED_PERIODS: f64 = 0.50;
/// Share of the time that a thread is on a CPU or waits for one, from which it is busy.
pub const BUSY: f64 = 0.90;
/// Share of the time that a busy thread waits for a CPU, from which it is starved.
pub const STARVED: f64 = 0.50;
/// Share of the time in which tasks were stalled on memory, from which that slows a process down.
pub const MEMORY_STALLED: f64 = 0.20;
/// The share of a server's handshakes, as one in this many, from which failures are a warning.
pub const HANDSHAKES_WARNING_ONE_IN: u64 = 20;

/// SYN cookies that must have been sent where every SYN gets one, and as many a second: probes of
/// load balancers leave cookies unanswered, too.
pub const FLOOD_COOKIES: i128 = 100;
/// Time that clients have for the answer to a SYN-ACK.
pub const FLOOD_SETTLED: Duration = Duration::from_millis(500);
/// The share of SYN cookies, as one in this many, that comes back where the clients are honest.
pub const FLOOD_VALIDATED_ONE_IN: i128 = 10;

/// Share of the conntrack table from which drops are put down to it: its count falls between two
/// readings.
pub const CONNTRACK_NEARLY_FULL: f64 = 0.95;
/// Packets a second that conntrack could not insert, from which that is a warning, as clients retry
/// after seconds, …
pub const INSERT_FAILED_PER_SECOND: f64 = 1.0;
/// … and packets in all.
pub const INSERT_FAILED_LEAST: u64 = 3;
/// Packets a second that the reverse-path filter drops, and packets in all, from which that is a
/// warning. A client that it cuts off retransmits its SYN about once a second.
pub const RP_FILTER_PER_SECOND: f64 = 1.0;
pub const RP_FILTER_LEAST: u64 = 3;
/// Packets that an interface or the queues of CPUs must lose, …
pub const INTERFACE_LEAST: u64 = 10;
/// … and the share of those received or sent, as one in this many: far less slows TCP down little.
pub const INTERFACE_LOSS_ONE_IN: u64 = 1000;
/// The share of received packets, as one in this many, that must be ignored.
pub const INTERFACE_IGNORED_ONE_IN: u64 = 100;
/// Percentage of segments that must be retransmitted. Paths over the Internet lose 1 to 2 %
/// ordinarily; at 5 % a connection hardly leaves loss recovery.
pub const RETRANSMISSIONS_PERCENT: u64 = 5;
/// Segments that must be retransmitted, as a few of few are no share.
pub const RETRANSMISSIONS_LEAST: u64 = 20;
/// Times that a full receive buffer must hold a peer up: a reader that pauses closes its window.
pub const BUFFER_LIMITED_LEAST: u64 = 10;
/// RSTs a second that must be exceeded, …
pub const RESETS_PER_SECOND: f64 = 20.0;
/// … and the share of handshakes, as one in this many.
pub const RESETS_ONE_IN: u64 = 20;
/// Half-closed connections that must come in an interval, …
pub const HALF_CLOSED_GROWTH: i64 = 10;
/// … while the oldest are at least this old: a burst is worked off sooner.
pub const HALF_CLOSED_GROWN_SECONDS: f64 = 10.0;
/// Half-closed connections that are many, …
pub const HALF_CLOSED_MANY: u64 = 100;
/// … where the oldest are at least this old: longer than the peers' tcp_fin_timeout.
pub const HALF_CLOSED_OLD_SECONDS: f64 = 60.0;
/// How long a connection must have been stuck, at least: processes and paths pause for seconds.
pub const STUCK_SECONDS: f64 = 10.0;
/// Samples of open descriptors from which growth may be steady, …
pub const FD_LEAK_SAMPLES: u64 = 5;
/// … and by how many descriptors it must be.
pub const FD_LEAK_GROWTH: u64 = 10;
/// The share of the first sample, as one in this many, from which growth is a warning. The number of
/// a busy process's connections rises and falls by less.
pub const FD_LEAK_ONE_IN: u64 = 10;

/// What a rule is about: the parts of the host that a conclusion can be drawn on.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    AcceptQueue,
    /// Why a process does not accept: causes, which have no finding of their own.
    Acceptor,
    SynQueue,
    Ports,
    #[serde(rename = "timewait")]
    TimeWait,
    Descriptors,
    Connections,
    Memory,
    Network,
    Settings,
    Handshakes,
    Elsewhere,
}

macro_rules! rules {
    ($($area:ident { $($name:ident $id:literal $($severity:ident)|+;)* })*) => {
        $($(pub static $name: Rule = Rule {
            id: $id,
            area: Area::$area,
            severities: &[$(Severity::$severity),+],
            explain: summary(include_str!(concat!("explain/findings/", $id, ".md"))),
        };)*)*

        /// Every rule, by area.
        pub static RULES: &[&Rule] = &[$($(&$name),*),*];
    };
}

rules! {
    AcceptQueue {
        ACCEPT_QUEUE_OVERFLOW "accept_queue_overflow" Critical;
        ACCEPT_QUEUE_FULL "accept_queue_full" Critical;
        BACKLOG_TOO_SMALL "backlog_too_small" Warning;
        ACCEPTOR_STALLED "acceptor_stalled" Warning | Critical;
        ACCEPTOR_SLOW "acceptor_slow" Warning;
        REUSEPORT_MEMBER_STUCK "reuseport_member_stuck" Critical;
        LIMIT_STALE "limit_stale" Info | Warning;
        LISTEN_DROPS_OTHER "listen_drops_other" Info | Warning;
    }
    Acceptor {
        OWNER_STOPPED "owner_stopped" Warning | Critical;
        OWNER_OUT_OF_DESCRIPTORS "owner_out_of_descriptors" Warning | Critical;
        OWNER_THROTTLED "owner_throttled" Warning | Critical;
        MEMORY_PRESSURE "memory_pressure" Warning | Critical;
        OWNER_BLOCKED "owner_blocked" Warning | Critical;
        OWNER_STARVED "owner_starved" Warning | Critical;
        OWNER_BUSY "owner_busy" Warning | Critical;
    }
    SynQueue {
        SYN_QUEUE_FULL "syn_queue_full" Critical;
        SYN_FLOOD "syn_flood" Critical;
        SYN_COOKIES_ACTIVE "syn_cookies_active" Warning;
    }
    Ports {
        PORTS_EXHAUSTED "ports_exhausted" Critical;
        PORTS_TIGHT "ports_tight" Warning;
        PORTS_HELD_BY_BIND "ports_held_by_bind" Warning;
        PORTS_HELD_BY_TIME_WAIT "ports_held_by_time_wait" Info;
        PORTS_BOUND_BEFORE_CONNECT "ports_bound_before_connect" Info;
        PORT_RANGE_OVER_LISTENER "port_range_over_listener" Info;
        PORT_RANGE_ODD "port_range_odd" Info;
        PORT_RANGE_OF_SOCKETS "port_range_of_sockets" Info;
    }
    TimeWait {
        TIMEWAIT_OVERFLOW "timewait_overflow" Warning;
        TIMEWAIT_NEAR_LIMIT "timewait_near_limit" Warning;
    }
    Descriptors {
        FD_LIMIT_REACHED "fd_limit_reached" Critical;
        FD_LIMIT_NEAR "fd_limit_near" Warning;
        FD_LIMIT_ABOVE_NR_OPEN "fd_limit_above_nr_open" Info;
        FD_LIMIT_LINE_IGNORED "fd_limit_line_ignored" Info;
        FD_LEAK "fd_leak" Info | Warning;
        HOST_FILES_NEAR_LIMIT "host_files_near_limit" Warning | Critical;
    }
    Connections {
        CLOSE_WAIT_LEAK "close_wait_leak" Warning;
        FIN_WAIT_PILEUP "fin_wait_pileup" Info | Warning;
        ORPHANS_NEAR_LIMIT "orphans_near_limit" Warning;
        IDLE_WITHOUT_KEEPALIVE "idle_without_keepalive" Info;
        READER_STUCK "reader_stuck" Warning;
        WRITER_STUCK "writer_stuck" Warning;
        PEER_DEAD "peer_dead" Warning;
    }
    Memory {
        TCP_MEMORY_PRESSURE "tcp_memory_pressure" Critical;
        UDP_MEMORY_PRESSURE "udp_memory_pressure" Warning;
        UDP_RECEIVE_OVERFLOW "udp_receive_overflow" Warning;
        SOCKET_BUFFER_LIMITED "socket_buffer_limited" Info;
    }
    Network {
        CONNTRACK_FULL "conntrack_full" Critical;
        CONNTRACK_NEAR_LIMIT "conntrack_near_limit" Warning;
        CONNTRACK_INSERT_FAILED "conntrack_insert_failed" Info | Warning;
        SOFTNET_DROPS "softnet_drops" Info | Warning;
        RP_FILTER_DROPS "rp_filter_drops" Info | Warning;
        INTERFACE_DROPS "interface_drops" Info | Warning;
        RETRANSMISSIONS_HIGH "retransmissions_high" Warning;
        RESETS_SENT "resets_sent" Warning;
    }
    Settings {
        SETTING_HARMFUL "setting_harmful" Info | Warning;
        SETTING_DRIFT "setting_drift" Info;
    }
    Handshakes {
        HANDSHAKES_REFUSED "handshakes_refused" Info | Warning;
        HANDSHAKES_UNANSWERED "handshakes_unanswered" Info | Warning;
        HANDSHAKES_UNREACHABLE "handshakes_unreachable" Info | Warning;
        HANDSHAKES_ACK_DROPPED "handshakes_ack_dropped" Info | Warning;
        HANDSHAKES_RESET "handshakes_reset" Info | Warning;
        HANDSHAKES_SLOW "handshakes_slow" Info | Warning;
    }
    Elsewhere {
        OTHER_NAMESPACE "other_namespace" Info | Warning;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_in_the_order_of_their_areas() {
        assert!(RULES.is_sorted_by_key(|rule| rule.area));
        let ids: HashSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
    }

    #[test]
    fn severities_stand_in_the_explanations_where_there_are_few() {
        for rule in RULES.iter().filter(|rule| rule.area != Area::Handshakes) {
            let explanation = rule.explain.to_lowercase();
            for severity in rule.severities {
                let name = format!("{severity:?}").to_lowercase();
                assert!(explanation.contains(&name), "{}: {name}", rule.id);
            }
        }
    }

    #[test]
    fn thresholds_stand_in_the_explanations() {
        let percent = |share: f64| (share * 100.0).round() as u64;
        for (rule, threshold) in [
            (PORTS_TIGHT, PORTS_TIGHT_PERCENT),
            (PORTS_HELD_BY_BIND, PORTS_HELD_PERCENT),
            (REUSEPORT_MEMBER_STUCK, percent(MEMBER_HAS_ROOM)),
            (PORTS_HELD_BY_TIME_WAIT, percent(NEAR_LIMIT)),
            (OWNER_THROTTLED, percent(THROTTLED_PERIODS)),
            (OWNER_BUSY, percent(BUSY)),
            (OWNER_STARVED, percent(BUSY)),
            (OWNER_STARVED, percent(STARVED)),
            (MEMORY_PRESSURE, percent(MEMORY_STALLED)),
            (TIMEWAIT_NEAR_LIMIT, percent(NEAR_LIMIT)),
            (FD_LIMIT_NEAR, percent(NEAR_LIMIT)),
            (HOST_FILES_NEAR_LIMIT, percent(NEAR_LIMIT)),
            (HOST_FILES_NEAR_LIMIT, percent(HOST_CRITICAL)),
            (CONNTRACK_FULL, percent(CONNTRACK_NEARLY_FULL)),
            (CONNTRACK_NEAR_LIMIT, percent(NEAR_LIMIT)),
            (ORPHANS_NEAR_LIMIT, percent(NEAR_LIMIT)),
            (RETRANSMISSIONS_HIGH, RETRANSMISSIONS_PERCENT),
        ] {
            let stated = rule.explain.contains(&format!("{threshold} %"));
            assert!(stated, "{}", rule.id);
        }
        for (rule, stated) in [
            (
                CONNTRACK_INSERT_FAILED,
                format!("from {INSERT_FAILED_PER_SECOND} a second"),
            ),
            (
                RP_FILTER_DROPS,
                format!("from {RP_FILTER_PER_SECOND} a second"),
            ),
            (RP_FILTER_DROPS, format!("{RP_FILTER_LEAST} packets")),
            (
                CONNTRACK_INSERT_FAILED,
                format!("{INSERT_FAILED_LEAST} packets"),
            ),
            (SOFTNET_DROPS, format!("{INTERFACE_LEAST} packets")),
            (SOFTNET_DROPS, format!("1 in {INTERFACE_LOSS_ONE_IN} ")),
            (INTERFACE_DROPS, format!("{INTERFACE_LEAST} packets")),
            (INTERFACE_DROPS, format!("1 in {INTERFACE_LOSS_ONE_IN} ")),
            (INTERFACE_DROPS, format!("1 in {INTERFACE_IGNORED_ONE_IN} ")),
            (
                RETRANSMISSIONS_HIGH,
                format!("{RETRANSMISSIONS_LEAST} segments"),
            ),
            (
                SOCKET_BUFFER_LIMITED,
                format!("at least {BUFFER_LIMITED_LEAST} "),
            ),
            (RESETS_SENT, format!("{RESETS_PER_SECOND} RSTs a second")),
            (RESETS_SENT, format!("1 in {RESETS_ONE_IN} ")),
            (SYN_FLOOD, format!("1 in {FLOOD_VALIDATED_ONE_IN} ")),
            (SYN_FLOOD, format!("{FLOOD_COOKIES} cookies a second")),
            (SYN_FLOOD, format!("{} ms", FLOOD_SETTLED.as_millis())),
            (CLOSE_WAIT_LEAK, format!("{HALF_CLOSED_GROWTH} more")),
            (CLOSE_WAIT_LEAK, format!("{HALF_CLOSED_GROWN_SECONDS} s")),
            (CLOSE_WAIT_LEAK, format!("{HALF_CLOSED_MANY} connections")),
            (CLOSE_WAIT_LEAK, format!("{HALF_CLOSED_OLD_SECONDS} s")),
            (FIN_WAIT_PILEUP, format!("{HALF_CLOSED_GROWTH} more")),
            (FIN_WAIT_PILEUP, format!("{HALF_CLOSED_MANY} connections")),
            (READER_STUCK, format!("{STUCK_SECONDS} s")),
            (WRITER_STUCK, format!("{STUCK_SECONDS} s")),
            (PEER_DEAD, format!("{STUCK_SECONDS} s")),
            (FD_LEAK, format!("{FD_LEAK_SAMPLES} samples")),
            (FD_LEAK, format!("{FD_LEAK_GROWTH} descriptors")),
            (FD_LEAK, format!("1 in {FD_LEAK_ONE_IN} ")),
        ] {
            assert!(rule.explain.contains(&stated), "{}: {stated}", rule.id);
        }
        let one_in = format!("1 in {HANDSHAKES_WARNING_ONE_IN} ");
        assert!(HANDSHAKES_SLOW.explain.contains(&one_in));
    }
}

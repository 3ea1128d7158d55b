//! The table of rules: every id that a report can find, by area, and the thresholds. When a rule
//! fires, and what that means, is explained in `explain/findings/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Rule, Severity};

/// Share of a limit from which it counts as near.
pub const NEAR_LIMIT: f64 = 0.80;
/// Share of `fs.file-max` from which calls may fail: its count lags by some files per CPU.
pub const HOST_CRITICAL: f64 = 0.95;
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

/// Samples of open descriptors from which growth may be steady, …
pub const FD_LEAK_SAMPLES: u64 = 5;
/// … and by how many descriptors it must be.
pub const FD_LEAK_GROWTH: u64 = 10;

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
            explain: include_str!(concat!("explain/findings/", $id, ".md")).trim_ascii(),
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
        FD_LEAK "fd_leak" Warning;
        HOST_FILES_NEAR_LIMIT "host_files_near_limit" Warning | Critical;
    }
    Memory {
        UDP_RECEIVE_OVERFLOW "udp_receive_overflow" Warning;
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
        ] {
            let stated = rule.explain.contains(&format!("{threshold} %"));
            assert!(stated, "{}", rule.id);
        }
        let one_in = format!("1 in {HANDSHAKES_WARNING_ONE_IN} ");
        assert!(HANDSHAKES_SLOW.explain.contains(&one_in));
    }
}

//! The table of rules: every id that a report can find, by area, and the thresholds. When a rule
//! fires, and what that means, is explained in `explain/`.

use super::finding::Rule;

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
/// The share of a server's handshakes, as one in this many, from which failures are a warning.
pub const HANDSHAKES_WARNING_ONE_IN: u64 = 20;

macro_rules! rules {
    ($($name:ident $id:literal;)*) => {
        $(pub static $name: Rule = Rule {
            id: $id,
            explain: include_str!(concat!("explain/", $id, ".md")).trim_ascii(),
        };)*

        /// Every rule, by area.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    ACCEPT_QUEUE_OVERFLOW "accept_queue_overflow";
    ACCEPT_QUEUE_FULL "accept_queue_full";
    REUSEPORT_MEMBER_STUCK "reuseport_member_stuck";
    LIMIT_STALE "limit_stale";
    LISTEN_DROPS_OTHER "listen_drops_other";
    SYN_QUEUE_FULL "syn_queue_full";
    SYN_COOKIES_ACTIVE "syn_cookies_active";
    PORTS_EXHAUSTED "ports_exhausted";
    PORTS_TIGHT "ports_tight";
    PORTS_HELD_BY_BIND "ports_held_by_bind";
    PORTS_HELD_BY_TIME_WAIT "ports_held_by_time_wait";
    PORTS_BOUND_BEFORE_CONNECT "ports_bound_before_connect";
    PORT_RANGE_OVER_LISTENER "port_range_over_listener";
    PORT_RANGE_ODD "port_range_odd";
    PORT_RANGE_OF_SOCKETS "port_range_of_sockets";
    TIMEWAIT_OVERFLOW "timewait_overflow";
    TIMEWAIT_NEAR_LIMIT "timewait_near_limit";
    FD_LIMIT_REACHED "fd_limit_reached";
    FD_LIMIT_NEAR "fd_limit_near";
    FD_LIMIT_ABOVE_NR_OPEN "fd_limit_above_nr_open";
    FD_LIMIT_LINE_IGNORED "fd_limit_line_ignored";
    HOST_FILES_NEAR_LIMIT "host_files_near_limit";
    UDP_RECEIVE_OVERFLOW "udp_receive_overflow";
    HANDSHAKES_REFUSED "handshakes_refused";
    HANDSHAKES_UNANSWERED "handshakes_unanswered";
    HANDSHAKES_UNREACHABLE "handshakes_unreachable";
    HANDSHAKES_ACK_DROPPED "handshakes_ack_dropped";
    HANDSHAKES_RESET "handshakes_reset";
    HANDSHAKES_SLOW "handshakes_slow";
    OTHER_NAMESPACE "other_namespace";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Ids are published, so none may disappear; the order is that of the areas.
    #[test]
    fn ids_are_unique_and_in_the_order_of_their_areas() {
        let areas = [
            "accept_queue",
            "reuseport",
            "limit_stale",
            "listen_drops",
            "syn_",
            "port",
            "timewait",
            "fd_limit",
            "host_files",
            "udp_",
            "handshakes_",
            "other_namespace",
        ];
        let area = |rule: &&&Rule| areas.iter().position(|area| rule.id.starts_with(area));
        let places: Vec<_> = RULES.iter().map(|rule| area(&rule)).collect();
        assert!(places.iter().all(Option::is_some), "{places:?}");
        assert!(places.is_sorted(), "{places:?}");
        let ids: HashSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
    }

    #[test]
    fn thresholds_stand_in_the_explanations() {
        let percent = |share: f64| (share * 100.0).round() as u64;
        for (rule, threshold) in [
            (PORTS_TIGHT, PORTS_TIGHT_PERCENT),
            (PORTS_HELD_BY_BIND, PORTS_HELD_PERCENT),
            (REUSEPORT_MEMBER_STUCK, percent(MEMBER_HAS_ROOM)),
            (PORTS_HELD_BY_TIME_WAIT, percent(NEAR_LIMIT)),
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

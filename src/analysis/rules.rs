//! The table of rules: every id that a report can find, by area, with its severity and thresholds.

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

macro_rules! often {
    () => {
        "Warning from 1 in 20 of the server's handshakes on, else info."
    };
}

macro_rules! rules {
    ($($name:ident $id:literal: $explain:expr;)*) => {
        $(pub static $name: Rule = Rule { id: $id, explain: $explain };)*

        /// Every rule, by area.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    ACCEPT_QUEUE_OVERFLOW "accept_queue_overflow":
        "Critical. The accept queue was full and the socket dropped packets since the previous \
         reading. A dropped SYN or final ACK is retransmitted after a second or more; clients see \
         slow or failing connections.";
    ACCEPT_QUEUE_FULL "accept_queue_full":
        "Critical. More connections wait for accept() than the limit allows (a limit of B holds B \
         + 1), so the next one is dropped. Drops are known to be recent only with an earlier \
         reading; without one the total since the socket was created is evidence only.";
    REUSEPORT_MEMBER_STUCK "reuseport_member_stuck":
        "Critical. The accept queue of one socket of a SO_REUSEPORT group is full while another \
         is less than 50 % full. The kernel spreads connections by hash and does not avoid a full \
         member, so a share of all clients fails.";
    LIMIT_STALE "limit_stale":
        "Info, warning when the queue overflows. The limit of an accept queue is set by listen(); \
         it still has the value of an earlier, lower net.core.somaxconn.";
    LISTEN_DROPS_OTHER "listen_drops_other":
        "Warning for drops since the previous reading, info for drops since the namespace was \
         created. ListenDrops rose for another reason than a full accept queue or SYN queue.";
    SYN_QUEUE_FULL "syn_queue_full":
        "Critical. More handshakes are unfinished than the SYN queue holds and SYN cookies are \
         off, so new SYNs are dropped. In a trace: SYNs got no reply, the accept queue had room, \
         and TCPReqQFullDrop rose.";
    SYN_COOKIES_ACTIVE "syn_cookies_active":
        "Warning. More handshakes are unfinished than the SYN queue holds; new SYNs are answered \
         with cookies. Clients still get in, but their connections lose window scaling and SACK \
         unless they use TCP timestamps.";
    PORTS_EXHAUSTED "ports_exhausted":
        "Critical. No ephemeral port is left for a source and destination, or for any \
         destination: connect() fails with EADDRNOTAVAIL.";
    PORTS_TIGHT "ports_tight":
        "Warning. At least 90 % of the ephemeral ports for one source and destination are used, \
         or none is left if what was inferred is right.";
    PORTS_HELD_BY_BIND "ports_held_by_bind":
        "Warning. At least 10 % of the ephemeral ports are taken by listeners and by bind(), and \
         so cannot be chosen for any destination.";
    PORTS_HELD_BY_TIME_WAIT "ports_held_by_time_wait":
        "Info. At least 80 % of the ephemeral ports from one source to one destination are in \
         TIME_WAIT. Whether connect() may take them over depends on net.ipv4.tcp_tw_reuse.";
    PORTS_BOUND_BEFORE_CONNECT "ports_bound_before_connect":
        "Info, inferred from the parity of the ports: bind() and connect() prefer different \
         halves of the range. A port that bind() chose cannot be used for any other destination.";
    PORT_RANGE_OVER_LISTENER "port_range_over_listener":
        "Info. Listeners have ports of the ephemeral range. While such a service is down, a \
         connection may be given its port, and the service then fails to start with EADDRINUSE.";
    PORT_RANGE_ODD "port_range_odd":
        "Info. The ephemeral range has an odd number of ports; each connect() rounds the number \
         down and leaves one port untried.";
    PORT_RANGE_OF_SOCKETS "port_range_of_sockets":
        "Info, inferred. The ports of a destination lie so close together that the sockets \
         probably have a range of their own, which FREE does not account for.";
    TIMEWAIT_OVERFLOW "timewait_overflow":
        "Warning. Connections were closed without a TIME_WAIT since the previous reading, or the \
         limit is reached now and some were earlier. Late segments of a closed connection may \
         disturb a new one.";
    TIMEWAIT_NEAR_LIMIT "timewait_near_limit":
        "Warning. At least 80 % of net.ipv4.tcp_max_tw_buckets are used. Beyond the limit \
         connections are closed without a TIME_WAIT.";
    FD_LIMIT_REACHED "fd_limit_reached":
        "Critical. As many descriptors are open as the soft limit (or fs.nr_open) allows: open(), \
         socket() and accept() fail with EMFILE. Connections that accept() does not take stay in \
         the accept queue.";
    FD_LIMIT_NEAR "fd_limit_near":
        "Warning. At least 80 % of the descriptors that the soft limit (or fs.nr_open) allows are \
         open.";
    FD_LIMIT_ABOVE_NR_OPEN "fd_limit_above_nr_open":
        "Info. A hard limit is above fs.nr_open, which was lowered after the limit was set. \
         open() fails at fs.nr_open, and setting a limit that high fails with EPERM.";
    FD_LIMIT_LINE_IGNORED "fd_limit_line_ignored":
        "Info. A unit file sets LimitNOFILE= to a value that systemd does not understand; the \
         line has no effect.";
    HOST_FILES_NEAR_LIMIT "host_files_near_limit":
        "Warning from 80 % of fs.file-max on, critical from 95 %, as the kernel's count lags \
         behind. At 100 % open() fails with ENFILE for all but root.";
    UDP_RECEIVE_OVERFLOW "udp_receive_overflow":
        "Warning. The receive buffer of a UDP socket is full, or datagrams were dropped since the \
         previous reading and the buffer is at least half full.";
    HANDSHAKES_REFUSED "handshakes_refused":
        concat!("A reset answered the SYN: no socket listens at that address and port, or a firewall \
         rejects the connection. ", often!());
    HANDSHAKES_UNANSWERED "handshakes_unanswered":
        concat!("A SYN or a SYN-ACK got no answer: a packet was lost or dropped by a firewall, a route is \
         missing, a queue is full, or the source address is forged. ", often!());
    HANDSHAKES_ACK_DROPPED "handshakes_ack_dropped":
        concat!("The server retransmitted its SYN-ACK after the client had acknowledged it, and the \
         accept queue was not seen full. ", often!());
    HANDSHAKES_RESET "handshakes_reset":
        concat!("Client or server reset the connection before any data. ", often!());
    HANDSHAKES_SLOW "handshakes_slow":
        concat!("The connection was established only after the SYN was retransmitted, which takes a \
         second or more. ", often!());
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
        assert!(often!().contains(&format!("1 in {HANDSHAKES_WARNING_ONE_IN} ")));
    }
}

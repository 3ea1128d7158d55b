//! `sockdiag queues`: half-open connections, and which listener they belong to.

use crate::support::netns::{in_netns, sysctl};
use crate::support::program::{count, finding_ids, json, listener, listeners};
use crate::support::sockets::{half_open_count, listen, listen_with};
use crate::support::tools::{ss_half_open, tcp_ext};
use crate::support::unanswered::{syn_flood, unanswered_syns};
use serde_json::Value;

const SERVER: &str = "10.9.0.1:8080";

/// Sends 40 SYNs to a listener with room for 16 or 17 and returns its entry in the report.
fn flooded(tcp_syncookies: u8) -> Value {
    unanswered_syns();
    sysctl("net/ipv4/tcp_syncookies", tcp_syncookies);
    let _server = listen(SERVER, 16);
    syn_flood(SERVER, 40);
    let by_ss = ss_half_open(8080);
    let report = json(&["queues"]);
    let found = listener(&report, SERVER).clone();
    // The kernel forgets half-open connections after some seconds, so there may be fewer now.
    let still = half_open_count(8080) as u64;
    let length = count(&found["syn_queue"]["length"]);
    assert!(still <= length, "{still} are still half open: {found:#}");
    if let Some(by_ss) = by_ss {
        assert!(length <= by_ss as u64, "{by_ss} by ss: {found:#}");
    }
    // Half-open connections may have gone since.
    if length == 17 {
        let ids = finding_ids(&report);
        let expected = match tcp_syncookies {
            0 => "syn_queue_full",
            _ => "syn_cookies_active",
        };
        assert_eq!(ids, [expected], "{report:#}");
    }
    found
}

#[test]
fn without_cookies_a_full_syn_queue_drops() {
    in_netns(|| {
        let found = flooded(0);
        let length = count(&found["syn_queue"]["length"]);
        // Older kernels stop one earlier.
        assert!([16, 17].contains(&length), "{found:#}");
        assert_eq!(found["syn_queue"]["limit"], 16);
        assert_eq!(count(&found["drops"]), 40 - length);
        assert_eq!(tcp_ext("TCPReqQFullDrop"), 40 - length, "the scene is set");
        // The accept queue is empty, but nobody gets in.
        if length == 17 {
            assert_eq!(found["state"], "overflowing");
        }
        assert_eq!(found["accept_queue"]["length"], 0);
    });
}

#[test]
fn with_cookies_a_full_syn_queue_drops_nothing() {
    in_netns(|| {
        let found = flooded(1);
        let length = count(&found["syn_queue"]["length"]);
        assert!([16, 17].contains(&length), "{found:#}");
        assert_eq!(found["syn_queue"]["limit"], 16);
        assert_eq!(found["drops"], 0);
        assert_eq!(
            tcp_ext("TCPReqQFullDoCookies"),
            40 - length,
            "the scene is set"
        );
    });
}

#[test]
fn with_cookies_for_all_nothing_is_queued() {
    in_netns(|| {
        let found = flooded(2);
        assert_eq!(found["syn_queue"]["length"], 0);
        assert_eq!(found["syn_queue"]["limit"], 0);
        assert_eq!(found["drops"], 0);
        assert_eq!(tcp_ext("SyncookiesSent"), 40, "the scene is set");
    });
}

#[test]
fn without_cookies_tcp_max_syn_backlog_limits_the_syn_queue_as_well() {
    in_netns(|| {
        unanswered_syns();
        sysctl("net/ipv4/tcp_syncookies", 0);
        sysctl("net/ipv4/tcp_max_syn_backlog", 64);
        let _server = listen(SERVER, 1000);
        syn_flood(SERVER, 60);
        let report = json(&["queues"]);
        let syn_queue = &listener(&report, SERVER)["syn_queue"];
        // A quarter of it is kept for peers that are proven.
        assert_eq!(syn_queue["limit"], 48);
        let length = count(&syn_queue["length"]);
        assert!([48, 49].contains(&length), "{syn_queue}");

        sysctl("net/ipv4/tcp_syncookies", 1);
        let report = json(&["queues"]);
        assert_eq!(listener(&report, SERVER)["syn_queue"]["limit"], 1000);
    });
}

#[test]
fn no_syn_leaves_the_length_unknown() {
    in_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 16);
        syn_flood(SERVER, 3);
        let report = json(&["queues"]);
        assert_eq!(listener(&report, SERVER)["syn_queue"]["length"], 3);
        let report = json(&["queues", "--no-syn"]);
        let length = &listener(&report, SERVER)["syn_queue"]["length"];
        assert!(length.is_null(), "{length}");
    });
}

#[test]
fn requests_belong_to_the_listener_that_the_kernel_chose() {
    in_netns(|| {
        unanswered_syns();
        // Three listeners on one port; only SO_REUSEPORT lets them stand beside each other.
        let beside = |address, only_v6| {
            listen_with(address, 50, |socket| {
                socket.set_reuse_port(true).expect("SO_REUSEPORT");
                if let Some(only) = only_v6 {
                    socket.set_only_v6(only).expect("IPV6_V6ONLY");
                }
            })
        };
        let _dual = beside("[::]:9000", Some(false));
        let _v4 = beside("10.9.0.1:9000", None);
        let _v6 = beside("[fd00:9::1]:9000", Some(true));
        syn_flood("10.9.0.1:9000", 3);
        syn_flood("[fd00:9::1]:9000", 2);
        // Nobody listens at these addresses alone, so they fall to the wildcard.
        syn_flood("10.9.0.2:9000", 5);
        syn_flood("[fd00:9::2]:9000", 4);
        assert_eq!(half_open_count(9000), 14, "the scene is set");

        let report = json(&["queues"]);
        for (address, length) in [
            ("10.9.0.1:9000", 3),
            ("[fd00:9::1]:9000", 2),
            ("[::]:9000", 9),
        ] {
            let found = listener(&report, address);
            assert_eq!(found["syn_queue"]["length"], length, "{found:#}");
            // Their addresses differ: no two of them share their connections.
            assert_eq!(found["reuseport_members"].as_u64().unwrap_or(1), 1);
        }
    });
}

#[test]
fn a_v6only_wildcard_leaves_v4_requests_to_the_v4_wildcard() {
    in_netns(|| {
        unanswered_syns();
        let _v6 = listen_with("[::]:9001", 50, |socket| {
            socket.set_only_v6(true).expect("IPV6_V6ONLY");
        });
        let _v4 = listen("0.0.0.0:9001", 50);
        syn_flood("10.9.0.1:9001", 3);
        syn_flood("[fd00:9::1]:9001", 2);
        assert_eq!(half_open_count(9001), 5, "the scene is set");
        let report = json(&["queues"]);
        let length = |address| listener(&report, address)["syn_queue"]["length"].clone();
        assert_eq!(length("0.0.0.0:9001"), 3);
        assert_eq!(length("[::]:9001"), 2);

        let only_v6 = json(&["queues", "-6"]);
        assert_eq!(listeners(&only_v6).len(), 1);
        assert_eq!(listener(&only_v6, "[::]:9001")["syn_queue"]["length"], 2);
        let only_v4 = json(&["queues", "-4"]);
        assert_eq!(listeners(&only_v4).len(), 1);
        assert_eq!(listener(&only_v4, "0.0.0.0:9001")["syn_queue"]["length"], 3);
    });
}

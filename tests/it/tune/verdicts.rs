//! `sockdiag tune`: settings judged by what really happens in a namespace.

use crate::support::clients::{exhaust_ports, port_range};
use crate::support::netns::{in_netns, in_sealed_netns, lo_up, run, sysctl};
use crate::support::program::{finding, finding_ids, json, text};
use crate::support::sockets::{accept_queue_len, fill_accept_queue, half_open_count, listen};
use crate::support::time_waits::client_time_waits;
use crate::support::tools::tcp_ext;
use crate::support::unanswered::{syn_flood, unanswered_syns};
use serde_json::Value;
use socket2::Socket;

const SERVER: &str = "10.9.0.1:8080";
const SOMAXCONN: &str = "net.core.somaxconn";

#[track_caller]
fn setting<'a>(report: &'a Value, key: &str) -> &'a Value {
    let settings = report["settings"].as_array().expect("settings[]");
    let found: Vec<&Value> = settings.iter().filter(|one| one["key"] == key).collect();
    assert_eq!(found.len(), 1, "{key} in {report:#}");
    found[0]
}

#[track_caller]
fn judged(key: &str) -> Value {
    setting(&json(&["tune", key]), key).clone()
}

#[track_caller]
fn assert_reason(setting: &Value, words: &[&str]) {
    let reason = setting["reason"].as_str().expect("a reason");
    for word in words {
        assert!(reason.contains(word), "{word}: {reason}");
    }
}

/// A listener that dropped seven SYNs with its queue full.
fn overflowed(backlog: i32, holds: usize) -> (Socket, impl Sized) {
    let listener = listen(SERVER, backlog);
    let clients = fill_accept_queue(&listener, holds);
    syn_flood(SERVER, 7);
    assert_eq!(tcp_ext("ListenOverflows"), 7, "the scene is set");
    (listener, clients)
}

#[test]
fn a_queue_that_overflowed_at_somaxconn_calls_for_a_larger_one() {
    in_netns(|| {
        unanswered_syns();
        sysctl("net/core/somaxconn", 4);
        let (listener, _clients) = overflowed(128, 5);
        let full = judged(SOMAXCONN);
        assert_eq!(
            (&full["verdict"], &full["suggested"]),
            (&"change".into(), &4096.into())
        );
        assert_reason(
            &full,
            &[SERVER, "dropped 7 packets", "limit of 4", "full now"],
        );
        let report = json(&["tune", SOMAXCONN]);
        assert_eq!(finding(&report, "setting_harmful")["severity"], "warning");

        for _ in 0..5 {
            listener.accept().expect("a client waits");
        }
        assert_eq!(accept_queue_len(&listener), 0, "it is drained");
        let report = json(&["tune", SOMAXCONN]);
        let drained = setting(&report, SOMAXCONN);
        assert_eq!(drained["verdict"], "change");
        assert_eq!(drained["value"], 4);
        assert_eq!(drained["default"], 4096);
        assert_eq!(drained["is_default"], false);
        assert_eq!(drained["scope"], "netns");
        assert_reason(drained, &["dropped 7 packets", "7 since"]);
        assert_eq!(finding(&report, "setting_harmful")["severity"], "info");
    });
}

#[test]
fn somaxconn_is_not_blamed_for_the_backlog_of_an_application() {
    in_sealed_netns(|| {
        unanswered_syns();
        let _overflowed = overflowed(2, 3);
        let report = json(&["tune"]);
        let somaxconn = setting(&report, SOMAXCONN);
        assert_eq!(somaxconn["verdict"], "note");
        assert!(somaxconn["suggested"].is_null());
        assert_reason(
            somaxconn,
            &["dropped 7 packets", "limit of 2", "passed to listen()"],
        );
        let settings = report["settings"].as_array().expect("settings[]");
        let change = settings.iter().find(|one| one["verdict"] == "change");
        assert_eq!(change, None);
        assert!(finding_ids(&report).is_empty(), "{report:#}");
    });
}

#[test]
fn drops_before_the_interval_do_not_count_in_it() {
    in_netns(|| {
        unanswered_syns();
        sysctl("net/core/somaxconn", 4);
        let (listener, _clients) = overflowed(128, 5);
        for _ in 0..5 {
            listener.accept().expect("a client waits");
        }
        let report = json(&["tune", SOMAXCONN, "--for", "200ms", "--every", "50ms"]);
        let quiet = setting(&report, SOMAXCONN);
        assert_eq!(quiet["verdict"], "note");
        assert_reason(quiet, &["no queue has overflowed"]);
    });
}

#[test]
fn syn_cookies_are_called_for_where_their_lack_drops_syns() {
    in_netns(|| {
        unanswered_syns();
        sysctl("net/ipv4/tcp_syncookies", 0);
        const KEY: &str = "net.ipv4.tcp_syncookies";
        let _listener = listen(SERVER, 2);
        let off = judged(KEY);
        assert_eq!(off["verdict"], "note");
        syn_flood(SERVER, 20);
        assert!(tcp_ext("TCPReqQFullDrop") > 0 && half_open_count(8080) > 1);
        let dropped = judged(KEY);
        assert_eq!(
            (&dropped["verdict"], &dropped["suggested"]),
            (&"change".into(), &1.into())
        );
        let count = tcp_ext("TCPReqQFullDrop").to_string();
        assert_reason(&dropped, &[&count]);
        sysctl("net/ipv4/tcp_syncookies", 1);
        assert_eq!(judged(KEY)["verdict"], "ok");
    });
}

#[test]
fn ports_and_time_waits_decide_on_the_range_and_on_reuse() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let server = listen(SERVER, 100);
        client_time_waits(&server, 20);
        let report = json(&["tune", "ports", "timewait"]);
        let reuse = setting(&report, "net.ipv4.tcp_tw_reuse");
        assert_eq!(
            (&reuse["verdict"], &reuse["suggested"]),
            (&"change".into(), &1.into())
        );
        assert_reason(reuse, &["20 of 20 ports in use are in TIME_WAIT"]);
        let range = setting(&report, "net.ipv4.ip_local_port_range");
        assert_eq!(range["suggested"], "10240 65535");
        assert_eq!(range["value"], "40000 40019");
    });
}

#[test]
fn open_connections_do_not_call_for_reuse() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        let _server = listen(SERVER, 100);
        let _held = exhaust_ports(SERVER);
        let report = json(&["tune", "ports", "timewait"]);
        assert_eq!(setting(&report, "net.ipv4.tcp_tw_reuse")["verdict"], "ok");
        let range = setting(&report, "net.ipv4.ip_local_port_range");
        assert_eq!(range["verdict"], "change");
        assert_reason(range, &[SERVER, "20 ports are used and 0 are free"]);
    });
}

#[test]
fn buckets_of_time_wait_are_judged_by_connections_that_found_none() {
    in_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 100);
        client_time_waits(&server, 5);
        sysctl("net/ipv4/tcp_max_tw_buckets", 5);
        let full = judged("net.ipv4.tcp_max_tw_buckets");
        assert_eq!(full["verdict"], "change");
        assert_reason(&full, &["5 of 5 are in use"]);
        assert_eq!(full["suggested"], full["default"]);
    });
}

#[test]
fn values_are_those_that_sysctl_prints() {
    in_netns(|| {
        lo_up();
        sysctl("net/ipv4/tcp_fin_timeout", 15);
        sysctl("net/ipv4/ip_local_reserved_ports", "8080,9000-9002");
        let report = json(&["tune"]);
        let mut compared = 0;
        for one in report["settings"].as_array().expect("settings[]") {
            let key = one["key"].as_str().expect("a key");
            if key == "RLIMIT_NOFILE" || one["value"].is_null() {
                continue;
            }
            let printed = run("sysctl", &["-n", key])
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let value = match &one["value"] {
                Value::String(text) => text.clone(),
                number => number.to_string(),
            };
            assert_eq!(value, printed, "{key}");
            compared += 1;
        }
        assert!(compared > 30, "{compared}");
        let fin = setting(&report, "net.ipv4.tcp_fin_timeout");
        assert_eq!(fin["verdict"], "note");
        assert_reason(fin, &["does not shorten TIME_WAIT"]);
        let table = text(&["tune"]);
        assert!(
            table.contains("tcp_fin_timeout") && table.contains("(--all)"),
            "{table}"
        );
        assert!(
            !table.contains("tcp_syn_retries"),
            "at its default: {table}"
        );
        assert!(text(&["tune", "--all"]).contains("tcp_syn_retries"));
    });
}

#[test]
fn a_fresh_namespace_is_at_its_defaults_and_does_not_show_those_of_the_host() {
    in_sealed_netns(|| {
        lo_up();
        let report = json(&["tune"]);
        for one in report["settings"].as_array().expect("settings[]") {
            let of_host = one["scope"] == "host";
            assert!(one["is_default"] != false || of_host, "{one:#}");
            assert!(one["verdict"] == "ok" || of_host, "{one:#}");
        }
        let hidden = setting(&report, "net.ipv4.tcp_mem");
        assert!(hidden["value"].is_null() && hidden["is_default"].is_null());
        assert_reason(hidden, &["first network namespace"]);
        let incomplete = report["incomplete"].as_array().expect("a list");
        let missing = incomplete.iter().find(|one| one["what"] == "settings");
        assert_eq!(missing.expect("said")["count"], 4);
        assert!(finding_ids(&report).is_empty(), "{report:#}");
    });
}

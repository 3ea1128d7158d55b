//! `sockdiag keepalive` on real timers: on, off, hidden by a retransmission; the socket's own times.

use std::io;
use std::io::Write as _;
use std::time::Duration;

use serde_json::{Value, json as object};
use socket2::{Socket, TcpKeepalive};

use crate::support::clients::connect_with;
use crate::support::helper_process::process_name;
use crate::support::link::{HIDDEN_THERE, Link};
use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up, sysctl};
use crate::support::program::{json, sockdiag, stderr};
use crate::support::sockets::listen;
use crate::support::time_waits::connected_pair;
use crate::support::users::{EACH_PROC, as_nobody};
use crate::support::wait::wait_for;

const SERVER: &str = "127.0.0.1:8080";

/// Keepalive with times of its own.
fn probing(idle: u64, interval: u64, probes: u32) -> impl Fn(&Socket) -> io::Result<()> {
    let times = TcpKeepalive::new()
        .with_time(Duration::from_secs(idle))
        .with_interval(Duration::from_secs(interval))
        .with_retries(probes);
    move |socket| socket.set_tcp_keepalive(&times)
}

/// The one connection to the server, as its client has it.
#[track_caller]
fn connection(more: &[&str]) -> Value {
    let args = [
        &["keepalive", "--by", "socket", "dport", "=", ":8080"],
        more,
    ]
    .concat();
    let report = json(&args);
    let sockets = report["sockets"].as_array().expect("sockets[]");
    assert_eq!(sockets.len(), 1, "{report:#}");
    sockets[0].clone()
}

#[test]
fn a_connection_with_keepalive_is_told_from_one_without() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let on = connected_pair(&server, |socket| socket.set_keepalive(true));
        let found = connection(&[]);
        assert_eq!(found["enabled"], true);
        assert_eq!(found["detection_seconds"], 7875);
        assert_eq!(found["detection_inferred"], true);
        let left = found["expires_ms"].as_u64().expect("a timer");
        assert!((7_000_000..=7_200_000).contains(&left), "{left}");
        assert_eq!(found["tcp_info"], Value::Null);
        on.0.set_keepalive(false).expect("an option");
        let found = connection(&[]);
        assert_eq!(found["enabled"], false);
        assert_eq!(found["expires_ms"], Value::Null);
        assert_eq!(found["detection_seconds"], Value::Null);
    });
}

#[test]
fn the_settings_of_the_namespace_are_those_that_count() {
    in_sealed_netns(|| {
        lo_up();
        for (name, value) in [("time", 100), ("intvl", 7), ("probes", 3)] {
            sysctl(&format!("net/ipv4/tcp_keepalive_{name}"), value);
        }
        let server = listen(SERVER, 5);
        let _on = connected_pair(&server, |socket| socket.set_keepalive(true));
        let report = json(&["keepalive"]);
        let defaults = object!({
            "idle_seconds": 100, "interval_seconds": 7, "probes": 3, "detection_seconds": 121,
        });
        assert_eq!(report["defaults"], defaults);
        assert_eq!(report["namespaces"][0]["defaults"], defaults);
        assert_eq!(connection(&[])["detection_seconds"], 121);
    });
}

#[test]
fn a_time_that_speaks_against_the_settings_is_not_inferred_from_them() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let _on = connected_pair(&server, probing(20_000, 10, 6));
        let found = connection(&[]);
        assert_eq!(found["enabled"], true);
        assert!(found["expires_ms"].as_u64() > Some(7_200_000), "{found:#}");
        assert_eq!(found["detection_seconds"], Value::Null);
        assert_eq!(found["detection_inferred"], false);
        drop(_on);
        let _short = connected_pair(&server, probing(60, 10, 6));
        let found = connection(&["state", "established"]);
        assert_eq!(found["enabled"], true);
        assert_eq!(found["detection_seconds"], Value::Null, "{found:#}");
    });
}

/// With one second of idle time a probe is answered, which brings an acknowledgement and no data.
#[test]
fn an_answered_probe_shows_that_the_times_are_the_sockets_own() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let _on = connected_pair(&server, probing(1, 1, 6));
        let found = wait_for("a probe is answered", || {
            let found = connection(&[]);
            let acked = found["silent_ms"].as_u64()? + 1000 < found["idle_ms"].as_u64()?;
            acked.then_some(found)
        });
        assert_eq!(found["enabled"], true);
        assert_eq!(found["detection_seconds"], Value::Null, "{found:#}");
    });
}

#[test]
fn the_options_of_a_socket_are_read_from_a_duplicate() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let pair = connected_pair(&server, probing(60, 10, 6));
        assert_eq!(connection(&[])["options"], Value::Null, "not asked for");
        let found = connection(&["--options"]);
        let options = object!({
            "enabled": true, "idle_seconds": 60, "interval_seconds": 10, "probes": 6,
            "user_timeout_ms": 0,
        });
        assert_eq!(found["options"], options);
        assert_eq!(found["detection_seconds"], 120);
        assert_eq!(found["detection_inferred"], false);
        let timeout = Some(Duration::from_secs(75));
        pair.0.set_tcp_user_timeout(timeout).expect("an option");
        assert_eq!(connection(&["--options"])["detection_seconds"], 80);
        let grouped = json(&[
            "keepalive",
            "--by",
            "peer",
            "--options",
            "dport",
            "=",
            ":8080",
        ]);
        assert_eq!(grouped["groups"][0]["detection_seconds"], 80);
        assert_eq!(grouped["groups"][0]["detection_inferred"], false);
    });
}

#[test]
fn a_retransmission_hides_keepalive_but_not_the_option() {
    in_sealed_netns(|| {
        let link = Link::new();
        link.reveal_here();
        link.reveal_there();
        let address = format!("{HIDDEN_THERE}:8080");
        let _server = link.there.run(|| listen(&address, 5));
        let mut client =
            connect_with(&address, |socket| socket.set_keepalive(true)).expect("it listens");
        assert_eq!(connection(&[])["enabled"], true);
        link.hide();
        client.write_all(b"lost").expect("there is room");
        let found = connection(&[]);
        assert_eq!(found["timer"]["kind"], "retransmit", "{found:#}");
        assert_eq!(found["enabled"], Value::Null);
        assert_eq!(found["detection_seconds"], Value::Null);
        assert_eq!(connection(&["--options"])["enabled"], true);
        let report = json(&["keepalive"]);
        assert_eq!(report["unknown"], 1);
        assert_eq!(report["incomplete"][0]["what"], "keepalive");
        assert_eq!(report["incomplete"][0]["count"], 1);
    });
}

#[test]
fn processes_and_peers_are_groups_and_filters_count() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen(SERVER, 20);
        let _off: Vec<_> = (0..3)
            .map(|_| connected_pair(&server, |_| Ok(())))
            .collect();
        let on = |socket: &Socket| socket.set_keepalive(true);
        let _on: Vec<_> = (0..2).map(|_| connected_pair(&server, on)).collect();
        let group = |args: &[&str]| {
            let report = json(&[&["keepalive"], args].concat());
            assert_eq!(
                report["groups"].as_array().map(Vec::len),
                Some(1),
                "{report:#}"
            );
            let group = &report["groups"][0];
            let counts = ["sockets", "enabled", "not_enabled", "unknown"];
            let counts = counts.map(|name| group[name].as_u64().expect("a count"));
            (group["key"].clone(), group["pid"].clone(), counts)
        };
        let (name, pid) = (process_name(std::process::id()), std::process::id());
        assert_eq!(group(&[]), (object!(name), object!(pid), [10, 2, 8, 0]));
        let dport = ["--by", "peer", "dport", "=", ":8080"];
        let peer = object!("127.0.0.1");
        assert_eq!(group(&dport), (peer.clone(), Value::Null, [5, 2, 3, 0]));
        let own = ["--by", "peer", "--process", &pid.to_string()];
        assert_eq!(group(&own), (peer, Value::Null, [10, 2, 8, 0]));
        let idle = json(&["keepalive", "--where", "idle>1h"]);
        assert_eq!(
            (&idle["count"], &idle["groups"]),
            (&object!(0), &object!([]))
        );
    });
}

#[test]
fn who_may_not_duplicate_descriptors_still_sees_the_timers() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let server = listen(SERVER, 5);
        let _on = connected_pair(&server, |socket| socket.set_keepalive(true));
        for first in EACH_PROC {
            let args = ["keepalive", "--options", "--by", "peer", "--json"];
            let output = as_nobody(first, &args);
            assert!(output.status.success(), "{first}: {}", stderr(&output));
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(report["enabled"], 1, "{first}");
            assert_eq!(report["groups"][0]["detection_inferred"], true, "{first}");
            assert_eq!(report["incomplete"][0]["what"], "owners", "{report:#}");
            assert_eq!(report["incomplete"][0]["count"], 2, "{first}");
        }
    });
}

#[test]
fn options_without_owners_is_wrong_usage() {
    for args in [
        &["keepalive", "--no-owners"][..],
        &["keepalive", "--by", "peer", "--options", "--no-owners"],
    ] {
        let output = sockdiag(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains("owners"), "{}", stderr(&output));
    }
}

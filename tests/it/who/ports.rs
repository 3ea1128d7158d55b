//! Who holds a port: each kind of holder, and the answer.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::bind_verdicts::{OPTIONS, bind_returns, free, of, rows, tried, verdicts};
use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::kernel_parts::reports_bound_sockets;
use crate::support::link::Link;
use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::program::{count, json as report, text};
use crate::support::scenes::{self_connect, simultaneous_open};
use crate::support::sockets::{listen, socket_address};
use crate::support::time_waits::{client_fin_wait_2s, connected_pair, server_time_waits};

#[track_caller]
fn kinds(report: &Value) -> Vec<&str> {
    let holders = report["holders"].as_array().expect("holders[]").iter();
    holders
        .filter_map(|holder| holder["kind"].as_str())
        .collect()
}

fn answer(report: &Value) -> &str {
    report["answer"].as_str().expect("a sentence")
}

#[track_caller]
fn assert_advises(report: &Value, wanted: &str) {
    let advice = report["advice"].as_array().expect("advice[]");
    let mut lines = advice.iter().filter_map(Value::as_str);
    assert!(lines.any(|line| line.contains(wanted)), "{advice:#?}");
}

#[test]
fn a_listener_excludes_its_port_even_with_reuseaddr() {
    in_sealed_netns(|| {
        lo_up();
        let server = spawn_listener(
            &ListenerSetup {
                address: "127.0.0.1:8080",
                backlog: 5,
                clients: 0,
                syns: 0,
            },
            &[],
        );
        let report = tried(&[":8080"]);
        assert_eq!(kinds(&report), ["listener"]);
        let pid = server.pid();
        assert_eq!(report["holders"][0]["owners"][0]["pid"], pid);
        assert!(answer(&report).contains(&format!("({pid})")), "{report:#}");
        assert_advises(&report, &format!("kill {pid}"));
        assert_eq!(
            verdicts(&report, "tcp", "0.0.0.0"),
            ["in_use"; 4].map(|v| json!(v)).each_ref()
        );
        assert_eq!(
            verdicts(&report, "udp", "0.0.0.0"),
            ["ok"; 4].map(|v| json!(v)).each_ref()
        );
        let page = text(&["who", "127.0.0.2:8080"]);
        assert!(
            page.lines()
                .next()
                .is_some_and(|line| line.ends_with("holds 127.0.0.2:8080")),
            "{page}"
        );
        assert_eq!(page.matches("nothing").count(), 1, "{page}");
    });
}

#[test]
fn a_port_that_only_time_waits_hold() {
    in_sealed_netns(|| {
        lo_up();
        let begun = Instant::now();
        let listener = listen("127.0.0.1:8080", 5);
        server_time_waits(&listener, 2);
        drop(listener);
        let report = tried(&[":8080"]);
        assert_eq!(kinds(&report), ["time_wait", "time_wait"]);
        let holders = report["holders"].as_array().expect("holders[]");
        assert!(holders.iter().all(|holder| holder["uid"].is_null()));
        let left = holders.iter().map(|holder| count(&holder["expires_ms"]));
        let longest = left.max().expect("two times");
        let least = 60_000 - begun.elapsed().as_millis() as u64;
        assert!((least..=60_000).contains(&longest), "{least}: {longest}");
        let wait = format!("wait {} s", longest.div_ceil(1000));
        let advice = report["advice"].as_array().expect("advice[]").iter();
        let mut advice = advice.filter_map(Value::as_str);
        assert!(advice.any(|line| line.starts_with(&wait)), "{report:#}");
        assert_advises(&report, "SO_REUSEADDR");
        // The kernel does not report the option that a TIME_WAIT remembers.
        let expected = [json!("in_use"), Value::Null, Value::Null, Value::Null];
        assert_eq!(verdicts(&report, "tcp", "0.0.0.0"), expected.each_ref());
        let returned = self::report(&["who", ":8080", "--try"]);
        for row in rows(&returned) {
            let address = row["address"].as_str().expect("an address");
            let at = SocketAddr::new(address.parse().expect("an address"), 8080);
            let v6only = row["v6only"].as_bool().unwrap_or_default();
            let returned = OPTIONS.map(|options| {
                let verdict = bind_returns(row["protocol"] == "udp", at, v6only, options);
                serde_json::to_value(verdict).expect("a word")
            });
            assert_eq!(of(row), returned.each_ref(), "{row:#}");
        }
    });
}

#[test]
fn a_port_that_a_socket_has_bound_and_no_more() {
    in_sealed_netns(|| {
        if !reports_bound_sockets() {
            return;
        }
        lo_up();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        socket
            .bind(&socket_address("127.0.0.1:8080").into())
            .expect("the port is free");
        let report = tried(&[":8080"]);
        assert_eq!(kinds(&report), ["bound"]);
        assert_eq!(report["holders"][0]["reuseaddr"], true);
        let [plain, reuseaddr, _, both] = verdicts(&report, "tcp", "0.0.0.0");
        assert_eq!([plain, reuseaddr, both], ["in_use", "ok", "ok"]);
        assert_advises(&report, "set SO_REUSEADDR");
    });
}

#[test]
fn a_port_that_an_outgoing_connection_uses() {
    in_sealed_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:5432", 5);
        let (client, _server) = connected_pair(&listener, |_| Ok(()));
        let local = client.local_addr().expect("it is bound");
        let port = local.as_socket().expect("an address").port();
        let report = tried(&[&format!(":{port}")]);
        assert_eq!(kinds(&report), ["connection"]);
        assert!(answer(&report).contains("to 127.0.0.1:5432"), "{report:#}");
        assert_eq!(verdicts(&report, "tcp", "0.0.0.0")[0], "in_use");
        assert_advises(
            &report,
            &format!("add {port} to net.ipv4.ip_local_reserved_ports"),
        );
    });
}

#[test]
fn a_connection_that_nobody_has_open_any_more() {
    in_sealed_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:5432", 5);
        let _servers = client_fin_wait_2s(&listener, 1);
        let clients = report(&["sockets", "state", "fin-wait-2"]);
        let port = &clients["sockets"][0]["local"]["port"];
        let report = tried(&[&format!(":{port}")]);
        assert_eq!(kinds(&report), ["orphan"]);
        assert!(
            answer(&report).contains("no process has open"),
            "{report:#}"
        );
        assert_eq!(verdicts(&report, "tcp", "0.0.0.0")[0], "in_use");
    });
}

#[test]
fn a_socket_that_is_connected_to_itself() {
    in_sealed_netns(|| {
        lo_up();
        let _socket = self_connect("127.0.0.1:4000");
        let report = tried(&[":4000"]);
        assert_eq!(kinds(&report), ["connection"]);
        assert!(
            answer(&report).contains("to itself (self-connect)"),
            "{report:#}"
        );
        assert_eq!(verdicts(&report, "tcp", "0.0.0.0")[0], "in_use");
    });
}

#[test]
fn both_ends_of_a_simultaneous_open_hold_their_ports() {
    in_sealed_netns(|| {
        let link = Link::new();
        link.there.name("there");
        let _ends = simultaneous_open(&link);
        let (here, there) = ("10.7.0.11:7001", "10.7.0.12:7002");
        for (args, peer) in [(&[here][..], there), (&["--netns", "there", there], here)] {
            let report = tried(args);
            assert_eq!(kinds(&report), ["connection"], "{report:#}");
            assert!(
                answer(&report).contains(&format!("to {peer}")),
                "{report:#}"
            );
            for row in rows(&report).iter().filter(|row| row["protocol"] == "tcp") {
                assert_eq!(row["plain"], "in_use", "{report:#}");
            }
        }
    });
}

#[test]
fn a_holder_in_another_namespace_excludes_nothing_here() {
    in_sealed_netns(|| {
        lo_up();
        let server = spawn_listener(
            &ListenerSetup {
                address: "0.0.0.0:8080",
                backlog: 5,
                clients: 0,
                syns: 0,
            },
            &["unshare", "--net"],
        );
        let here = tried(&[":8080"]);
        assert_eq!(kinds(&here), ["listener"]);
        let inode = here["holders"][0]["netns"]["inode"]
            .as_u64()
            .expect("an inode");
        assert_ne!(Some(inode), here["netns"]["inode"].as_u64());
        assert!(answer(&here).ends_with("holds port 8080 in this namespace"));
        assert_advises(&here, &format!("sockdiag who --netns {inode} :8080"));
        assert_eq!(*verdicts(&here, "tcp", "0.0.0.0")[0], free());

        let there = tried(&["--netns", &inode.to_string(), ":8080"]);
        assert_eq!(verdicts(&there, "tcp", "0.0.0.0")[0], "in_use");
        assert_advises(&there, &format!("kill {}", server.pid()));
    });
}

#[test]
fn a_free_port_is_free() {
    in_netns(|| {
        lo_up();
        let report = tried(&[":8080"]);
        assert_eq!(report["holders"].as_array().map(Vec::len), Some(0));
        assert_eq!(*verdicts(&report, "tcp", "::")[0], free());
    });
}

#[test]
fn a_udp_socket_holds_the_port_of_udp_alone() {
    in_sealed_netns(|| {
        lo_up();
        let _socket = std::net::UdpSocket::bind("127.0.0.1:53").expect("the port is free");
        let _other = TcpListener::bind("127.0.0.1:54").expect("the port is free");
        let report = tried(&[":53"]);
        assert_eq!(kinds(&report), ["bound"]);
        let at = tried(&["127.0.0.1:53"]);
        assert_eq!(verdicts(&at, "udp", "127.0.0.1")[0], "in_use");
        assert_eq!(*verdicts(&report, "tcp", "0.0.0.0")[0], free());
    });
}

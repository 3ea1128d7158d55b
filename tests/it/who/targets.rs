//! What `who` can be asked about.

use serde_json::Value;

use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::in_sealed_netns_of_root;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{assert_failed, json as report, sockdiag};
use crate::support::sockets::listen;
use crate::support::users::as_nobody;

#[test]
fn a_process_has_all_its_sockets_on_one_page() {
    in_sealed_netns(|| {
        lo_up();
        let server = spawn_listener(
            &ListenerSetup {
                address: "127.0.0.1:8080",
                backlog: 5,
                clients: 2,
                syns: 0,
            },
            &[],
        );
        let _other = listen("127.0.0.1:8081", 5);
        let report = report(&["who", &server.pid().to_string()]);
        let holders = report["holders"].as_array().expect("holders[]");
        let kinds: Vec<&str> = holders
            .iter()
            .filter_map(|row| row["kind"].as_str())
            .collect();
        assert_eq!(kinds, ["listener", "connection", "connection"]);
        assert!(
            holders
                .iter()
                .all(|row| row["owners"][0]["pid"] == server.pid())
        );
        assert_eq!(report["bind"].as_array().map(Vec::len), Some(0));
        assert_eq!(report["port"], Value::Null);
    });
}

#[test]
fn what_is_no_target_is_pointed_at() {
    for (target, reason) in [
        (":http8", "a number from 1 to 65535"),
        (":0", "a number from 1 to 65535"),
        (":65536", "  :65536\n   ^"),
        ("127.0.0.1", "127.0.0.1:PORT"),
        ("::1", "[::1]:PORT"),
        ("::1:80", "[::1:80]:PORT"),
        ("[::1:80", "neither an address"),
        ("", "a process id or a unit"),
        ("http", ":http"),
    ] {
        assert_failed(&sockdiag(&["who", target]), 2, &[reason]);
    }
    assert_failed(
        &sockdiag(&["who", ":80", "--as", "nobody-here"]),
        1,
        &["no such user"],
    );
    let nobody = "4194305";
    assert_failed(
        &sockdiag(&["who", nobody]),
        1,
        &["a port is written :4194305"],
    );
    assert_failed(&sockdiag(&["who", "no-such.service"]), 1, &["no such unit"]);
}

#[test]
fn options_of_other_users_are_unknown_and_said_to_be() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
            .expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        let address: std::net::SocketAddr = "127.0.0.1:8080".parse().expect("an address");
        socket.bind(&address.into()).expect("the port is free");
        let output = as_nobody("", &["who", ":8080", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["holders"][0]["reuseaddr"], Value::Null);
        assert_eq!(report["bind"][0]["plain"], "in_use");
        assert_eq!(report["bind"][0]["reuseaddr"], Value::Null);
        assert!(
            report["incomplete"].to_string().contains("other users"),
            "{report:#}"
        );
    });
}

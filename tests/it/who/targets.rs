//! What `who` can be asked about.

use serde_json::{Value, json};

use crate::support::cgroup::Unit;
use crate::support::helper_process::{ListenerSetup, spawn_cat, spawn_listener};
use crate::support::kernel_parts::reports_bound_sockets;
use crate::support::netns::{in_sealed_netns, in_sealed_netns_of_root, lo_up};
use crate::support::program::{assert_failed, json as report, sockdiag, text};
use crate::support::sockets::listen;
use crate::support::users::as_nobody;
use crate::support::wait::wait_until;

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
        let own = report(&["who", &server.pid().to_string(), "--owners", "none"]);
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
        assert_eq!(own["holders"][0]["owners"], holders[0]["owners"]);
        assert_eq!(own["holders"][0]["owners_complete"], false);
        assert_eq!(own["incomplete"], json!([]));
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
    assert_failed(&sockdiag(&["who", nobody]), 1, &["no process 4194305"]);
    assert_failed(&sockdiag(&["who", "no-such.service"]), 1, &["no such unit"]);
}

#[test]
fn options_of_other_users_are_unknown_and_said_to_be() {
    in_sealed_netns_of_root(|| {
        if !reports_bound_sockets() {
            return;
        }
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
        let incomplete = report["incomplete"].to_string();
        assert!(incomplete.contains("other users"), "{incomplete}");
    });
}

#[test]
fn a_unit_has_the_sockets_of_all_its_processes() {
    in_sealed_netns_of_root(|| {
        lo_up();
        let Some(unit) = Unit::new() else { return };
        let listener = |address| {
            let setup = ListenerSetup {
                address,
                backlog: 5,
                clients: 1,
                syns: 0,
            };
            spawn_listener(&setup, &[])
        };
        let members = [listener("127.0.0.1:8080"), listener("127.0.0.1:8081")];
        let _other = listener("127.0.0.1:8082");
        for member in &members {
            unit.add(member.pid());
        }
        let name = unit.name();
        for target in [name, name.strip_suffix(".service").expect("its end")] {
            let report = report(&["who", target]);
            let holders = report["holders"].as_array().expect("holders[]");
            let kinds: Vec<_> = holders.iter().map(|row| &row["kind"]).collect();
            assert_eq!(kinds, ["listener", "listener", "connection", "connection"]);
            assert!(holders.iter().all(|row| row["unit"] == name), "{report:#}");
            let answer = format!("{target} has 2 listeners, 2 connections");
            assert_eq!(report["answer"], answer);
        }
        let of_port = report(&["who", ":8080"]);
        let stop = format!("systemctl stop {name}");
        assert!(
            of_port["advice"][0].to_string().contains(&stop),
            "{of_port:#}"
        );
    });
}

#[test]
fn other_users_processes_are_refused_with_the_way_in() {
    in_sealed_netns_of_root(|| {
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
        let pid = server.pid().to_string();
        assert_failed(&as_nobody("", &["who", &pid]), 1, &["CAP_SYS_PTRACE"]);
        for hidepid in [1, 2] {
            let first = format!("mount -t proc -o hidepid={hidepid} proc /proc &&");
            let refused = as_nobody(&first, &["who", &pid]);
            let reason = if hidepid == 1 {
                "CAP_SYS_PTRACE"
            } else {
                "no process"
            };
            assert_failed(&refused, 1, &[reason]);

            let output = as_nobody(&first, &["who", ":8080", "--json"]);
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let holder = &report["holders"][0];
            assert_eq!(
                (&holder["kind"], &holder["owners"]),
                (&json!("listener"), &json!([]))
            );
            assert_eq!(holder["owners_complete"], false);
            assert_eq!(report["bind"][0]["plain"], "in_use");
            let incomplete = report["incomplete"].to_string();
            assert!(
                incomplete.contains("owners"),
                "hidepid={hidepid}: {incomplete}"
            );
        }
    });
}

#[test]
fn a_process_without_sockets_has_none() {
    in_sealed_netns(|| {
        let holder = spawn_cat();
        wait_until("it is cat", || holder.name() == "cat");
        let pid = holder.pid().to_string();
        let report = report(&["who", &pid]);
        assert_eq!(report["answer"], format!("cat ({pid}) has no socket"));
        assert_eq!(report["incomplete"], json!([]));
        let page = text(&["who", &pid]);
        assert_eq!(page, format!("cat ({pid}) has no socket\n"));
    });
}

//! `sockdiag doctor`: one problem of each kind, made for real, and the one block that it gets.

use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use socket2::Socket;

use crate::support::clients::{begin, bind, clients, exhaust_ports, port_range};
use crate::support::diagnosis::{doctor, doctor_while, only};
use crate::support::helper_process::{ListenerSetup, spawn_listener};
use crate::support::netns::{in_sealed_netns, lo_up, netns_inode, sysctl};
use crate::support::sockets::{accept_queue_len, listen, listen_with, udp_drops};
use crate::support::time_waits::client_time_waits;

#[test]
fn a_stuck_member_is_one_block() {
    in_sealed_netns(|| {
        lo_up();
        let member = |_| {
            listen_with("127.0.0.1:8080", 2, |socket| {
                socket.set_reuse_port(true).expect("SO_REUSEPORT");
            })
        };
        let group: Vec<Socket> = (0..3).map(member).collect();
        let (stuck, served) = group.split_first().expect("three sockets");
        let mut held = Vec::new();
        while accept_queue_len(stuck) < 3 {
            held.push(TcpStream::connect("127.0.0.1:8080").expect("room for it"));
            for socket in served {
                while accept_queue_len(socket) > 0 {
                    socket.accept().expect("one is queued");
                }
            }
        }
        let report = doctor(&["--for=300ms"]);
        let found = only(&report, "reuseport_member_stuck");
        let message = found["message"].as_str().expect("text");
        assert!(
            message.starts_with("1 of 3 SO_REUSEPORT sockets full"),
            "{message}"
        );
    });
}

/// Bursts that exceed the limit, each accepted at once.
fn bursts(backlog: i32) -> Value {
    lo_up();
    let server = listen("127.0.0.1:8080", backlog);
    server.set_nonblocking(true).expect("a flag");
    let burst = || {
        let clients: Vec<Socket> = (0..12).map(|_| begin("127.0.0.1:8080")).collect();
        while server.accept().is_ok() {}
        drop(clients);
        // The pace of the scene; nothing waits for it.
        thread::sleep(Duration::from_millis(50));
    };
    doctor_while(burst, &["--for=1s"])
}

#[test]
fn bursts_that_exceed_a_backlog_of_the_application_are_its_backlogs_fault() {
    in_sealed_netns(|| {
        let report = bursts(4);
        let found = only(&report, "backlog_too_small");
        assert_eq!(found["severity"], "warning");
        let cause = found["cause"].as_str().expect("text");
        assert!(cause.contains("gave to listen()"), "{found:#}");
    });
}

#[test]
fn bursts_that_exceed_a_small_somaxconn_are_its_fault() {
    in_sealed_netns(|| {
        sysctl("net/core/somaxconn", 4);
        let report = bursts(4096);
        let found = only(&report, "backlog_too_small");
        let cause = found["cause"].as_str().expect("text");
        assert!(cause.contains("net.core.somaxconn set"), "{found:#}");
        let remedy = found["remedy"][0].as_str().expect("text");
        assert!(
            remedy.starts_with("sysctl -w net.core.somaxconn="),
            "{found:#}"
        );
    });
}

#[test]
fn an_exhausted_tuple_is_found_beside_a_healthy_one() {
    in_sealed_netns(|| {
        lo_up();
        port_range(40_000, 40_019);
        let (_full, _healthy) = (listen("127.0.0.1:80", 64), listen("127.0.0.1:81", 64));
        let _many = exhaust_ports("127.0.0.1:80");
        let _few = clients("127.0.0.1:81", 3);
        let report = doctor(&["--for=300ms", "--only=ports"]);
        let found = only(&report, "ports_exhausted");
        let subject = found["subject"].as_str().expect("text");
        assert!(subject.contains("127.0.0.1:80"), "{found:#}");
    });
}

#[test]
fn datagrams_that_nobody_reads_are_found() {
    in_sealed_netns(|| {
        lo_up();
        let server = UdpSocket::bind("127.0.0.1:5353").expect("it is free");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
        while udp_drops(5353) == 0 {
            client.send_to(&[0; 1400], "127.0.0.1:5353").expect("sent");
        }
        let report = doctor(&["--quick"]);
        only(&report, "udp_receive_overflow");
        drop(server);
    });
}

#[test]
fn connections_that_lose_their_time_wait_are_found() {
    in_sealed_netns(|| {
        lo_up();
        sysctl("net/ipv4/tcp_max_tw_buckets", 4);
        let server = listen("127.0.0.1:80", 64);
        client_time_waits(&server, 4);
        let connect = || {
            let client = TcpStream::connect("127.0.0.1:80").expect("room");
            let (accepted, _) = server.accept().expect("one is queued");
            drop(client);
            drop(accepted);
        };
        let report = doctor_while(connect, &["--for=300ms", "--only=timewait"]);
        only(&report, "timewait_overflow");
    });
}

#[test]
fn trouble_in_another_namespace_is_found_without_being_asked_for() {
    in_sealed_netns(|| {
        lo_up();
        let server = spawn_listener(
            &ListenerSetup {
                address: "127.0.0.1:8080",
                backlog: 2,
                clients: 3,
                syns: 0,
            },
            &["unshare", "--net"],
        );
        let report = doctor(&["--quick"]);
        assert_eq!(report["namespaces"], 2);
        let found = only(&report, "accept_queue_full");
        assert_eq!(found["pids"], serde_json::json!([server.pid()]));
        // It has no name.
        let there = netns_inode(&format!("/proc/{}/ns/net", server.pid()));
        let next = format!("sockdiag queues 127.0.0.1:8080 -w --netns {there}");
        let commands = found["next"].as_array().expect("a list");
        assert!(commands.contains(&next.into()), "{found:#}");
    });
}

#[test]
fn ports_that_bind_holds_are_found() {
    in_sealed_netns(|| {
        lo_up();
        port_range(40_000, 40_019);
        let _held: Vec<Socket> = (40_000..40_012)
            .map(|port| bind(&format!("127.0.0.1:{port}")))
            .collect();
        let _server = listen("127.0.0.1:80", 8);
        let _client = clients("127.0.0.1:80", 1);
        let report = doctor(&["--quick", "--only=ports"]);
        only(&report, "ports_held_by_bind");
    });
}

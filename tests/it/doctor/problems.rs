//! `sockdiag doctor`: one problem of each kind, made for real, and the one block that it gets.

use std::net::{TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::support::clients::{bind, clients, exhaust_ports, port_range};
use crate::support::helper_process::{ListenerSetup, spawn_listener, spawn_out_of_descriptors};
use crate::support::netns::{in_sealed_netns, lo_up, netns_inode, sysctl};
use crate::support::program::{finding, json, problems};
use crate::support::sockets::{
    accept_queue_len, fill_accept_queue, listen, listen_with, socket_address, udp_drops,
};
use crate::support::time_waits::client_time_waits;
use crate::support::tools::tcp_ext;
use crate::support::unanswered::{syn_flood, unanswered_syns};
use crate::support::wait::wait_until;

const SERVER: &str = "10.9.0.1:8080";
/// SYNs and SYN-ACKs are retransmitted after one second.
const LONGER_THAN_A_RETRANSMISSION: &str = "--for=1500ms";

fn doctor(args: &[&str]) -> Value {
    json(&[&["doctor"], args].concat())
}

/// The only finding above `info`.
#[track_caller]
fn only<'a>(report: &'a Value, id: &str) -> &'a Value {
    assert_eq!(problems(report), [id], "{report:#}");
    finding(report, id)
}

/// A connect() that has begun, whatever becomes of it.
fn begin(to: &str) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_nonblocking(true).expect("a flag");
    let error = socket.connect(&socket_address(to).into()).err();
    let is_begun =
        |error: &std::io::Error| error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error());
    assert!(error.as_ref().is_none_or(is_begun), "{error:?}");
    socket
}

#[test]
fn a_process_without_descriptors_is_the_cause_of_the_drops_of_its_queue() {
    in_sealed_netns(|| {
        let server = spawn_out_of_descriptors(64);
        // One client waits already, and the queue takes six.
        let _clients: Vec<Socket> = (0..10).map(|_| begin("127.0.0.1:8080")).collect();
        let report = doctor(&[LONGER_THAN_A_RETRANSMISSION]);
        let found = only(&report, "accept_queue_overflow");
        assert_eq!(found["severity"], "critical");
        assert_eq!(found["cause_id"], "owner_out_of_descriptors");
        assert_eq!(found["inferred"], false);
        assert_eq!(found["pids"], serde_json::json!([server.pid()]));
        let remedy = found["remedy"][0].as_str().expect("text");
        assert!(
            remedy.contains(&format!("prlimit --pid {}", server.pid())),
            "{found:#}"
        );
    });
}

#[test]
fn a_listener_that_nobody_serves_is_found_though_its_queue_has_room() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 16);
        let _clients = fill_accept_queue(&server, 2);
        let report = doctor(&["--for=1200ms"]);
        let found = only(&report, "acceptor_stalled");
        assert_eq!(found["severity"], "warning");
        assert_eq!(found["subject"], "127.0.0.1:8080");
    });
}

/// It holds the listener and reads from a pipe, and then is stopped.
#[test]
fn the_cause_of_a_queue_that_nobody_serves_is_what_its_owner_does() {
    in_sealed_netns(|| {
        let server = spawn_listener(
            &ListenerSetup {
                address: "127.0.0.1:8080",
                backlog: 16,
                clients: 2,
                syns: 0,
            },
            &[],
        );
        let report = doctor(&["--for=1200ms"]);
        let found = only(&report, "acceptor_stalled");
        assert_eq!(found["cause_id"], "owner_blocked", "{found:#}");
        let pid = Pid::from_raw(server.pid() as i32).expect("a process");
        kill_process(pid, Signal::STOP).expect("it is ours");
        let report = doctor(&["--for=1200ms"]);
        let found = only(&report, "acceptor_stalled");
        assert_eq!(found["cause_id"], "owner_stopped", "{found:#}");
        assert_eq!(found["inferred"], false);
        let remedy = found["remedy"][0].as_str().expect("text");
        assert_eq!(remedy, format!("kill -CONT {}", server.pid()));
    });
}

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
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let burst = || {
            while !is_over.load(Ordering::Relaxed) {
                let clients: Vec<Socket> = (0..12).map(|_| begin("127.0.0.1:8080")).collect();
                while server.accept().is_ok() {}
                drop(clients);
                // The pace of the scene; nothing waits for it.
                thread::sleep(Duration::from_millis(50));
            }
        };
        scope.spawn(burst);
        let report = doctor(&["--for=1s"]);
        is_over.store(true, Ordering::Relaxed);
        report
    })
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

fn flooded(tcp_syncookies: u8) -> Value {
    unanswered_syns();
    sysctl("net/ipv4/tcp_syncookies", tcp_syncookies);
    let _server = listen(SERVER, 64);
    syn_flood(SERVER, 120);
    doctor(&[LONGER_THAN_A_RETRANSMISSION])
}

#[test]
fn a_flood_is_called_one_with_cookies_and_without() {
    for cookies in [0, 1] {
        in_sealed_netns(|| {
            let report = flooded(cookies);
            let found = only(&report, "syn_flood");
            assert_eq!(found["severity"], "critical");
            assert_eq!(found["inferred"], true, "no route back looks the same");
        });
    }
}

/// A queue of half-open handshakes below its limit keeps nobody out.
#[test]
fn unanswered_handshakes_below_the_limit_are_no_flood() {
    in_sealed_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 64);
        syn_flood(SERVER, 40);
        let report = doctor(&["--for=300ms"]);
        assert_eq!(problems(&report), Vec::<&str>::new(), "{report:#}");
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
        let is_over = AtomicBool::new(false);
        let report = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let client = TcpStream::connect("127.0.0.1:80").expect("room");
                    let (accepted, _) = server.accept().expect("one is queued");
                    drop(client);
                    drop(accepted);
                }
            });
            wait_until("one was lost", || tcp_ext("TCPTimeWaitOverflow") > 0);
            let report = doctor(&["--for=300ms", "--only=timewait"]);
            is_over.store(true, Ordering::Relaxed);
            report
        });
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

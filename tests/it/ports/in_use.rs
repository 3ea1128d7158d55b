//! `sockdiag ports`: ports of connections that are over, and those among them that connect() may
//! take over.

use std::time::Instant;

use crate::support::clients::{
    bind, bind_with, bound_first, clients, exhaust_ports, exhaust_ports_with, finds_a_port,
    from_address, port_range, without_port,
};
use crate::support::kernel_parts::reports_bound_sockets;
use crate::support::netns::{in_netns, sysctl};
use crate::support::program::{count, json};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{listen, socket_address};
use crate::support::time_waits::{
    client_fin_wait_2s, client_time_waits, client_time_waits_with, connected_pair,
    server_time_waits, time_wait_count,
};
use crate::support::tuples::{tuple, tuples};
use crate::support::unanswered::unanswered_syns;
use crate::support::wait::wait_until;
use serde_json::Value;
use sockdiag::model::is_at_least;
use socket2::Socket;

const LOOPBACK: &str = "127.0.0.1:8080";
const SERVER: &str = "10.9.0.1:8080";
const REUSE_DELAY: &str = "net/ipv4/tcp_tw_reuse_delay";

/// Every port of a range of ten in TIME_WAIT.
fn ten_time_waits(server: &str, before: impl Fn(&Socket) -> std::io::Result<()>) -> Socket {
    unanswered_syns();
    port_range(40000, 40009);
    let listener = listen(server, 100);
    client_time_waits_with(&listener, 10, before);
    listener
}

/// The kernel wants a TIME_WAIT to be older than a second before it is taken over.
fn let_them_age() {
    let start = Instant::now();
    wait_until("a second is over", || start.elapsed().as_millis() > 1200);
}

/// How many TIME_WAITs connect() may have, of ten that hold all ports.
#[track_caller]
fn reusable(server: &str) -> u64 {
    let report = json(&["ports", "--no-owners"]);
    let found = tuple(&report, server);
    assert_eq!((count(&found["used"]), count(&found["free"])), (10, 0));
    assert_eq!(found["states"]["time_wait"], 10);
    let reusable = count(&found["reusable"]);
    assert_eq!(found["state"] == "exhausted", reusable == 0, "{found:#}");
    reusable
}

fn mode(value: u8) {
    sysctl("net/ipv4/tcp_tw_reuse", value);
}

#[test]
fn time_waits_over_loopback_are_reusable_after_a_second() {
    in_netns(|| {
        mode(2);
        let _server = ten_time_waits(LOOPBACK, |_| Ok(()));
        // Before Linux 6.14 it is always a second, which may have passed on a slow machine.
        if std::fs::exists(format!("/proc/sys/{REUSE_DELAY}")).expect("/proc is there") {
            sysctl(REUSE_DELAY, 30_000);
            assert_eq!(reusable(LOOPBACK), 0);
            assert!(!finds_a_port(LOOPBACK), "the scene is set");
            sysctl(REUSE_DELAY, 1000);
        } else {
            report_skipped("ports of young TIME_WAITs: no tcp_tw_reuse_delay here");
        }
        let_them_age();
        assert_eq!(reusable(LOOPBACK), 10);
        assert_eq!(exhaust_ports(LOOPBACK).len(), 10, "what connect() finds");
    });
}

#[test]
fn time_waits_between_other_addresses_are_not_reusable_by_default() {
    in_netns(|| {
        mode(2);
        // Over the loopback device, but that is not what the kernel goes by.
        let _server = ten_time_waits(SERVER, |_| Ok(()));
        let_them_age();
        assert!(!finds_a_port(SERVER), "the scene is set");
        assert_eq!(reusable(SERVER), 0);

        mode(1);
        assert_eq!(reusable(SERVER), 10);
        mode(0);
        assert_eq!(reusable(SERVER), 0);
        assert!(!finds_a_port(SERVER), "the scene is set");
        mode(1);
        assert_eq!(exhaust_ports(SERVER).len(), 10, "what connect() finds");
    });
}

#[test]
fn one_loopback_address_is_enough() {
    in_netns(|| {
        mode(2);
        let _server = ten_time_waits(SERVER, from_address("127.0.0.5:0"));
        let_them_age();
        assert_eq!(reusable(SERVER), 10);
        let taken = exhaust_ports_with(SERVER, from_address("127.0.0.5:0"));
        assert_eq!(taken.len(), 10, "what connect() finds");
    });
}

#[test]
fn time_waits_bound_to_the_loopback_device_are_reusable() {
    in_netns(|| {
        mode(2);
        let to_device = |socket: &Socket| socket.bind_device(Some(b"lo"));
        let _server = ten_time_waits(SERVER, to_device);
        let_them_age();
        assert_eq!(reusable(SERVER), 10);
        let report = json(&["ports"]);
        assert_eq!(tuple(&report, SERVER)["interface"], "lo");
        let taken = exhaust_ports_with(SERVER, to_device);
        assert_eq!(taken.len(), 10, "what connect() finds");
    });
}

#[test]
fn ipv6_loopback_is_loopback() {
    in_netns(|| {
        mode(2);
        let _server = ten_time_waits("[::1]:8080", |_| Ok(()));
        let_them_age();
        assert_eq!(reusable("[::1]:8080"), 10);
        assert_eq!(
            exhaust_ports("[::1]:8080").len(),
            10,
            "what connect() finds"
        );
    });
}

#[test]
fn without_timestamps_no_time_wait_is_reusable() {
    in_netns(|| {
        mode(1);
        sysctl("net/ipv4/tcp_timestamps", 0);
        let _server = ten_time_waits(LOOPBACK, |_| Ok(()));
        let_them_age();
        assert_eq!(reusable(LOOPBACK), 0);
        assert!(!finds_a_port(LOOPBACK), "the scene is set");
    });
}

#[test]
fn free_and_reusable_are_together_what_connect_finds() {
    in_netns(|| {
        unanswered_syns();
        mode(2);
        port_range(40000, 40019);
        let listener = listen(LOOPBACK, 100);
        client_time_waits(&listener, 8);
        let_them_age();
        let _clients = clients(LOOPBACK, 4);
        let report = json(&["ports", "--no-owners"]);
        let found = tuple(&report, LOOPBACK);
        let (free, reusable) = (count(&found["free"]), count(&found["reusable"]));
        let held: u64 = 4 + count(&found["states"]["time_wait"]);
        assert_eq!(count(&found["used"]), held);
        assert_eq!(free, 20 - held);
        assert!(reusable >= 1, "the scene is set");
        assert_ne!(found["state"], "exhausted");
        assert_eq!(exhaust_ports(LOOPBACK).len() as u64, free + reusable);
    });
}

#[test]
fn fin_wait_2_that_nobody_owns_holds_its_port_and_is_not_reusable() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let listener = listen(LOOPBACK, 100);
        // Up to a minute it is kept as a TIME_WAIT is, beyond that as a socket.
        let mut servers = Vec::new();
        for timeout in [60, 90] {
            sysctl("net/ipv4/tcp_fin_timeout", timeout);
            servers.push(client_fin_wait_2s(&listener, 5));
        }
        mode(1);
        let_them_age();
        assert_eq!(time_wait_count(), 5, "the scene is set");
        if finds_a_port(LOOPBACK) {
            let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc");
            assert_eq!(
                is_at_least(&release, (6, 12)),
                Some(false),
                "the scene is set"
            );
            return report_skipped(
                "FIN_WAIT2 without an owner: connect() takes its port over here",
            );
        }
        let report = json(&["ports"]);
        let found: &Value = tuple(&report, LOOPBACK);
        assert_eq!((count(&found["used"]), count(&found["free"])), (10, 0));
        assert_eq!(found["states"]["fin_wait_2"], 10);
        assert_eq!(found["states"]["time_wait"], 0);
        assert_eq!(found["reusable"], 0);
        assert_eq!(found["state"], "exhausted");
        drop(servers);
    });
}

#[test]
fn every_state_holds_its_port() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        sysctl("net/ipv4/tcp_fin_timeout", 30);
        let listener = listen(SERVER, 100);
        client_time_waits(&listener, 2);
        let servers = client_fin_wait_2s(&listener, 3);
        let (waiting, server) = connected_pair(&listener, |_| Ok(()));
        drop(server);
        let _established = clients(SERVER, 4);
        let report = json(&["ports"]);
        let states = &tuple(&report, SERVER)["states"];
        for (state, held) in [
            ("time_wait", 2),
            ("fin_wait_2", 3),
            ("close_wait", 1),
            ("established", 4),
        ] {
            assert_eq!(states[state], held, "{state} in {states}");
        }
        assert_eq!(tuple(&report, SERVER)["used"], 10);
        assert_eq!(tuple(&report, SERVER)["free"], 10);
        assert_eq!(exhaust_ports(SERVER).len(), 10, "what connect() finds");
        drop((waiting, servers));
    });
}

#[test]
fn a_connection_that_nobody_answers_holds_its_port() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40009);
        let nowhere = socket_address("10.9.0.77:8080");
        let connecting: Vec<Socket> = (0..3)
            .map(|_| {
                let socket = bind_with("0.0.0.0:0", without_port);
                socket.set_nonblocking(true).expect("O_NONBLOCK");
                socket.connect(&nowhere.into()).expect_err("no answer yet");
                socket
            })
            .collect();
        let report = json(&["ports"]);
        let found = tuple(&report, "10.9.0.77:8080");
        assert_eq!((count(&found["used"]), count(&found["free"])), (3, 7));
        assert_eq!(found["states"]["syn_sent"], 3);
        drop(connecting);
    });
}

#[test]
fn server_sides_in_time_wait_take_no_port_of_the_range() {
    in_netns(|| {
        unanswered_syns();
        // Wide: a client on the port of one before it would end that one's TIME_WAIT.
        port_range(40000, 41999);
        let listener = listen(SERVER, 100);
        server_time_waits(&listener, 6);
        let report = json(&["ports"]);
        let used: u64 = tuples(&report)
            .iter()
            .map(|tuple| count(&tuple["used"]))
            .sum();
        assert_eq!(used, 0, "{report:#}");
    });
}

#[test]
fn time_waits_whose_port_was_bound_first_are_not_reusable() {
    in_netns(|| {
        unanswered_syns();
        port_range(40000, 40019);
        mode(1);
        let listener = listen(SERVER, 100);
        // bind() gives out odd ports; connect() does not look at them again.
        client_time_waits_with(&listener, 10, bound_first("10.9.0.1:0"));
        let_them_age();
        let report = json(&["ports", "--no-owners"]);
        let found = tuple(&report, SERVER);
        assert_eq!(found["bound_first"], 10, "the scene is set");
        assert_eq!(found["reusable"], 0);
        assert_eq!(exhaust_ports(SERVER).len(), 10, "what connect() finds");
    });
}

#[test]
fn a_time_wait_on_a_port_that_somebody_bound_is_not_reusable() {
    in_netns(|| {
        if !reports_bound_sockets() {
            return;
        }
        mode(2);
        let _server = ten_time_waits(LOOPBACK, |_| Ok(()));
        let _bound = (bind("127.0.0.9:40002"), listen("127.0.0.9:40005", 1));
        let_them_age();
        let report = json(&["ports", "--no-owners"]);
        let found = tuple(&report, LOOPBACK);
        assert_eq!(found["free"], 0);
        assert_eq!(found["reusable"], 8);
        assert_eq!(exhaust_ports(LOOPBACK).len(), 8, "what connect() finds");
    });
}

//! `sockdiag queues --unix --udp`: the queues of sockets that are not TCP.

use std::net::UdpSocket;
use std::os::fd::AsFd;

use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::program::{count, finding_ids, json, listeners, number};
use crate::support::sockets::{inode, listen, socket_address, udp_drops};
use crate::support::wait::wait_until;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

fn unix_listener(path: &str, backlog: i32) -> Socket {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("unix sockets");
    socket
        .bind(&SockAddr::unix(path).expect("a short path"))
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    socket.listen(backlog).expect("it is bound");
    socket
}

/// Connects as many clients as there is room for.
fn fill_unix_queue(path: &str) -> Vec<Socket> {
    let address = SockAddr::unix(path).expect("a short path");
    let try_connect = || {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("unix sockets");
        // A blocking client would wait for room.
        client.set_nonblocking(true).expect("O_NONBLOCK");
        client.connect(&address).map(|()| client)
    };
    std::iter::from_fn(|| try_connect().ok()).collect()
}

fn by_inode(report: &Value, socket: impl AsFd) -> &Value {
    let inode = inode(socket);
    let mut found = listeners(report)
        .iter()
        .filter(|listener| listener["inode"] == inode);
    let first = found.next();
    assert!(found.next().is_none(), "{inode} twice in {report:#}");
    first.unwrap_or_else(|| panic!("no {inode} in {report:#}"))
}

#[test]
fn a_unix_listener_with_a_full_backlog_is_full() {
    in_sealed_netns(|| {
        let by_path = unix_listener("/run/server.sock", 3);
        let abstract_one = unix_listener("\0quiet", 7);
        let clients = fill_unix_queue("/run/server.sock");
        assert_eq!(clients.len(), 4, "the scene is set: a limit of 3 holds 4");

        let report = json(&["queues", "--unix"]);
        let found = by_inode(&report, &by_path);
        assert_eq!(found["protocol"], "unix");
        assert_eq!(found["local"]["path"], "/run/server.sock");
        assert_eq!(found["accept_queue"]["length"], 4);
        assert_eq!(found["accept_queue"]["limit"], 3);
        assert_eq!(number(&found["accept_queue"]["fill_ratio"]), 1.0);
        assert_eq!(found["state"], "full");
        assert!(found["drops"].is_null(), "the kernel does not count them");
        assert!(found["syn_queue"].is_null());

        let found = by_inode(&report, &abstract_one);
        assert_eq!(found["local"]["path"], "@quiet");
        assert_eq!(found["accept_queue"]["length"], 0);
        assert_eq!(found["accept_queue"]["limit"], 7);
        assert_eq!(found["state"], "idle");
    });
}

#[test]
fn connected_unix_sockets_are_no_listeners() {
    in_sealed_netns(|| {
        let server = unix_listener("/run/server.sock", 3);
        let _clients = fill_unix_queue("/run/server.sock");
        // An accepted socket bears the path of its listener.
        let _accepted = server.accept().expect("four are queued");
        let report = json(&["queues", "--unix"]);
        assert_eq!(listeners(&report).len(), 1, "{report:#}");
        assert_eq!(by_inode(&report, &server)["accept_queue"]["length"], 3);
    });
}

#[test]
fn unix_and_udp_are_shown_when_asked_for() {
    in_sealed_netns(|| {
        lo_up();
        let _unix = unix_listener("/run/server.sock", 3);
        let _udp = UdpSocket::bind("127.0.0.1:5353").expect("it is free");
        // Nobody but its peer can send to this one.
        let connected = UdpSocket::bind("127.0.0.1:5354").expect("it is free");
        connected.connect("127.0.0.1:5353").expect("UDP always can");
        let _tcp = listen("127.0.0.1:8080", 3);
        let _tcp6 = listen("[::1]:8080", 3);
        let protocols = |args: &[&str]| {
            let report = json(args);
            let mut protocols: Vec<_> = listeners(&report)
                .iter()
                .map(|listener| listener["protocol"].as_str().expect("a word").to_owned())
                .collect();
            protocols.sort();
            protocols.join(" ")
        };
        let all = ["queues", "--unix", "--udp"];
        assert_eq!(protocols(&["queues"]), "tcp tcp");
        assert_eq!(protocols(&all), "tcp tcp udp unix");
        // A family is one of internet sockets.
        assert_eq!(protocols(&[&all[..], &["-4"]].concat()), "tcp udp unix");
        assert_eq!(protocols(&[&all[..], &["-6"]].concat()), "tcp unix");
    });
}

#[test]
fn a_udp_socket_that_nobody_reads_drops_and_says_so() {
    in_netns(|| {
        lo_up();
        let server = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("UDP sockets");
        server.set_recv_buffer_size(4096).expect("SO_RCVBUF");
        let address = socket_address("127.0.0.1:5353");
        server.bind(&address.into()).expect("it is free");
        let idle = UdpSocket::bind("127.0.0.1:5354").expect("it is free");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        wait_until("the buffer is full", || {
            client.send_to(&[0; 500], address).expect("it is sent");
            udp_drops(5353) >= 5
        });

        let report = json(&["queues", "--udp"]);
        let found = by_inode(&report, &server);
        assert_eq!(found["protocol"], "udp");
        assert_eq!(found["local"]["port"], 5353);
        assert_eq!(count(&found["drops"]), udp_drops(5353));
        assert!(found["accept_queue"].is_null());
        assert!(found["syn_queue"].is_null());
        let queue = &found["receive_queue"];
        let limit = server.recv_buffer_size().expect("SO_RCVBUF");
        assert_eq!(queue["limit_bytes"], limit);
        assert!(count(&queue["bytes"]) > 0, "{queue}");
        let ratio = number(&queue["bytes"]) / limit as f64;
        assert!((number(&queue["fill_ratio"]) - ratio).abs() < 0.01);
        assert_eq!(found["state"], "overflowing", "{found:#}");
        assert_eq!(finding_ids(&report), ["udp_receive_overflow"]);

        let found = by_inode(&report, &idle);
        assert_eq!(found["receive_queue"]["bytes"], 0);
        assert_eq!(found["drops"], 0);
        assert_eq!(found["state"], "idle");
    });
}

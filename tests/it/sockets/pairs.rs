//! `sockdiag sockets --pairs`: both ends of a connection in one row.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::support::clients::connect_with;
use crate::support::firewall::add_chain;
use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::program::{Watch, assert_failed, json, sockdiag, text};
use crate::support::scenes::self_connect;
use crate::support::schema::assert_valid;
use crate::support::sockets::{inode, listen, socket_address, unread_bytes};
use crate::support::time_waits::{client_fin_wait_2s, connected_pair, server_time_waits};
use crate::support::tree::Tree;
use crate::support::wait::wait_until;

pub fn pairs(words: &[&str]) -> Value {
    json(&[&["sockets", "--pairs"], words].concat())
}

pub fn rows(report: &Value) -> &Vec<Value> {
    report["sockets"].as_array().expect("rows")
}

/// The inodes of both ends of each pair, the first end first.
pub fn inodes(report: &Value) -> BTreeSet<(u64, u64)> {
    let inode = |row: &Value| row["inode"].as_u64().expect("an inode");
    let rows = rows(report).iter();
    rows.map(|row| (inode(row), inode(&row["other_end"])))
        .collect()
}

pub fn of(one: impl AsFd, other: impl AsFd) -> (u64, u64) {
    (inode(one), inode(other))
}

#[test]
fn both_ends_of_a_connection_over_loopback_are_one_row() {
    in_sealed_netns(|| {
        lo_up();
        let listeners = ["127.0.0.1:8080", "[::1]:8080", "[::]:8443"].map(|at| listen(at, 5));
        let [(client, server), six, dual] =
            [&listeners[0], &listeners[1], &listeners[2]].map(|listener| {
                let port = listener.local_addr().expect("it is bound");
                let port = port.as_socket().expect("an address");
                match port.port() {
                    8443 => {
                        let client = connect_with("127.0.0.1:8443", |_| Ok(()));
                        let (server, _) = listener.accept().expect("a client");
                        (client.expect("a listener"), server)
                    }
                    _ => connected_pair(listener, |_| Ok(())),
                }
            });
        (&client).write_all(&[1; 700]).expect("there is room");
        wait_until("it has come", || unread_bytes(8080) == 700);
        let report = pairs(&[]);
        let all = [(&client, &server), (&six.0, &six.1), (&dual.0, &dual.1)];
        let all = all.map(|(client, server)| of(client, server));
        assert_eq!(inodes(&report), BTreeSet::from(all));
        assert_eq!(report["count"], 3);
        assert_eq!(report["states"]["established"], 6);
        assert_eq!(report["unpaired"], 0);
        let mut found = rows(&report).iter();
        let row = found.find(|row| row["inode"] == inode(&client));
        let row = row.expect("the client is the first end");
        let other = &row["other_end"];
        assert_eq!(other["receive_queue_bytes"], 700);
        assert_eq!(row["receive_queue_bytes"], 0);
        assert_eq!(
            (&row["state"], &other["state"]),
            (&"established".into(), &"established".into())
        );
        assert_eq!(row["self_connected"], false);
        assert_eq!(
            (&other["local"]["port"], &row["peer"]["port"]),
            (&8080.into(), &8080.into())
        );
        for end in [row, other] {
            assert_eq!(end["owners"][0]["pid"], std::process::id());
            assert_eq!(end["owners_complete"], true);
        }
        assert_valid("sockets", &[&["sockets", "--pairs"]]);
        let plain = json(&["sockets", "tcp"]);
        assert_eq!(plain["sockets"][0].get("other_end"), None, "not asked for");
        assert_eq!(plain.get("unpaired"), None);
    });
}

#[test]
fn one_matching_end_selects_the_pair() {
    in_sealed_netns(|| {
        lo_up();
        let dual = listen("[::]:8443", 5);
        let client = connect_with("127.0.0.1:8443", |_| Ok(())).expect("a listener");
        let (server, _) = dual.accept().expect("a client");
        let listener = listen("127.0.0.1:8080", 5);
        let (one, other) = connected_pair(&listener, |_| Ok(()));
        (&one).write_all(&[1; 9]).expect("there is room");
        wait_until("it has come", || unread_bytes(8080) == 9);
        let dual = of(&client, &server);
        let plain = of(&one, &other);
        let pid = std::process::id().to_string();
        for (words, expected) in [
            (&["sport = :8443"][..], &[dual][..]),
            (&["dport = :8443"], &[dual]),
            (&[":8080"], &[plain]),
            (&["sport = :9999"], &[]),
            (&["state", "established", "autobound"], &[plain, dual]),
            (&["-6"], &[dual]),
            (&["-4"], &[plain, dual]),
            (&["--where", "recvq>0"], &[plain]),
            (&["--readable"], &[plain]),
            (&["--process", &pid], &[plain, dual]),
            (&["--owners", "all"], &[plain, dual]),
            (&["udp"], &[]),
        ] {
            let found = inodes(&pairs(words));
            assert_eq!(found, expected.iter().copied().collect(), "{words:?}");
        }
        assert_eq!(rows(&pairs(&["--top", "1"])).len(), 1);
        let sorted = pairs(&["--sort", "peer_receive_queue"]);
        assert_eq!(sorted["sockets"][0]["inode"], inode(&one));
    });
}

#[test]
fn a_socket_that_is_connected_to_itself_is_marked() {
    in_netns(|| {
        lo_up();
        let sockets = ["127.0.0.1:4000", "[::1]:4001"].map(self_connect);
        let report = pairs(&[]);
        let found = rows(&report);
        assert_eq!(found.len(), 2, "{report:#}");
        for row in found {
            assert_eq!(row["self_connected"], true);
            assert_eq!(row.get("other_end"), None, "it is the same socket");
            assert!(sockets.iter().any(|socket| row["inode"] == inode(socket)));
            assert_eq!(row["local"]["port"], row["peer"]["port"]);
        }
        assert!(text(&["sockets", "--pairs"]).contains(" itself"));
        let csv = text(&[
            "sockets",
            "--pairs",
            "-o",
            "csv",
            "--columns=self_connected,peer_state",
        ]);
        assert_eq!(csv.matches(",true,\n").count(), 2, "{csv}");
    });
}

#[test]
fn translated_connections_are_not_joined() {
    in_netns(|| {
        lo_up();
        if !add_chain("nat", "output", &["tcp dport 80 redirect to :8080"]) {
            return;
        }
        let listener = listen("0.0.0.0:8080", 5);
        let client = connect_with("127.0.0.1:80", |_| Ok(())).expect("it is redirected");
        let (server, _) = listener.accept().expect("a client");
        let report = pairs(&[]);
        assert_eq!(rows(&report).len(), 0, "{report:#}");
        assert_eq!(report["unpaired"], 2, "a connection for each tuple");
        drop((client, server));
    });
}

#[test]
fn what_a_closed_end_leaves_is_joined_and_what_nobody_answers_is_not() {
    in_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        let servers = client_fin_wait_2s(&listener, 1);
        let report = pairs(&["tcp"]);
        assert_eq!(inodes(&report), BTreeSet::from([(0, inode(&servers[0]))]));
        let row = &report["sockets"][0];
        assert_eq!(
            (&row["state"], &row["owners"]),
            (&"fin_wait2".into(), &Value::Array(vec![]))
        );
        assert_eq!(row["other_end"]["state"], "close_wait");
        drop(servers);

        // The client of a TIME_WAIT is gone.
        let other = listen("127.0.0.1:8081", 5);
        server_time_waits(&other, 1);
        let report = pairs(&[":8081"]);
        assert_eq!((rows(&report).len(), &report["unpaired"]), (0, &1.into()));
    });
}

#[test]
fn udp_sockets_are_joined_when_each_is_connected_to_the_other_alone() {
    in_netns(|| {
        lo_up();
        let bind = |at: &str| UdpSocket::bind(at).expect("a free port");
        let (one, other) = (bind("127.0.0.1:6000"), bind("127.0.0.1:5000"));
        one.connect("127.0.0.1:5000").expect("an address");
        other.connect("127.0.0.1:6000").expect("an address");
        // The server of this one is connected to nobody.
        let client = bind("127.0.0.1:0");
        let _server = bind("127.0.0.1:53");
        client.connect("127.0.0.1:53").expect("an address");
        let report = pairs(&[]);
        assert_eq!(inodes(&report), BTreeSet::from([of(&one, &other)]));
        assert_eq!(report["unpaired"], 1);

        let shared = [(); 2].map(|()| {
            let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
            socket.set_reuse_port(true).expect("an option");
            let at = socket_address("127.0.0.1:7000");
            socket.bind(&at.into()).expect("a shared port");
            socket
        });
        let peer = bind("127.0.0.1:7001");
        peer.connect("127.0.0.1:7000").expect("an address");
        for socket in &shared {
            let to = socket_address("127.0.0.1:7001");
            socket.connect(&to.into()).expect("an address");
        }
        let report = pairs(&[]);
        assert_eq!(
            inodes(&report),
            BTreeSet::from([of(&one, &other)]),
            "either may be meant"
        );
        assert_eq!(report["incomplete"][0]["what"], "pairs");
        assert_eq!(report["incomplete"][0]["count"], 3);
    });
}

#[test]
fn unix_sockets_are_joined_by_their_inodes() {
    in_sealed_netns(|| {
        let folder = Tree::new();
        let path = format!("{}/x.sock", folder.path());
        let listener = UnixListener::bind(&path).expect("a path");
        let client = UnixStream::connect(&path).expect("a listener");
        let (server, _) = listener.accept().expect("a client");
        let (one, other) = UnixDatagram::pair().expect("a pair");
        let receiver = UnixDatagram::bind(format!("{path}2")).expect("a path");
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.connect(format!("{path}2")).expect("a receiver");
        receiver.connect(format!("{path}2")).expect("itself");
        let report = pairs(&["unix"]);
        let found = rows(&report);
        assert_eq!(found.len(), 3, "{report:#}");
        let row = |of: &dyn Fn(&Value) -> bool| found.iter().find(|row| of(row)).expect("a row");
        let stream = row(&|row| row["inode"] == inode(&client));
        assert_eq!(stream["other_end"]["inode"], inode(&server));
        assert_eq!(stream["other_end"]["local"]["path"], *path);
        let datagram = row(&|row| row["other_end"]["type"] == "dgram");
        let ends = [&datagram["inode"], &datagram["other_end"]["inode"]];
        let ends: BTreeSet<_> = ends.iter().filter_map(|inode| inode.as_u64()).collect();
        assert_eq!(ends, BTreeSet::from([inode(&one), inode(&other)]));
        let itself = row(&|row| row["self_connected"] == true);
        assert_eq!(itself["inode"], inode(&receiver));
        assert_eq!(report["unpaired"], 1, "the sender's");
        let report = pairs(&["unix", &format!("{}/*", folder.path())]);
        assert_eq!(rows(&report).len(), 2, "one end has a path");
    });
}

#[test]
fn protocols_without_connections_have_no_pairs() {
    for (words, reason) in [
        (&["raw"][..], "--pairs joins tcp, udp and unix sockets"),
        (&["packet", "netlink"], "--pairs joins"),
        (&["-l"], "--listening"),
    ] {
        let output = sockdiag(&[&["sockets", "--pairs"], words].concat());
        assert_failed(&output, 2, &[reason]);
    }
}

#[test]
fn a_watch_reads_pairs_anew() {
    in_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        let mut watch = Watch::new(&["sockets", "--pairs", "--watch=0.02"]);
        assert_eq!(rows(&watch.report()).len(), 0);
        let (client, server) = connected_pair(&listener, |_| Ok(()));
        let expected = BTreeSet::from([of(&client, &server)]);
        wait_until("they are reported", || inodes(&watch.report()) == expected);
    });
}

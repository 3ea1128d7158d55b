//! Peers that are gone, and those that only seem to be.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::support::diagnosis::doctor;
use crate::support::leaks::{
    leaks, none_but, of_kind, only, pair, server, wait_for_kind, while_read_slowly,
};
use crate::support::link::{Link, THERE, THERE6};
use crate::support::netns::{in_netns, in_sealed_netns};
use crate::support::program::{count, finding, number};
use crate::support::sockets::{close_wait_count, listen_with, unread_bytes};
use crate::support::traffic::fill;
use crate::support::tree::Tree;
use crate::support::wait::{wait_for, wait_until};

const SECOND: Duration = Duration::from_secs(1);

fn listen_there(link: &Link, address: &str) -> TcpListener {
    let bound = link.there.run(|| TcpListener::bind(address));
    bound.expect("it is free")
}

/// Probes each second once nothing came for a second.
fn keep_alive(stream: &TcpStream) {
    let every_second = TcpKeepalive::new()
        .with_time(SECOND)
        .with_interval(SECOND)
        .with_retries(30);
    let set = SockRef::from(stream).set_tcp_keepalive(&every_second);
    set.expect("a socket");
}

#[test]
fn probes_that_nobody_answers_show_a_dead_peer_and_those_that_are_answered_do_not() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen_there(&link, &format!("{THERE}:8080"));
        let (with, _other) = pair(&listener);
        let (_without, _other) = pair(&listener);
        keep_alive(&with);
        // It is idle for longer than a probe takes to come: the answers are the only life.
        let report = wait_for("it is idle", || {
            let report = leaks(&["--idle", "3s"]);
            (!of_kind(&report, "idle_no_keepalive").is_empty()).then_some(report)
        });
        none_but(&report, &["idle_no_keepalive"]);
        assert_eq!(count(&only(&report, "idle_no_keepalive")["count"]), 1);

        link.cut();
        let report = wait_for_kind("dead_peer");
        none_but(&report, &["dead_peer"]);
        let dead = only(&report, "dead_peer");
        assert_eq!(count(&dead["count"]), 1, "the other never asks");
        assert_eq!(dead["samples"][0]["send_queue_bytes"], 0);
        assert_eq!(dead["owner"]["pid"], std::process::id());
    });
}

/// The window stays closed in both, but only one end is there to say so.
#[test]
fn a_writer_whose_peer_has_gone_is_no_longer_stuck() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen_there(&link, &format!("{THERE}:8080"));
        let (writer, _reader) = pair(&listener);
        fill(&writer);
        let report = wait_for_kind("stuck_write");
        none_but(&report, &["stuck_write"]);
        link.cut();
        let report = wait_for_kind("dead_peer");
        none_but(&report, &["dead_peer"]);
    });
}

/// The peer's probes keep the connection in use, but tell this end nothing once they cease.
#[test]
fn keepalive_of_the_peer_is_not_that_of_this_end() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen_there(&link, &format!("[{THERE6}]:8080"));
        let (_here, there) = pair(&listener);
        keep_alive(&there);
        let report = wait_for("it is idle", || {
            let report = leaks(&["--idle", "3s"]);
            (!of_kind(&report, "idle_no_keepalive").is_empty()).then_some(report)
        });
        let idle = only(&report, "idle_no_keepalive");
        assert_eq!(
            (count(&idle["count"]), &idle["side"]),
            (1, &"client".into())
        );
        assert_eq!(idle["service"]["address"], THERE6);
    });
}

#[test]
fn a_connection_that_is_closed_by_both_ends_and_cut_off_is_an_orphan_in_last_ack() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen_there(&link, &format!("{THERE}:8080"));
        let (here, there) = pair(&listener);
        drop(there);
        wait_until("the peer has closed", || {
            close_wait_count_of_peer(8080) == 1
        });
        link.cut();
        drop(here);
        let report = wait_for_kind("orphan");
        none_but(&report, &["orphan"]);
        let orphan = only(&report, "orphan");
        assert_eq!(orphan["states"], serde_json::json!({"last_ack": 1}));
        assert_eq!(
            (&orphan["held"], &orphan["side"]),
            (&false.into(), &"client".into())
        );
        assert!(count(&report["orphans"]) > 0);
        // The host's, which this namespace does not show.
        assert!(report["max_orphans"].is_null());
        let missing = report["incomplete"].to_string();
        assert!(missing.contains("tcp_max_orphans"), "{missing}");
        wait_for("it has been retransmitted", || {
            let report = leaks(&[]);
            let orphan = only(&report, "orphan");
            (number(&orphan["oldest_seconds"]) > 0.5).then_some(())
        });
    });
}

/// The kernel counts orphans of the host, and shows their limit in the first namespace alone.
#[test]
fn orphans_near_their_limit_are_found() {
    in_netns(|| {
        let proc = Tree::of_this_proc(&[("sys/net/ipv4/tcp_max_orphans", "2\n")]);
        let link = Link::new();
        let listener = listen_there(&link, &format!("{THERE}:8080"));
        let (clients, _servers): (Vec<_>, Vec<_>) = (0..2).map(|_| pair(&listener)).unzip();
        let proc_root = ["--proc-root", proc.path()];
        let report = leaks(&proc_root);
        assert_eq!(report["max_orphans"], 2);
        link.cut();
        drop(clients);
        let report = leaks(&proc_root);
        assert_eq!(count(&only(&report, "orphan")["count"]), 2);
        assert!(count(&report["orphans"]) >= 2);
        let missing = report["incomplete"].to_string();
        assert!(!missing.contains("tcp_max_orphans"), "{missing}");
        let of_doctor = doctor(&[&proc_root[..], &["--for=200ms"]].concat());
        for report in [report, of_doctor] {
            let found = finding(&report, "orphans_near_limit");
            assert_eq!(found["severity"], "warning");
            let message = found["message"].as_str().expect("text");
            assert!(message.contains(" of 2 connections"), "{message}");
        }
    });
}

/// Connections to this port in CLOSE_WAIT.
fn close_wait_count_of_peer(port: u16) -> usize {
    let report = leaks(&[&format!("dport = :{port}"), "--no-owners"]);
    of_kind(&report, "close_wait").len()
}

/// 4 KiB of buffer, of which a byte is read now and then: the window stays closed, and the reader
/// is not stuck.
#[test]
fn a_reader_that_is_slow_is_not_stuck_though_its_peer_cannot_write() {
    in_sealed_netns(|| {
        let listener = server();
        let (client, slow) = pair(&listener);
        fill(&client);
        while_read_slowly(&slow, || {
            let report = wait_for_kind("stuck_write");
            none_but(&report, &["stuck_write"]);
            let meaning = only(&report, "stuck_write")["meaning"].to_string();
            assert!(meaning.contains("too slowly"), "{meaning}");
        });
    });
}

/// The client has sent and closed, and the server works its data off, slowly.
#[test]
fn a_server_that_drains_what_a_closed_client_sent_is_seen_to_read() {
    in_sealed_netns(|| {
        let listener = server();
        let (mut client, drains) = pair(&listener);
        client.write_all(&[7; 60_000]).expect("it is connected");
        let (mut client, _stuck) = {
            drop(client);
            pair(&listener)
        };
        client.write_all(&[7; 100]).expect("it is connected");
        drop(client);
        wait_until("the clients have closed", || close_wait_count(8080) == 2);
        let before = unread_bytes(8080);
        while_read_slowly(&drains, || {
            wait_until("it reads", || unread_bytes(8080) < before);
            let report = leaks(&[]);
            let row = only(&report, "close_wait");
            assert_eq!((count(&row["count"]), count(&row["draining"])), (2, 1));
            let meaning = row["meaning"].to_string();
            assert!(meaning.contains("still reads"), "{meaning}");
        });
    });
}

/// Each socket of a SO_REUSEPORT group has a queue of its own.
#[test]
fn connections_wait_for_the_member_of_a_group_whose_queue_is_not_empty() {
    in_sealed_netns(|| {
        crate::support::netns::lo_up();
        let member = || {
            listen_with("127.0.0.1:8080", 30, |socket| {
                socket.set_reuse_port(true).expect("an option");
            })
        };
        let (first, second) = (member(), member());
        first.set_nonblocking(true).expect("a socket");
        let clients: Vec<_> = (0..20)
            .map(|_| TcpStream::connect("127.0.0.1:8080").expect("it listens"))
            .collect();
        // One accepts all of its connections, the other none.
        let accepted: Vec<_> = std::iter::from_fn(|| first.accept().ok()).collect();
        assert!(accepted.len() < 20, "the kernel distributes them");
        let report = wait_for("they have waited", || {
            let report = leaks(&[]);
            let is_found = report["findings"].to_string().contains("acceptor_stalled");
            is_found.then_some(report)
        });
        let row = only(&report, "unaccepted");
        assert_eq!(count(&row["count"]) as usize, 20 - accepted.len());
        let message = report["findings"][0]["message"].to_string();
        assert!(message.contains("at least 1 of the 2 sockets"), "{message}");
        let fds = row["owners"].as_array().expect("owners[]").iter();
        let fds: Vec<_> = fds.map(|owner| count(&owner["fd"])).collect();
        let expected = std::os::fd::AsRawFd::as_raw_fd(&second) as u64;
        assert_eq!(fds, [expected], "not the descriptor of the other");
        drop(clients);
    });
}

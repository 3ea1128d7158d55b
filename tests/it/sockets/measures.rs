//! `--where` on real sockets: what it compares is read though nobody asks to see it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::UdpSocket;

use serde_json::Value;
use socket2::Socket;

use crate::support::clients::{begin, connect};
use crate::support::link::{Link, THERE};
use crate::support::netns::in_netns;
use crate::support::program::{count, json};
use crate::support::sockets::{fill_accept_queue, inode, listen, udp_drops, unread_bytes};
use crate::support::time_waits::{connected_pair, server_time_waits};
use crate::support::tools::tcp_ext;
use crate::support::wait::wait_until;

/// How many sockets meet a condition, and the inodes of those that somebody holds.
#[track_caller]
fn found(words: &str, condition: &str) -> (u64, BTreeSet<u64>) {
    let words: Vec<&str> = words.split_whitespace().collect();
    let args = ["sockets", "--no-owners", "--where", condition];
    let report = json(&[&args[..], &words].concat());
    let rows = report["sockets"].as_array().expect("sockets[]").iter();
    let inodes = rows.map(|row| count(&row["inode"]));
    let held = inodes.filter(|inode| *inode != 0).collect();
    (count(&report["count"]), held)
}

/// A UDP socket that has dropped what did not fit into its buffer, and who sent it.
fn full_receiver() -> (Socket, Socket) {
    let receiver = Socket::from(UdpSocket::bind("127.0.0.1:5353").expect("a free port"));
    receiver.set_recv_buffer_size(8192).expect("an option");
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    sender.connect("127.0.0.1:5353").expect("an address");
    let sender = Socket::from(sender);
    wait_until("a datagram does not fit", || {
        sender.send(&[1; 100]).expect("the device takes it");
        udp_drops(5353) > 0
    });
    (receiver, sender)
}

#[test]
fn conditions_on_numbers_select_the_sockets_that_have_them() {
    in_netns(|| {
        let link = Link::new();
        let full = listen("127.0.0.1:8080", 4);
        let _queued = fill_accept_queue(&full, 5);
        let _refused = begin("127.0.0.1:8080");
        wait_until("its SYN is dropped", || tcp_ext("ListenDrops") > 0);
        let idle = listen("127.0.0.1:8081", 4);
        let (client, server) = connected_pair(&idle, |_| Ok(()));
        (&client).write_all(b"x").expect("there is room");
        wait_until("it has come", || unread_bytes(8081) == 1);
        let waiting = listen("127.0.0.1:9000", 4);
        server_time_waits(&waiting, 3);
        let (receiver, sender) = full_receiver();
        let there = format!("{THERE}:8082");
        let _there = link.there.run(|| listen(&there, 4));
        let cut = connect(&there).expect("it listens");
        link.cut();
        (&cut).write_all(b"lost").expect("there is room");
        wait_until("it is retransmitted", || {
            found("dport = :8082", "retrans>0").0 == 1
        });

        const PAIR: &str = "sport = :8081 or dport = :8081";
        let both = [&client, &server];
        for (words, condition, nobodys, held) in [
            // An idle listener does not match.
            ("tcp", "fill>99%", 0, &[&full][..]),
            ("tcp sport = :8081", "fill=0%", 0, &[&idle]),
            ("udp", "fill>50%", 0, &[&receiver]),
            ("udp", "fill=0%", 0, &[&sender]),
            ("tcp", "drops>0", 0, &[&full]),
            ("udp", "drops>0", 0, &[&receiver]),
            // A listener has no such time.
            (PAIR, "rtt>0us", 0, &both),
            (PAIR, "rtt>1h", 0, &[]),
            ("dport = :8082", "retrans>0", 0, &[&cut]),
            (PAIR, "retrans>0", 0, &[]),
            (PAIR, "retrans=0", 0, &both),
            (PAIR, "idle<1h", 0, &both),
            // Nor has a connection that is not made.
            ("", "idle>1h", 0, &[]),
            ("state syn-sent", "idle<1h or rtt<1h", 0, &[]),
            // Of the TIME_WAITs, and of those that wait for accept().
            ("", "age<1m", 8, &[]),
            ("sport = :9000", "age<1m", 3, &[]),
            ("sport = :8080", "age<1m", 5, &[]),
            ("", "age>1m", 0, &[]),
        ] {
            let expected: BTreeSet<u64> = held.iter().map(inode).collect();
            let all = nobodys + expected.len() as u64;
            assert_eq!(
                found(words, condition),
                (all, expected),
                "{words} {condition}"
            );
        }

        let number = |command: &str, of: &Value| match command {
            "states" => count(&of["total"]),
            "keepalive" => count(&of["count"]),
            _ => count(&of["totals"]["sockets"]),
        };
        for (command, filter, condition, expected) in [
            ("states", "", "fill>99%", 1),
            ("states", "", "drops>0", 1),
            ("states", PAIR, "rtt>0us", 2),
            ("states", "dport = :8082", "retrans>0", 1),
            ("states", PAIR, "retrans>0", 0),
            ("states", PAIR, "idle<1h", 2),
            ("states", "", "idle>1h", 0),
            ("states", "", "age<1m", 8),
            ("keepalive", "dport = :8082", "retrans>0", 1),
            ("keepalive", PAIR, "retrans>0", 0),
            ("buffers", "dport = :8082", "retrans>0", 1),
            ("buffers", PAIR, "idle>1h", 0),
        ] {
            let report = json(&[
                command,
                "--no-owners",
                "--by",
                "peer",
                filter,
                "--where",
                condition,
            ]);
            let found = number(command, &report);
            assert_eq!(found, expected, "{command} {filter} {condition}");
        }
    });
}

//! What the kernel counts in the queues of unix sockets, as the texts say.

use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};

use serde_json::Value;

use crate::support::netns::in_sealed_netns;
use crate::support::program::{count, json};
use crate::support::sockets::inode;

fn queue(report: &Value, socket: impl AsFd, name: &str) -> u64 {
    let inode = inode(socket);
    let mut rows = report["sockets"].as_array().expect("sockets[]").iter();
    count(&rows.find(|row| row["inode"] == inode).expect("its row")[name])
}

#[test]
fn what_a_stream_has_sent_is_counted_in_memory() {
    in_sealed_netns(|| {
        let (mut one, other) = UnixStream::pair().expect("sockets");
        one.write_all(b"x").expect("there is room");
        let report = json(&["sockets", "unix"]);
        assert_eq!(queue(&report, &other, "receive_queue_bytes"), 1);
        assert!(queue(&report, &one, "send_queue_bytes") > 64, "{report:#}");
    });
}

#[test]
fn the_next_datagram_alone_is_counted() {
    in_sealed_netns(|| {
        let (one, other) = UnixDatagram::pair().expect("sockets");
        for message in [&b"abc"[..], b"0123456789"] {
            one.send(message).expect("there is room");
        }
        let report = json(&["sockets", "unix"]);
        assert_eq!(queue(&report, &other, "receive_queue_bytes"), 3);
    });
}

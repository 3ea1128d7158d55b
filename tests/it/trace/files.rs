//! `sockdiag trace --write`: what is saved, and that it tells the same when it is read.

use std::fs;

use crate::support::clients::{bound_first, connect_with};
use crate::support::compared_trace::assert_matches_tshark;
use crate::support::forged::Forged;
use crate::support::link::Link;
use crate::support::netns::{in_netns, in_netns_for_tcpdump, in_netns_of_root, lo_up, run};
use crate::support::program::{command, sockdiag, stderr};
use crate::support::scenes::{CLIENT, SERVER, SERVER6, connect_from_peer, exchange_byte};
use crate::support::sockets::listen;
use crate::support::tcpdump::{tcpdump_lines, tshark, tshark_fields};
use crate::support::time_waits::connected_pair;
use crate::support::tracing::{Tracing, trace};
use crate::support::tree::Tree;
use crate::support::users::as_nobody;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

/// Handshakes of four kinds, to ports 8080 and 9999, and what keeps them open.
fn a_bit_of_everything(link: &Link) -> impl Sized {
    let listener = listen("[::]:8080", 5);
    let used = connect_from_peer(link, CLIENT, SERVER);
    let (server, _) = listener.accept().expect("a client is there");
    let used = (used, server);
    exchange_byte(&used);
    let over_6 = connect_from_peer(link, "[fd00:7::2]:5002", SERVER6);
    let (server, _) = listener.accept().expect("a client is there");
    let over_6 = (over_6, server);
    exchange_byte(&over_6);
    let refused = link
        .there
        .run(|| connect_with("10.7.0.1:9999", bound_first("10.7.0.2:5003")));
    refused.expect_err("nobody listens");
    let scan = Forged::syn("10.7.0.2:5004", SERVER);
    link.there.run(|| scan.send());
    (listener, used, over_6)
}

/// Of a live trace and of the same read from a file, by everything that a file can tell: nothing of
/// the host's listeners.
#[track_caller]
fn assert_equal(live: &[Value], read: &[Value]) {
    let known = |handshakes: &[Value]| -> Vec<Value> {
        let mut all = handshakes.to_vec();
        for handshake in &mut all {
            let handshake = handshake.as_object_mut().expect("an object");
            handshake.remove("listener_queue");
            // It speaks of listeners.
            handshake.remove("reason");
        }
        all
    };
    assert_eq!(known(live), known(read));
}

#[test]
fn what_was_written_tells_to_the_microsecond_what_was_seen() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/seen.pcapng", folder.path());
        let mut live = Tracing::start(&["--interface", "near", "--write", &file]);
        let _scene = a_bit_of_everything(&link);
        let seen = live.handshakes(4);
        live.end();
        let outcomes: Vec<_> = seen.iter().map(|one| one["outcome"].clone()).collect();
        let expected = ["established", "established", "refused", "reset_by_client"];
        assert_eq!(outcomes, expected);
        // Also the devices, the sides, and the numbers of the packets.
        let read = trace(&["--read", &file]);
        assert_equal(&seen, &read.handshakes());
        assert_eq!(read.incomplete, object!([]));
    });
}

#[test]
fn wireshark_opens_what_was_written_and_finds_the_verdicts_in_it() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/seen.pcapng", folder.path());
        let mut live = Tracing::start(&["--write", &file]);
        let _scene = a_bit_of_everything(&link);
        let seen = live.handshakes(4);
        live.end();
        let Some(packets) = tshark(&file) else { return };
        assert_matches_tshark(&seen, &packets);
        for handshake in &seen {
            let deciding = packets
                .iter()
                .find(|packet| handshake["packet"] == packet.number)
                .unwrap_or_else(|| panic!("{handshake:#} is decided nowhere"));
            let outcome = handshake["outcome"].as_str().expect("a word");
            let comment = deciding.comment.to_lowercase();
            let words = outcome.replace('_', " ");
            assert!(
                comment.contains(outcome) || comment.contains(&words),
                "{comment:?} on the packet that decided {handshake:#}"
            );
        }
        let commented = packets.iter().filter(|packet| !packet.comment.is_empty());
        assert_eq!(commented.count(), 4);
        let names =
            tshark_fields(&file, "tcp", &["frame.interface_name"]).expect("it was there before");
        assert!(names.lines().all(|name| name == "near"), "{names}");
    });
}

#[test]
fn tcpdump_reads_what_was_written() {
    in_netns_for_tcpdump(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/seen.pcapng", folder.path());
        let mut live = Tracing::start(&["--interface", "near", "--write", &file]);
        let _scene = a_bit_of_everything(&link);
        live.handshakes(4);
        live.end();
        let syns = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn";
        if let Some(lines) = tcpdump_lines(&file, syns) {
            // The filter finds those over IPv4.
            assert_eq!(lines.len(), 3, "{lines:#?}");
        }
    });
}

#[test]
fn what_is_not_shown_is_written_all_the_same() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/seen.pcapng", folder.path());
        let mut live = Tracing::start(&["--write", &file, "--failed"]);
        let _scene = a_bit_of_everything(&link);
        live.handshakes(2);
        live.end();
        assert_eq!(trace(&["--read", &file]).handshakes().len(), 4);
    });
}

#[test]
fn a_written_file_is_whole_whenever_it_is_looked_at() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/seen.pcapng", folder.path());
        let mut live = Tracing::start(&["--write", &file]);
        // Before the first packet, and while more come.
        assert_eq!(trace(&["--read", &file]).handshakes(), [] as [Value; 0]);
        let _scene = a_bit_of_everything(&link);
        live.handshakes(4);
        wait_until("they are in the file", || {
            trace(&["--read", &file]).handshakes().len() == 4
        });
        live.end();
    });
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_told_once() {
    in_netns(|| {
        let link = Link::new();
        let output = sockdiag(&["trace", "--write", "/no/such/folder/seen.pcapng"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("sockdiag: "), "{said}");
        assert!(said.contains("/no/such/folder/seen.pcapng"), "{said}");
        drop(link);
    });
}

#[test]
fn a_disk_that_is_full_ends_the_trace() {
    in_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 100);
        let mut child = command(&["trace", "--json", "--write", "/dev/full"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut clients = Vec::new();
        wait_until("the trace has ended", || {
            // It may have ended before the first of them.
            clients.push(connected_pair(&listener, |_| Ok(())));
            child.try_wait().expect("it is ours").is_some()
        });
        let output = child.wait_with_output().expect("its pipes can be read");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("sockdiag: "), "{said}");
        assert!(said.contains("/dev/full"), "{said}");
        assert!(said.contains("No space left on device"), "{said}");
    });
}

#[test]
fn a_file_is_read_with_no_rights_at_all() {
    in_netns_of_root(|| {
        let link = Link::new();
        let folder = Tree::new();
        run("chmod", &["755", folder.path()]);
        let file = format!("{}/seen.pcapng", folder.path());
        let mut live = Tracing::start(&["--interface", "near", "--write", &file]);
        let _scene = a_bit_of_everything(&link);
        let seen = live.handshakes(4);
        live.end();
        run("chmod", &["644", &file]);
        let output = as_nobody("", &["trace", "--json", "--read", &file]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(text.lines().count(), seen.len() + 1, "{text}");
    });
}

#[test]
fn a_file_is_not_overwritten_by_reading_it() {
    in_netns(|| {
        let link = Link::new();
        let folder = Tree::new();
        let file = format!("{}/seen.pcapng", folder.path());
        let mut live = Tracing::start(&["--write", &file]);
        let _scene = a_bit_of_everything(&link);
        live.handshakes(4);
        live.end();
        let before = fs::read(&file).expect("it was written");
        let output = sockdiag(&["trace", "--read", &file, "--write", &file]);
        // Refused, or written anew with the same packets; but not lost.
        let after = fs::read(&file).expect("it is still there");
        assert!(
            after == before || trace(&["--read", &file]).handshakes().len() == 4,
            "{}",
            stderr(&output)
        );
    });
}

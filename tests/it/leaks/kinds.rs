//! Every kind of leak, made for real, and what looks like it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::Value;
use socket2::SockRef;

use crate::support::leaks::{
    SERVER, assert_aged, leaks, none_but, of_kind, only, pair, server, wait_for_kind,
    while_read_slowly,
};
use crate::support::link::{Link, THERE};
use crate::support::meanwhile::AtEnd;
use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::program::{count, finding, finding_ids};
use crate::support::sockets::{close_wait_count, fill_accept_queue, listen, unread_bytes};
use crate::support::traffic::fill;
use crate::support::wait::{wait_for, wait_until};

#[test]
fn a_server_that_never_closes_is_told_by_what_it_has_not_read() {
    in_sealed_netns(|| {
        let begun = Instant::now();
        let listener = server();
        let (seen, mut held) = (3, Vec::new());
        for index in 0..5 {
            let (mut client, server) = pair(&listener);
            if index >= seen {
                client.write_all(&[1; 100]).expect("it is connected");
            }
            drop(client);
            held.push(server);
        }
        wait_until("the clients have closed", || close_wait_count(8080) == 5);
        // That it reads the end of the stream changes nothing.
        assert_eq!(held[0].read(&mut [0; 9]).expect("the end"), 0);

        let report = leaks(&[]);
        none_but(&report, &["close_wait", "fin_wait"]);
        let rows = of_kind(&report, "close_wait");
        let counted = |row: &&Value| (count(&row["count"]), count(&row["unread_bytes"]));
        let counts: Vec<_> = rows.iter().map(counted).collect();
        assert_eq!(counts, [(3, 0), (2, 200)]);
        let end_unread = rows.iter().map(|row| count(&row["end_unread"]));
        assert_eq!(end_unread.collect::<Vec<_>>(), [2, 2], "one has read it");
        for row in rows {
            assert_eq!(row["owner"]["pid"], std::process::id());
            assert_eq!(row["service"]["port"], 8080);
            assert_eq!(row["side"], "server");
            assert_aged(row, 0.2, begun);
            assert_eq!(row["growth_per_minute"], 0.0);
        }
        // The other ends, which nobody holds.
        let other = only(&report, "fin_wait");
        assert_eq!(
            (count(&other["count"]), &other["held"]),
            (5, &Value::Bool(false))
        );

        drop(held);
        wait_until("they are closed", || close_wait_count(8080) == 0);
        none_but(&leaks(&[]), &["fin_wait"]);
    });
}

#[test]
fn a_peer_that_vanished_is_dead_and_what_was_closed_meanwhile_an_orphan() {
    in_netns(|| {
        let link = Link::new();
        let address = format!("{THERE}:8080");
        let listener = link
            .there
            .run(|| TcpListener::bind(&address).expect("free"));
        let (mut waits, _other) = pair(&listener);
        let (mut closed, _other_closed) = pair(&listener);
        let (idle, _other_idle) = pair(&listener);
        none_but(&leaks(&[]), &[]);
        let begun = Instant::now();
        link.cut();
        waits.write_all(b"hello").expect("it is queued");
        closed.write_all(b"hello").expect("it is queued");
        drop(closed);

        let report = wait_for_kind("dead_peer");
        none_but(&report, &["dead_peer", "orphan"]);
        let dead = only(&report, "dead_peer");
        assert_eq!(
            (count(&dead["count"]), &dead["side"]),
            (1, &Value::from("client"))
        );
        assert_eq!(dead["service"]["address"], THERE);
        assert_eq!(dead["samples"][0]["send_queue_bytes"], 5);
        assert_aged(dead, 1.0, begun);
        let orphan = only(&report, "orphan");
        assert_eq!(orphan["owner"], Value::Null);
        assert_eq!(orphan["states"], serde_json::json!({"fin_wait1": 1}));
        assert_eq!(orphan["samples"][0]["state"], "fin_wait1");
        assert!(count(&report["orphans"]) > 0);
        drop(idle);
    });
}

#[test]
fn a_reader_that_stops_and_its_writer_are_stuck_and_a_slow_one_is_not() {
    in_sealed_netns(|| {
        let listener = server();
        let (client, stuck) = pair(&listener);
        fill(&client);
        let report = wait_for_kind("stuck_write");
        none_but(&report, &["stuck_write", "stuck_read"]);
        let (read, write) = (only(&report, "stuck_read"), only(&report, "stuck_write"));
        assert_eq!(
            (&read["side"], &write["side"]),
            (&"server".into(), &"client".into())
        );
        assert_eq!(count(&read["unread_bytes"]), unread_bytes(8080) as u64);
        assert!(count(&write["samples"][0]["send_queue_bytes"]) > 0);
        assert_eq!(read["owner"]["pid"], std::process::id());
        assert_eq!(read["growth_per_minute"], Value::Null);

        // It reads a byte now and then: the queues are full all the time.
        while_read_slowly(&stuck, || {
            let report = leaks(&[]);
            assert!(unread_bytes(8080) > 0);
            none_but(&report, &["stuck_write"]);
        });
    });
}

#[test]
fn a_bulk_transfer_is_not_stuck_though_its_queues_are_full() {
    in_netns(|| {
        let listener = server();
        let (client, server) = pair(&listener);
        let (mut writer, mut reader) = (&client, &server);
        let read = AtomicUsize::new(0);
        thread::scope(|scope| {
            let _over = AtEnd(|| server.shutdown(Shutdown::Both).expect("it is open"));
            scope.spawn(|| while writer.write_all(&[7; 65_536]).is_ok() {});
            scope.spawn(|| {
                while reader.read_exact(&mut [0; 1024]).is_ok() {
                    read.fetch_add(1024, Ordering::Relaxed);
                }
            });
            wait_until("both queues have data", || unread_bytes(8080) > 0);
            for _ in 0..2 {
                let before = read.load(Ordering::Relaxed);
                none_but(&leaks(&[]), &[]);
                // It may pause, as for a retransmission.
                wait_until("it goes on", || read.load(Ordering::Relaxed) > before);
            }
        });
    });
}

#[test]
fn only_idle_connections_without_keepalive_are_listed() {
    in_netns(|| {
        let begun = Instant::now();
        let listener = server();
        let (with, without) = pair(&listener);
        SockRef::from(&with).set_keepalive(true).expect("a socket");
        let report = wait_for("it is idle", || {
            let report = leaks(&["--idle", "1s"]);
            (!of_kind(&report, "idle_no_keepalive").is_empty()).then_some(report)
        });
        let idle = only(&report, "idle_no_keepalive");
        assert_eq!(
            (count(&idle["count"]), &idle["side"]),
            (1, &"server".into())
        );
        assert_aged(idle, 1.0, begun);
        assert!(finding_ids(&report).is_empty(), "the peer is on this host");
        none_but(&leaks(&["--idle", "1h"]), &[]);
        SockRef::from(&without)
            .set_keepalive(true)
            .expect("a socket");
        none_but(&leaks(&["--idle", "1s"]), &[]);
    });
}

#[test]
fn an_idle_connection_without_keepalive_to_another_host_is_a_finding() {
    in_netns(|| {
        let link = Link::new();
        let address = format!("{THERE}:5432");
        let listener = link
            .there
            .run(|| TcpListener::bind(&address).expect("free"));
        let (_client, _server) = pair(&listener);
        let report = wait_for("it is idle", || {
            let report = leaks(&["--idle", "1s"]);
            (!of_kind(&report, "idle_no_keepalive").is_empty()).then_some(report)
        });
        let found = finding(&report, "idle_without_keepalive");
        assert_eq!(found["severity"], "info");
        assert_eq!(found["subject"], format!("→ {address}"));
    });
}

#[test]
fn connections_that_wait_for_accept_are_the_listeners() {
    in_sealed_netns(|| {
        lo_up();
        let listener = listen(SERVER, 10);
        let clients = fill_accept_queue(&listener, 4);
        drop(clients);
        wait_until("the clients have closed", || close_wait_count(8080) == 4);
        let report = wait_for("they have waited", || {
            let report = leaks(&[]);
            (!finding_ids(&report).is_empty()).then_some(report)
        });
        none_but(&report, &["unaccepted", "fin_wait"]);
        let row = only(&report, "unaccepted");
        assert_eq!(count(&row["count"]), 4);
        assert_eq!(row["owner"]["pid"], std::process::id());
        assert_eq!(finding_ids(&report), ["acceptor_stalled"]);
    });
}

#[test]
fn a_connection_that_was_shut_down_waits_for_its_peer() {
    in_sealed_netns(|| {
        let listener = server();
        let (client, _server) = pair(&listener);
        client.shutdown(Shutdown::Write).expect("it is connected");
        wait_until("the server sees it", || close_wait_count(8080) == 1);
        let report = leaks(&[]);
        let row = only(&report, "fin_wait");
        assert_eq!(
            (&row["held"], &row["side"]),
            (&true.into(), &"client".into())
        );
        assert_eq!(row["samples"][0]["state"], "fin_wait2");
        assert_eq!(row["owner"]["pid"], std::process::id());
    });
}

//! `sockdiag sockets --watch`: each reading begins anew, in every format.

use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::Value;

use crate::support::clients::client;
use crate::support::netns::{in_netns, lo_up};
use crate::support::program::{Watch, assert_failed, reports, sockdiag, text};
use crate::support::sockets::{inode, listen, unread_bytes};
use crate::support::terminal::Terminal;
use crate::support::time_waits::connected_pair;
use crate::support::wait::wait_until;

fn inodes(report: &Value) -> BTreeSet<u64> {
    let rows = report["sockets"].as_array().expect("rows").iter();
    rows.filter_map(|row| row["inode"].as_u64()).collect()
}

#[test]
fn each_reading_is_a_document_with_what_is_there_by_then() {
    in_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        let mut watch = Watch::new(&["sockets", "tcp", "--watch=0.02"]);
        let first = watch.report();
        assert_eq!(inodes(&first), BTreeSet::from([inode(&listener)]));
        assert!(first["elapsed_ms"].is_null());
        let client = client("127.0.0.1:8080");
        wait_until("the client is reported", || {
            let report = watch.report();
            assert!(report["elapsed_ms"].as_u64() >= Some(20), "{report}");
            inodes(&report) == BTreeSet::from([0, inode(&listener), inode(&client)])
        });
        let owners = watch.report()["sockets"][0]["owners"].clone();
        assert_eq!(owners[0]["pid"], std::process::id());
    });
}

#[test]
fn a_number_of_readings_ends_it_in_every_format() {
    in_netns(|| {
        lo_up();
        let _listener = listen("127.0.0.1:8080", 5);
        let watched = |more: &[&str]| {
            let args = ["sockets", "tcp", "-w0.02", "-c", "3"];
            text(&[&args[..], more].concat())
        };
        assert_eq!(reports(&["sockets", "tcp", "-w0.02", "-c", "3"]).len(), 3);
        let sorted = watched(&["--json", "--sort", "inode"]);
        assert_eq!(sorted.lines().count(), 3, "{sorted}");
        let csv = watched(&["-o", "csv"]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 4, "one header and a row per reading: {csv}");
        let times: BTreeSet<_> = lines[1..]
            .iter()
            .map(|line| line.split(',').next())
            .collect();
        assert_eq!(times.len(), 3, "{csv}");
        let table = watched(&[]);
        for reading in 1..=3 {
            assert!(table.contains(&format!("(reading {reading})")), "{table}");
        }
        let output = sockdiag(&["sockets", "-w", "-o", "prom"]);
        assert_failed(&output, 2, &["does not work with --watch"]);
        let output = sockdiag(&["sockets", "-w", "2"]);
        assert_failed(&output, 2, &["write --watch=2"]);
    });
}

#[test]
fn a_table_is_redrawn_in_place() {
    in_netns(|| {
        lo_up();
        let listener = listen("127.0.0.1:8080", 5);
        let (client, server) = connected_pair(&listener, |_| Ok(()));
        let words = ["sockets", "--watch=0.02", "state", "established"];
        let mut terminal = Terminal::start(&words, (120, 20));
        terminal.until("both ends are shown", |screen| {
            let frame = screen.frame();
            frame.iter().filter(|line| line.starts_with("tcp ")).count() == 2
        });
        (&client).write_all(&[1; 700]).expect("there is room");
        wait_until("it has come", || unread_bytes(8080) == 700);
        terminal.until("the queue has grown", |screen| {
            screen.frame().iter().any(|line| line.contains("700"))
        });
        drop(client);
        terminal.until("one end is left", |screen| {
            let frame = screen.frame();
            frame.iter().filter(|line| line.starts_with("tcp ")).count() == 0
        });
        terminal.type_in("q");
        let (status, _) = terminal.end();
        assert!(status.success());
        drop(server);
    });
}

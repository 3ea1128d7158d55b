//! `sockdiag trace` as others run it: flags, exit codes, pipes, namespaces.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::capture_file::refused_handshakes_file;
use crate::support::clients::connect;
use crate::support::handshakes::assert_has;
use crate::support::helper_process::spawn_cat;
use crate::support::link::Link;
use crate::support::netns::{in_netns, lo_up};
use crate::support::program::{assert_failed, command, finish, sockdiag, stderr};
use crate::support::scenes::{CLIENT, SERVER, connection, exchange_byte};
use crate::support::sockets::listen;
use crate::support::tracing::Tracing;
use crate::support::tree::Tree;
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

#[test]
fn what_does_not_exist_is_named() {
    in_netns(|| {
        lo_up();
        for args in [
            ["--interface", "nowhere0"],
            ["--netns", "no-such-namespace"],
            ["--netns", "/no/such/namespace"],
            ["--netns", "4194305"],
            ["--read", "/no/such/file.pcap"],
            ["--read", "/"],
        ] {
            let output = sockdiag(&["trace", args[0], args[1]]);
            assert_failed(&output, 1, &[args[1]]);
        }
        // One that exists does not make up for one that does not.
        let args = ["trace", "--interface", "lo", "--interface", "nowhere0"];
        assert_failed(&sockdiag(&args), 1, &["nowhere0"]);
    });
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_wrong() {
    for (args, reason) in [
        (&["--port", "65536"][..], "65536"),
        (&["--port", "http-or-so"], "http-or-so"),
        (&["--host", "10.7.0"], "10.7.0"),
        (&["--host", "10.7.0.1/33"], "33"),
        (&["--host", "fd00::/129"], "129"),
        (&["--slow", "fast"], "fast"),
        (&["--slow=-1s"], "-1s"),
        (&["--for", "soon"], "soon"),
        (&["--count", "some"], "some"),
        (&["-o", "prom"], "prom"),
        (&["--columns", "beauty"], "beauty"),
        (&["--no-such-flag"], "--no-such-flag"),
        (&["sport", "=", ":eighty"], "eighty"),
    ] {
        let output = sockdiag(&[&["trace"], args].concat());
        assert_failed(&output, 2, &[reason]);
    }
}

#[test]
fn a_malformed_filter_is_shown_with_a_caret_under_the_place() {
    let filter = "( sport = :80";
    let output = sockdiag(&["trace", filter]);
    assert_failed(&output, 2, &[filter]);
    let said = stderr(&output);
    assert!(said.lines().any(|line| line.trim() == "^"), "{said}");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 5000);
    for args in [&["--json"][..], &[], &["-o", "csv"]] {
        let mut child = command(&[&["trace", "--read", &file], args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        let read = BufReader::with_capacity(16, stdout).read_line(&mut line);
        read.expect("a line can be read");
        assert!(!line.is_empty(), "{args:?}");
        // The pipe is closed now, as by `head -1`, with most of it unwritten.
        wait_until("it has noticed", || {
            child.try_wait().expect("it is ours").is_some()
        });
        let output = child.wait_with_output().expect("its stderr can be read");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{args:?}: {}",
            stderr(&output)
        );
        assert_eq!(stderr(&output), "", "{args:?}");
    }
}

#[test]
fn a_reader_that_leaves_ends_a_trace() {
    in_netns(|| {
        lo_up();
        let mut child = command(&["trace", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        wait_until("it has noticed", || {
            // It may not have been ready for the first of them.
            let _refused = connect("127.0.0.1:9");
            child.try_wait().expect("it is ours").is_some()
        });
        let output = child.wait_with_output().expect("its stderr can be read");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    });
}

#[test]
fn a_full_disk_is_a_failure_that_is_told_once() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 3);
    for args in [&["--json"][..], &[], &["-o", "csv"], &["--summary"]] {
        let full = File::options().write(true).open("/dev/full");
        let mut command = command(&[&["trace", "--read", &file], args].concat());
        let output = finish(command.stdout(full.expect("/dev/full")));
        let said = stderr(&output);
        assert_failed(&output, 1, &["No space left on device"]);
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
    }
}

#[test]
fn another_namespace_is_traced_by_its_path_or_a_process_in_it() {
    in_netns(|| {
        let link = Link::new();
        let listener = listen(SERVER, 5);
        let resident = link.there.run(spawn_cat);
        let path = link.there.path();
        let pid = resident.pid().to_string();
        for (client, netns) in [(CLIENT, &path), ("10.7.0.2:5002", &pid)] {
            let start = || Tracing::start_elsewhere(&["--netns", netns, "--interface", "far"]);
            let mut trace = link.there.run(start);
            // Their own device, and not one of ours.
            let nowhere = sockdiag(&["trace", "--netns", netns, "--interface", "near"]);
            assert_failed(&nowhere, 1, &["near"]);
            exchange_byte(&connection(&link, client, &listener));
            assert_has(
                &trace.handshake(),
                object!({"interface": "far", "captured_on": "client"}),
            );
            let traced = trace.end();
            assert_eq!(traced.handshakes(), [] as [Value; 0]);
        }
    });
}

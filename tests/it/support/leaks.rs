//! Connections that are left over, and the rows of `leaks` on them.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::meanwhile::while_repeating;
use super::netns::lo_up;
use super::program::{json, number};
use super::wait::{PATIENCE, wait_for};

pub const SERVER: &str = "127.0.0.1:8080";

/// Both ends of a connection, the client's first.
pub fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let address = listener.local_addr().expect("it is bound");
    let client = TcpStream::connect(address).expect("it listens");
    let (server, _) = listener.accept().expect("a client is there");
    (client, server)
}

pub fn server() -> TcpListener {
    lo_up();
    TcpListener::bind(SERVER).expect("it is free")
}

pub fn leaks(more: &[&str]) -> Value {
    json(&[&["leaks", "--for", "300ms"], more].concat())
}

/// The rows of a kind.
pub fn of_kind<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let rows = report["leaks"].as_array().expect("leaks[]").iter();
    rows.filter(|row| row["kind"] == kind).collect()
}

#[track_caller]
pub fn only<'a>(report: &'a Value, kind: &str) -> &'a Value {
    let rows = of_kind(report, kind);
    assert_eq!(rows.len(), 1, "{kind} in {report:#}");
    rows[0]
}

#[track_caller]
pub fn none_but(report: &Value, kinds: &[&str]) {
    let rows = report["leaks"].as_array().expect("leaks[]").iter();
    let others: Vec<_> = rows
        .filter(|row| !kinds.iter().any(|kind| row["kind"] == *kind))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
}

/// The oldest is at least so many seconds old, and no older than its scene.
#[track_caller]
pub fn assert_aged(row: &Value, least: f64, begun: Instant) {
    let most = begun.elapsed().as_secs_f64();
    let oldest = number(&row["oldest_seconds"]);
    assert!((least..=most).contains(&oldest), "{most}: {row:#}");
}

/// Runs `body` while a byte of what waits at this end is read now and then.
#[track_caller]
pub fn while_read_slowly<T>(mut reader: &TcpStream, body: impl FnOnce() -> T) -> T {
    let timeout = reader.set_read_timeout(Some(PATIENCE));
    timeout.expect("SO_RCVTIMEO");
    let read = || {
        reader.read_exact(&mut [0; 1]).expect("there is more");
        // The pace of the scene; nothing waits for it.
        thread::sleep(Duration::from_millis(20));
    };
    while_repeating(read, body)
}

/// A report with a row of this kind.
pub fn wait_for_kind(kind: &str) -> Value {
    wait_for(kind, || {
        let report = leaks(&[]);
        (!of_kind(&report, kind).is_empty()).then_some(report)
    })
}

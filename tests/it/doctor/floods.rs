//! `sockdiag doctor`: SYN floods, and what looks like one.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::meanwhile::while_repeating;
use crate::support::netns::{in_sealed_netns, sysctl};
use crate::support::program::{finding, json, problems};
use crate::support::sockets::listen;
use crate::support::tools::tcp_ext;
use crate::support::unanswered::{syn_flood, unanswered_syns};

const SERVER: &str = "10.9.0.1:8080";

/// SYN-ACKs are retransmitted after one second.
fn doctor() -> Value {
    json(&["doctor", "--for=1500ms"])
}

/// What `doctor` finds while this is repeated.
fn doctor_during(mut step: impl FnMut() + Send) -> Value {
    let paced = || {
        step();
        // The pace of the scene; nothing waits for it.
        thread::sleep(Duration::from_millis(2));
    };
    while_repeating(paced, doctor)
}

fn flooded(tcp_syncookies: u8) -> Value {
    unanswered_syns();
    sysctl("net/ipv4/tcp_syncookies", tcp_syncookies);
    let _server = listen(SERVER, 64);
    match tcp_syncookies {
        2 => doctor_during(|| syn_flood(SERVER, 10)),
        _ => {
            syn_flood(SERVER, 120);
            doctor()
        }
    }
}

/// The evidence `share` says how many handshakes came to an end.
#[track_caller]
fn assert_flood(report: &Value, share: &str) {
    assert_eq!(problems(report), ["syn_flood"], "{report:#}");
    let found = finding(report, "syn_flood");
    assert_eq!(found["severity"], "critical");
    assert_eq!(found["inferred"], true, "no route back looks the same");
    let evidence = found["evidence"].as_array().expect("a list");
    let share = evidence.iter().find(|one| one["name"] == share);
    assert_eq!(
        share.map(|one| &one["value"]),
        Some(&0.0.into()),
        "{found:#}"
    );
}

#[test]
fn a_flood_without_cookies_is_called_one() {
    in_sealed_netns(|| assert_flood(&flooded(0), "handshakes_finished_ratio"));
}

#[test]
fn a_flood_that_is_answered_with_cookies_is_called_one() {
    in_sealed_netns(|| assert_flood(&flooded(1), "handshakes_finished_ratio"));
}

#[test]
fn a_flood_is_called_one_where_every_syn_gets_a_cookie() {
    in_sealed_netns(|| assert_flood(&flooded(2), "cookies_validated_ratio"));
}

/// A queue of half-open handshakes below its limit keeps nobody out.
#[test]
fn unanswered_handshakes_below_the_limit_are_no_flood() {
    in_sealed_netns(|| {
        unanswered_syns();
        let _server = listen(SERVER, 64);
        syn_flood(SERVER, 40);
        let report = doctor();
        assert_eq!(problems(&report), Vec::<&str>::new(), "{report:#}");
    });
}

/// Every SYN gets a cookie, and every cookie comes back.
#[test]
fn load_is_no_flood_where_every_syn_gets_a_cookie() {
    in_sealed_netns(|| {
        unanswered_syns();
        sysctl("net/ipv4/tcp_syncookies", 2);
        let server = listen(SERVER, 64);
        let report = doctor_during(|| {
            let client = TcpStream::connect(SERVER).expect("room");
            drop((server.accept().expect("one is queued"), client));
        });
        assert_eq!(problems(&report), Vec::<&str>::new(), "{report:#}");
        assert!(tcp_ext("TCPReqQFullDoCookies") > 150, "as under a flood");
    });
}

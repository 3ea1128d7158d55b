//! `sockdiag buffers`: its forms say the same, and its table is readable on a terminal.

use std::io::Write as _;

use serde_json::{Value, json as object};

use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{json, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::screen::Screen;
use crate::support::sockets::{listen, unread_bytes};
use crate::support::terminal::Terminal;
use crate::support::time_waits::connected_pair;
use crate::support::tools::assert_promtool_accepts;
use crate::support::wait::wait_until;

/// One connection with unread data.
fn scene() -> impl Sized {
    lo_up();
    let server = listen("127.0.0.1:8080", 9);
    let mut pair = connected_pair(&server, |_| Ok(()));
    pair.0.write_all(&[0; 4000]).expect("there is room");
    wait_until("it arrived", || unread_bytes(8080) == 4000);
    (pair, server)
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        let _scene = scene();
        let commands = [
            &["buffers"][..],
            &["buffers", "--by", "unit"],
            &["buffers", "--by", "peer", "--no-owners"],
            &["buffers", "--by", "listener"],
            &["buffers", "--by", "socket"],
            &["buffers", "--watch=0.05", "--count", "2"],
            &["buffers", "--for", "50ms", "--every", "10ms"],
            &["buffers", "--netns", "all"],
            &["buffers", "sport", "=", ":1"],
        ];
        assert_valid("buffers", &commands);
        let wrong = [
            ("/groups", Value::Null),
            ("/groups/0/receive_bytes", object!(-1)),
            ("/limits/rmem", object!("4096 131072 6291456")),
            ("/totals/sockets", Value::Null),
        ];
        assert_refused("buffers", &json(&["buffers"]), &wrong);
    });
}

#[test]
fn every_form_has_the_same_numbers() {
    in_sealed_netns(|| {
        let _scene = scene();
        let args = ["buffers", "--by", "peer", "sport", "=", ":8080"];
        let report = json(&args);
        let unread = report["groups"][0]["receive_bytes"].to_string();
        assert_ne!(unread, "0");
        let csv = text(&[&args[..], &["-o", "csv", "--columns", "group,receive"]].concat());
        assert!(csv.starts_with("time,group,receive\n"), "{csv}");
        assert!(csv.ends_with(&format!(",127.0.0.1,{unread}\n")), "{csv}");
        let metrics = text(&[&args[..], &["-o", "prom"]].concat());
        assert_promtool_accepts(&metrics);
        let series = metrics
            .lines()
            .find(|line| line.starts_with("sockdiag_buffers_receive_bytes{"));
        assert!(
            series.is_some_and(|line| line.ends_with(&format!(" {unread}"))),
            "{metrics}"
        );
        let sampled = json(&[&args[..], &["--for", "50ms", "--every", "10ms"]].concat());
        let spread = &sampled["groups"][0]["sampled"];
        assert_eq!(spread["minimum"], spread["maximum"], "{spread}");
        assert!(
            spread["minimum"].as_u64() >= unread.parse().ok(),
            "{spread}"
        );
    });
}

#[test]
fn a_table_fits_into_80_columns() {
    in_sealed_netns(|| {
        let _scene = scene();
        for by in ["process", "socket", "listener"] {
            let (status, output) = Terminal::start(&["buffers", "--by", by], (80, 24)).end();
            assert_eq!(status.code(), Some(0), "{output:?}");
            let screen = Screen::showing(&output, 80, 24);
            assert_eq!(screen.overruns, 0, "{:#?}", screen.lines());
            for title in ["GROUP", "RECEIVED"] {
                let is_there = screen.lines().iter().any(|line| line.contains(title));
                assert!(is_there, "{by}, {title}: {:#?}", screen.lines());
            }
        }
    });
}

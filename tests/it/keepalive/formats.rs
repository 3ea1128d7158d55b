//! `sockdiag keepalive`: its forms say the same, and its table is readable on a terminal.

use serde_json::{Value, json as object};

use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{json, reports, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::screen::Screen;
use crate::support::sockets::listen;
use crate::support::terminal::Terminal;
use crate::support::time_waits::connected_pair;
use crate::support::tools::assert_promtool_accepts;

/// Two connections with keepalive and one without, at the client's end.
fn scene() -> impl Sized {
    lo_up();
    let server = listen("127.0.0.1:8080", 9);
    let on = |socket: &socket2::Socket| socket.set_keepalive(true);
    let two = [connected_pair(&server, on), connected_pair(&server, on)];
    (two, connected_pair(&server, |_| Ok(())), server)
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        let _scene = scene();
        let commands = [
            &["keepalive"][..],
            &["keepalive", "--by", "unit"],
            &["keepalive", "--by", "peer", "--no-owners"],
            &["keepalive", "--by", "socket", "--options"],
            &["keepalive", "--watch=0.05", "--count", "2"],
            &["keepalive", "--for", "50ms", "--every", "10ms"],
            &["keepalive", "--netns", "all"],
            &["keepalive", "sport", "=", ":1"],
        ];
        assert_valid("keepalive", &commands);
        let wrong = [
            ("/groups", Value::Null),
            ("/groups/0/enabled", object!("many")),
            ("/by", object!("colour")),
        ];
        assert_refused("keepalive", &json(&["keepalive"]), &wrong);
        let wrong = [
            ("/sockets/0/enabled", object!("yes")),
            ("/sockets/0/cookie", object!(7)),
            ("/sockets/0/detection_seconds", object!("long")),
        ];
        let sockets = json(&["keepalive", "--by", "socket"]);
        assert_refused("keepalive", &sockets, &wrong);
    });
}

#[test]
fn every_form_has_the_same_numbers() {
    in_sealed_netns(|| {
        let _scene = scene();
        let args = ["keepalive", "--by", "peer", "dport", "=", ":8080"];
        let csv = text(
            &[
                &args[..],
                &["-o", "csv", "--columns", "group,enabled,not_enabled"],
            ]
            .concat(),
        );
        assert!(csv.starts_with("time,group,enabled,not_enabled\n"), "{csv}");
        assert!(csv.ends_with(",127.0.0.1,2,1\n"), "{csv}");
        let metrics = text(&[&args[..], &["-o", "prom"]].concat());
        assert_promtool_accepts(&metrics);
        for (enabled, count) in [("true", 2), ("false", 1), ("unknown", 0)] {
            let line = format!("enabled=\"{enabled}\"}} {count}");
            assert!(metrics.contains(&line), "{line} in {metrics}");
        }
        let table = text(&args);
        assert!(
            table.starts_with(
                "keepalive: 2 on, 1 off; net.ipv4.tcp_keepalive_*: 7200 + 75 × 9 = 7875 seconds"
            ),
            "{table}"
        );
        let row = table
            .lines()
            .find(|line| line.starts_with("127.0.0.1"))
            .expect("a row");
        let cells: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(cells[1..4], ["3", "2", "1"], "{table}");
        assert_eq!(cells.last(), Some(&"~7875s"), "{table}");
    });
}

#[test]
fn connections_without_keepalive_are_sampled() {
    in_sealed_netns(|| {
        let _scene = scene();
        let readings = reports(&[
            "keepalive",
            "--by",
            "peer",
            "--for",
            "50ms",
            "--every",
            "10ms",
        ]);
        let sampled = &readings[0]["groups"][0]["sampled"];
        // The server's ends have none either.
        assert_eq!(
            (&sampled["minimum"], &sampled["maximum"]),
            (&object!(4), &object!(4))
        );
    });
}

#[test]
fn a_table_fits_into_80_columns() {
    in_sealed_netns(|| {
        let _scene = scene();
        for (by, title) in [("process", "DETECTED IN"), ("socket", "KEEPALIVE")] {
            let (status, output) = Terminal::start(&["keepalive", "--by", by], (80, 24)).end();
            assert_eq!(status.code(), Some(0), "{output:?}");
            let screen = Screen::showing(&output, 80, 24);
            assert_eq!(screen.overruns, 0, "{:#?}", screen.lines());
            assert!(
                screen.lines().iter().any(|line| line.contains(title)),
                "{:#?}",
                screen.lines()
            );
        }
    });
}

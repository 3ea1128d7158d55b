//! Outputs that machines read: JSON and its published schema, CSV, Prometheus text; and colour.

use std::process::{Command, Stdio};

use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::program::{command, finish, json, stderr, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tools::assert_promtool_accepts;
use crate::support::unanswered::{syn_flood, unanswered_syns};
use serde_json::json as object;

/// A scene with something of every kind, returned so that it stays.
fn a_bit_of_everything() -> impl Sized {
    unanswered_syns();
    let full = listen("10.9.0.1:8080", 1);
    let clients = fill_accept_queue(&full, 2);
    syn_flood("10.9.0.1:8080", 3);
    let six = listen("[::1]:8081", 5);
    let unix =
        std::os::unix::net::UnixListener::bind("/run/a \"quoted\" name").expect("it is free");
    let udp = std::net::UdpSocket::bind("127.0.0.1:5353").expect("it is free");
    (full, clients, six, unix, udp)
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let commands = [
            &["queues"][..],
            &["queues", "--unix", "--udp"],
            &["queues", "--no-syn", "--no-owners"],
            &["queues", "--watch=0.05", "--count", "2"],
            &["queues", "--for", "50ms", "--every", "10ms"],
            &["queues", "--netns", "all"],
            &["queues", ":1"],
        ];
        assert_valid("queues", &commands);
        let commands = [
            &["counters"][..],
            &["counters", "--all"],
            &["counters", "--why"],
            &["counters", "--watch=0.05", "--count", "2"],
        ];
        assert_valid("counters", &commands);
    });
}

#[test]
fn the_schema_refuses_what_is_not_published() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        let report = json(&["queues"]);
        let wrong = [
            ("/listeners", object!(null)),
            ("/listeners/0/state", object!("melting")),
            ("/listeners/0/protocol", object!("carrier_pigeon")),
            ("/listeners/0/accept_queue/length", object!("three")),
            ("/listeners/0/cookie", object!(4711)),
            ("/incomplete", object!({})),
            ("/time", object!(null)),
        ];
        assert_refused("queues", &report, &wrong);
    });
}

#[test]
fn every_report_begins_with_the_envelope() {
    in_netns(|| {
        lo_up();
        for command in ["queues", "counters"] {
            let line = text(&[command, "--json"]);
            assert_eq!(line.lines().count(), 1, "one object per line");
            let report = json(&[command]);
            assert_eq!(report["schema"], format!("sockdiag/{command}/v1"));
            assert!(report["elapsed_ms"].is_null());
            assert!(report["incomplete"].is_array());
            let host = rustix::system::uname();
            assert_eq!(report["host"], host.nodename().to_string_lossy().as_ref());
            assert_eq!(report["kernel"], host.release().to_string_lossy().as_ref());
            let time = report["time"].as_str().expect("a time");
            assert!(time.ends_with('Z') && time.contains('T'), "{time}");
            let mut place = 0;
            for key in [
                "schema",
                "time",
                "host",
                "kernel",
                "elapsed_ms",
                "incomplete",
            ] {
                let quoted = format!("\"{key}\":");
                let found = line.find(&quoted).unwrap_or_else(|| panic!("no {key}"));
                assert!(place <= found, "{key} comes too early in {line}");
                place = found;
            }
        }
    });
}

#[test]
fn csv_has_a_header_and_rows_of_one_length() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        for (args, rows) in [
            (&["queues", "-o", "csv", "--unix", "--udp"][..], Some(4)),
            (&["counters", "--all", "-o", "csv"], None),
        ] {
            let text = text(args);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let header = reader.headers().expect("a header").clone();
            assert!(header.len() > 3, "{header:?}");
            // The reader refuses rows that are longer or shorter than the header.
            let records: Result<Vec<_>, _> = reader.records().collect();
            let records = records.unwrap_or_else(|error| panic!("{args:?}: {error} in {text}"));
            assert!(!records.is_empty());
            if let Some(rows) = rows {
                assert_eq!(records.len(), rows, "{text}");
                let path = "/run/a \"quoted\" name";
                assert!(
                    records.iter().flatten().any(|field| field == path),
                    "{text}"
                );
            }
        }
    });
}

#[test]
fn csv_of_a_watch_has_one_header_or_none() {
    in_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let watch = ["queues", "-o", "csv", "--watch=0.01", "--count", "3"];
        let headers = |args: &[&str]| {
            let text = text(args);
            let is_header = |line: &&str| line.starts_with("time,");
            assert_eq!(text.matches("127.0.0.1:8080").count(), 3, "{text}");
            text.lines().filter(is_header).count()
        };
        assert_eq!(headers(&watch), 1);
        assert_eq!(headers(&[&watch[..], &["--no-header"]].concat()), 0);
    });
}

#[test]
fn prometheus_text_is_accepted_by_promtool() {
    in_sealed_netns(|| {
        let _scene = a_bit_of_everything();
        for args in [
            &["queues", "-o", "prom"][..],
            &["queues", "-o", "prom", "--unix", "--udp"],
            &["counters", "-o", "prom"],
            &["counters", "--all", "-o", "prom"],
        ] {
            let metrics = text(args);
            let samples: Vec<_> = metrics
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .collect();
            assert!(!samples.is_empty(), "{args:?}");
            for sample in samples {
                assert!(sample.starts_with("sockdiag_"), "{sample}");
                let name = sample.split(['{', ' ']).next().expect("a name");
                for kind in ["HELP", "TYPE"] {
                    let about = format!("# {kind} {name} ");
                    assert!(metrics.contains(&about), "no {kind} for {name}");
                }
            }
            assert_promtool_accepts(&metrics);
        }
    });
}

#[test]
fn colour_is_asked_for_or_absent() {
    in_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 1);
        let _clients = fill_accept_queue(&server, 2);
        let coloured = |command: &mut Command| {
            let output = finish(command.stdout(Stdio::piped()));
            assert!(output.status.success(), "{}", stderr(&output));
            String::from_utf8_lossy(&output.stdout).contains('\u{1b}')
        };
        // Into a pipe there is none by itself.
        assert!(!coloured(&mut command(&["queues"])));
        assert!(!coloured(&mut command(&["queues", "--color", "never"])));
        assert!(coloured(&mut command(&["queues", "--color", "always"])));
        let mut no_color = command(&["queues"]);
        assert!(!coloured(no_color.env("NO_COLOR", "1")));
    });
}

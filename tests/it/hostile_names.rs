//! Names that the kernel did not choose: harmless on a terminal, exact for machines.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;

use crate::support::netns::{in_sealed_netns, lo_up, run};
use crate::support::program::{json, listener, listeners, ports, sockdiag, stderr, text};
use crate::support::screen::Screen;
use crate::support::sockets::listen;
use crate::support::terminal::Terminal;
use crate::support::tools::assert_promtool_accepts;
use serde_json::Value;

const SERVER: &str = "127.0.0.1:8080";
/// Clears the screen and rings the bell; 13 of the 15 bytes that a name may have.
const EVIL: &str = "\x1b[2J\x07evil";
/// Ends a line and a label, and is no UTF-8 at the end.
const SOCKET: &[u8] = b"/run/\x1b]0;evil\x07\n\"quoted\",\\ \x7f\xff\xfe.sock";

/// What JSON and CSV, which are UTF-8, can say of it.
fn socket_name() -> String {
    String::from_utf8_lossy(SOCKET).into_owned()
}

/// A listener held by a process of an evil name, and one at an evil path.
fn evil_scene() -> impl Sized {
    lo_up();
    fs::write("/proc/self/comm", EVIL).expect("a process may name itself");
    let path = OsStr::from_bytes(SOCKET);
    let unix = UnixListener::bind(path).expect("a file name may hold any byte but two");
    (listen(SERVER, 5), unix)
}

/// Fields of all rows under the column `key`.
fn column(csv: &str, key: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let at = header.iter().position(|name| name == key);
    let at = at.unwrap_or_else(|| panic!("no {key} in {header:?}"));
    let records = reader
        .records()
        .map(|record| record.expect("rows of one length"));
    records.map(|record| record[at].to_owned()).collect()
}

#[track_caller]
fn assert_harmless(text: &str) {
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{text:?}");
}

#[test]
fn tables_escape_what_would_steer_a_terminal() {
    in_sealed_netns(|| {
        let _scene = evil_scene();
        for args in [
            &["queues", "--unix"][..],
            &["queues", "--unix", "-v"],
            &["queues", "--watch=0.01", "--count", "2", "--unix"],
            &["queues", "--for", "20ms", "--every", "5ms", "--unix"],
        ] {
            let table = text(args);
            assert_harmless(&table);
            assert!(table.contains("\\x1b[2J\\x07evil"), "{table}");
            assert!(
                table.contains("/run/\\x1b]0;evil\\x07\\x0a\"quoted\""),
                "{table}"
            );
            // The newline in the name makes no row of its own.
            let stray = table.lines().find(|line| line.starts_with("\"quoted"));
            assert_eq!(stray, None, "{table}");
        }
        let (_, output) = Terminal::start(&["queues", "--unix"], (200, 24)).end();
        // It complains of every sequence that moves, clears or rings.
        let screen = Screen::showing(&output, 200, 24);
        let is_told = |line: &String| line.contains("\\x1b[2J\\x07evil");
        assert!(screen.lines().iter().any(is_told), "{output:?}");
        assert!(!output.contains('\x07'));
    });
}

#[test]
fn json_and_csv_hold_names_exactly() {
    in_sealed_netns(|| {
        let _scene = evil_scene();
        let report = json(&["queues", "--unix"]);
        assert_eq!(listener(&report, SERVER)["owners"][0]["name"], EVIL);
        let paths: Vec<&Value> = listeners(&report)
            .iter()
            .map(|listener| &listener["local"]["path"])
            .filter(|path| path.is_string())
            .collect();
        assert_eq!(paths, [&Value::from(socket_name())]);

        let csv = text(&["queues", "--unix", "-o", "csv"]);
        assert!(column(&csv, "local").contains(&socket_name()), "{csv:?}");
        let owners = column(&csv, "owner");
        assert!(
            owners.iter().any(|owner| owner.contains(EVIL)),
            "{owners:?}"
        );
    });
}

/// Clears the screen by a C1 control and turns the direction of what follows, as by 15 bytes at most.
const STEERING: &str = "\x1b[2J\u{9b}2J\u{202e}x";
const STEERING_SOCKET: &str = "/run/\x1b[2J\u{9b}2J\u{202e}\u{61c}\u{e0001}.sock";

#[track_caller]
fn assert_steers_nothing(text: &str) {
    let steers = |c: &char| {
        c.is_control() && !"\r\n".contains(*c) || ['\u{202e}', '\u{61c}', '\u{e0001}'].contains(c)
    };
    assert_eq!(text.chars().find(steers), None, "{text:?}");
}

#[test]
fn what_programs_read_steers_no_terminal_that_shows_it() {
    in_sealed_netns(|| {
        lo_up();
        fs::write("/proc/self/comm", STEERING).expect("a process may name itself");
        let _server = listen(SERVER, 5);
        let _unix = UnixListener::bind(STEERING_SOCKET).expect("a file name");
        for format in ["csv", "prom", "json"] {
            let args = ["queues", "--unix", "-o", format];
            let (status, output) = Terminal::start(&args, (200, 24)).end();
            assert!(status.success(), "{output}");
            assert!(output.contains(".sock"), "{output}");
            assert_steers_nothing(&output);
            if format == "json" {
                let report: Value = serde_json::from_str(&output).expect("JSON");
                assert_eq!(listener(&report, SERVER)["owners"][0]["name"], STEERING);
                let paths = listeners(&report).iter().map(|one| &one["local"]["path"]);
                assert!(paths.into_iter().any(|path| path == STEERING_SOCKET));
            }
            // Into a file or a pipe it stays as it is.
            assert!(text(&args).contains("\u{202e}\u{61c}"), "{format}");
        }
    });
}

#[test]
fn errors_steer_no_terminal() {
    in_sealed_netns(|| {
        lo_up();
        run("ip", &["link", "add", STEERING, "type", "veth"]);
        for args in [
            &["queues", "--netns", STEERING][..],
            &["queues", "--process", STEERING],
            &["queues", "--user", STEERING],
            &["queues", "--columns", STEERING],
            &["queues", STEERING],
            &["queues", "-o", STEERING],
            &["counters", STEERING],
            &["trace", STEERING],
            &["trace", "--host", STEERING],
            &["trace", "--read", STEERING],
            &["trace", "--write", &format!("/no/{STEERING}")],
            // Its error lists the interfaces there are.
            &["trace", "--interface", "none"],
            &[STEERING],
            &["--\u{9b}2J\u{202e}"],
        ] {
            let output = sockdiag(args);
            assert!(!output.status.success(), "{args:?}");
            let said = stderr(&output);
            assert!(said.contains("\\u{202e}"), "{args:?}: {said:?}");
            assert_steers_nothing(&said);
        }
    });
}

#[test]
fn a_process_is_found_by_its_exact_name() {
    in_sealed_netns(|| {
        let _scene = evil_scene();
        assert_eq!(ports(&json(&["queues", "--process", EVIL])), [8080]);
        // Neither a part of it nor what a table shows of it.
        for other in ["evil", "\\x1b[2J\\x07evil"] {
            let output = sockdiag(&["queues", "--process", other]);
            assert_eq!(output.status.code(), Some(1), "{other}");
        }
    });
}

#[test]
fn labels_of_metrics_are_escaped() {
    in_sealed_netns(|| {
        let _scene = evil_scene();
        let metrics = text(&["queues", "--unix", "-o", "prom"]);
        // A label may hold any UTF-8; a backslash, a quote and a newline are escaped.
        let label = socket_name()
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        assert!(metrics.contains(&label), "{metrics:?}");
        for line in metrics.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("SERIES VALUE");
            assert!(value.parse::<f64>().is_ok(), "{line:?}");
            assert!(series.starts_with("sockdiag_"), "{line:?}");
        }
        assert_promtool_accepts(&metrics);
    });
}

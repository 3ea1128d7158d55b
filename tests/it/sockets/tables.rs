//! Tables of sockets on terminals of several widths.

use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::population::Population;
use crate::support::program::{json, text};
use crate::support::scenes::self_connect;
use crate::support::sockets::listen;
use crate::support::terminal::Terminal;
use crate::support::time_waits::connected_pair;
use crate::support::tree::Tree;

/// The header, or as much of it as the terminal has room for, and that no line is longer.
fn header(args: &[&str], columns: u16) -> String {
    let args = [&["sockets", "--color=never"], args].concat();
    let (_, output) = Terminal::start(&args, (columns, 50)).end();
    for line in output.lines() {
        let length = line.trim_end_matches('\r').chars().count();
        assert!(length <= usize::from(columns), "{args:?} {columns}: {line}");
    }
    output
        .lines()
        .next()
        .expect("a header")
        .trim_end()
        .to_owned()
}

#[test]
fn no_line_is_longer_than_the_terminal_is_wide() {
    in_sealed_netns(|| {
        lo_up();
        let folder = Tree::new();
        let _population = (Population::of_internet(), Population::of_unix(&folder));
        let _itself = self_connect("127.0.0.1:4000");
        // First, as a TIME_WAIT lasts a minute.
        assert!(header(&["--timers", "state", "time-wait"], 80).contains("EXPIRES"));
        for flags in [
            &[][..],
            &["--info"],
            &["--mem"],
            &["--timers"],
            &["--command"],
            &["--pairs"],
            &["--pairs", "unix", "tcp"],
            &["--pairs", "--command", "--timers", "--owners", "all"],
            &["--info", "--mem", "--timers", "--command"],
            &["unix"],
            &["all", "--mem"],
        ] {
            for columns in [80, 100, 200] {
                header(flags, columns);
            }
        }
        // What was asked for stays longest.
        assert!(header(&["--info"], 80).contains("RTT"));
        assert!(header(&["--mem"], 80).contains("RCVBUF"));
        let pairs = header(&["--pairs", "sport = :4000"], 80);
        assert!(pairs.contains("LOCAL") && pairs.contains("PEER"), "{pairs}");
    });
}

#[test]
fn both_queues_and_states_share_a_column_on_a_narrow_terminal_alone() {
    in_sealed_netns(|| {
        lo_up();
        let _population = Population::of_internet();
        let narrow = header(&["--pairs", "state", "close-wait"], 80);
        assert!(
            narrow.contains("STATES") && !narrow.contains("P-STATE"),
            "{narrow}"
        );
        let wide = header(&["--pairs", "state", "close-wait"], 200);
        assert!(
            wide.contains(" STATE ") && wide.contains("P-STATE"),
            "{wide}"
        );
        let csv = text(&["sockets", "--pairs", "-o", "csv"]);
        let header = csv.lines().next().expect("a header");
        assert!(
            header.contains(",peer_state,") && !header.contains(",states,"),
            "{header}"
        );
        let csv = text(&["sockets", "-o", "csv"]);
        let header = csv.lines().next().expect("a header");
        assert!(
            header.contains(",peer,") && !header.contains("peer_state"),
            "{header}"
        );
        for (flag, column) in [
            ("--info", ",rtt,"),
            ("--mem", ",receive_limit,"),
            ("--timers", ",backoff,"),
            ("--command", ",command"),
        ] {
            let csv = text(&["sockets", flag, "-o", "csv"]);
            let with = csv.lines().next().expect("a header");
            assert!(with.contains(column), "{flag}: {with}");
            assert!(!header.contains(column), "without {flag}: {header}");
        }
    });
}

#[test]
fn a_column_that_is_named_is_read() {
    in_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        let _pair = connected_pair(&server, |_| Ok(()));
        let args = ["sockets", "tcp", "state", "established", "-o", "csv"];
        for column in ["rtt", "receive_limit", "idle"] {
            let columns = format!("--columns={column}");
            let csv = text(&[&args[..], &[&columns]].concat());
            let rows: Vec<&str> = csv.lines().skip(1).collect();
            assert_eq!(rows.len(), 2, "{csv}");
            assert!(rows.iter().all(|row| !row.ends_with(',')), "{csv}");
        }
        let json = json(&["sockets", "tcp", "--no-owners"]);
        assert!(json["sockets"][0]["tcp_info"].is_null(), "{json:#}");
    });
}

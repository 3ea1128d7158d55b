//! `sockdiag who` in its formats.

use serde_json::json;

use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{json as report, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::sockets::listen;
use crate::support::time_waits::{connected_pair, server_time_waits};
use crate::support::tools::assert_promtool_accepts;

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        server_time_waits(&server, 1);
        let _pair = connected_pair(&server, |_| Ok(()));
        let _unix = std::os::unix::net::UnixStream::pair().expect("a pair");
        let pid = std::process::id().to_string();
        assert_valid(
            "who",
            &[
                &["who", ":8080"],
                &["who", ":8080", "--try"],
                &["who", "192.0.2.1:8080"],
                &["who", ":80", "--as", "65534"],
                &["who", ":9999"],
                &["who", &pid],
                &["who", ":8080", "--owners", "none"],
            ],
        );
        let report = report(&["who", ":8080"]);
        assert_refused("who", &report, &[("/holders/0/kind", json!("server"))]);
    });
}

#[test]
fn the_table_is_a_row_for_each_socket_in_csv_and_a_count_in_metrics() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        let _pair = connected_pair(&server, |_| Ok(()));
        let columns = ["-o", "csv", "--columns", "kind,local,peer"];
        let csv = text(&[&["who", ":8080"], &columns[..]].concat());
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(rows[0], "time,kind,local,peer");
        assert!(rows[1].ends_with(",listener,127.0.0.1:8080,"), "{csv}");
        assert!(
            rows[2].contains(",connection,127.0.0.1:8080,127.0.0.1:"),
            "{csv}"
        );
        let metrics = text(&["who", ":8080", "-o", "prom"]);
        assert!(
            metrics.contains("sockdiag_port_holders{target=\":8080\",kind=\"connection\"} 1\n"),
            "{metrics}"
        );
        assert_promtool_accepts(&metrics);
    });
}

/// Each reason once, below the verdicts.
#[test]
fn a_page_says_why_bind_is_refused() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let page = text(&["who", ":8080"]);
        let lines: Vec<&str> = page.lines().collect();
        let row = lines
            .iter()
            .position(|line| line.starts_with("tcp 0.0.0.0:8080"));
        let row = row.expect("a verdict");
        assert_eq!(
            lines[row]
                .split("  ")
                .filter(|word| !word.is_empty())
                .count(),
            5,
            "{page}"
        );
        let why =
            "  tcp 0.0.0.0:8080: 127.0.0.1:8080 is held by a listener; SO_REUSEADDR has no effect";
        assert!(lines[row + 4].starts_with(why), "{page}");
        assert_eq!(
            text(&["who", "192.0.2.1:8080"])
                .matches("EADDRNOTAVAIL")
                .count(),
            1
        );
    });
}

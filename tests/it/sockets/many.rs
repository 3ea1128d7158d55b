//! More sockets than a table contains.

use crate::support::netns::{in_sealed_netns, lo_up, sysctl};
use crate::support::program::{json, text};
use crate::support::sockets::listen;
use crate::support::time_waits::client_time_waits;

#[test]
fn a_table_says_how_many_it_leaves_out_and_the_other_formats_have_all() {
    in_sealed_netns(|| {
        lo_up();
        sysctl("net/ipv4/tcp_max_tw_buckets", 20_000);
        sysctl("net/ipv4/tcp_tw_reuse", 0);
        let server = listen("127.0.0.1:8080", 5);
        client_time_waits(&server, 10_050);

        let rows = |table: &str| {
            table
                .lines()
                .filter(|line| line.starts_with("tcp "))
                .count()
        };
        let table = text(&["sockets", "tcp"]);
        assert_eq!(rows(&table), 10_000);
        let note = "51 more sockets match; -o csv and -o json write all, a FILTER fewer";
        assert_eq!(table.lines().filter(|line| *line == note).count(), 1);
        let sorted = text(&["sockets", "tcp", "--sort", "local"]);
        assert_eq!(rows(&sorted), 10_051);
        assert!(!sorted.contains("more sockets match"));

        for more in [&[][..], &["--sort", "local"]] {
            let csv = ["sockets", "tcp", "-o", "csv", "--no-header"];
            let csv = text(&[&csv[..], more].concat());
            assert_eq!(csv.lines().count(), 10_051, "{more:?}");
            let report = json(&[&["sockets", "tcp"], more].concat());
            assert_eq!(report["count"], 10_051, "{more:?}");
            assert_eq!(report["states"]["time_wait"], 10_050, "{more:?}");
            let rows = report["sockets"].as_array().map(Vec::len);
            assert_eq!(rows, Some(10_051), "{more:?}");
        }
    });
}

//! `sockdiag states`: its forms say the same, and its table is readable on a terminal.

use serde_json::{Value, json as object};

use crate::support::kernel_parts::note_of_bound;
use crate::support::netns::{in_netns, in_sealed_netns, lo_up};
use crate::support::population::Population;
use crate::support::program::{json, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::screen::Screen;
use crate::support::sockets::listen;
use crate::support::terminal::Terminal;
use crate::support::time_waits::client_time_waits;
use crate::support::tools::assert_promtool_accepts;

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_netns(|| {
        let _population = Population::of_internet();
        assert_valid(
            "states",
            &[
                &["states"],
                &["states", "--by", "unit"],
                &["states", "--by", "process"],
                &["states", "--watch=0.05", "--count", "2"],
                &["states", "--for", "50ms", "--every", "10ms"],
                &["states", "--netns", "all"],
                &["states", "sport", "=", ":1"],
            ],
        );
        let wrong = [
            ("/groups", Value::Null),
            ("/groups/0/states", object!({"open": 1})),
            ("/groups/0/total", object!("many")),
            ("/by", object!("colour")),
        ];
        assert_refused("states", &json(&["states"]), &wrong);
    });
}

#[test]
fn every_form_has_the_same_numbers() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 9);
        client_time_waits(&server, 3);
        let rows = [
            "4 TCP sockets",
            "GROUP      SOCKETS",
            "time_wait        3",
            "listen           1",
        ];
        let table = format!("{}\n{}", rows.join("\n"), note_of_bound());
        assert_eq!(text(&["states"]), table);
        let csv = text(&["states", "-o", "csv", "--columns", "group,total"]);
        assert!(csv.starts_with("time,group,total\n"), "{csv}");
        assert!(csv.contains(",time_wait,3\n"), "{csv}");
        let metrics = text(&["states", "--by", "listener", "-o", "prom"]);
        assert_promtool_accepts(&metrics);
        let line = "key=\"127.0.0.1:8080\",pid=\"\",state=\"listen\"} 1";
        assert!(metrics.contains(line), "{metrics}");
    });
}

#[test]
fn a_table_fits_into_80_columns() {
    in_netns(|| {
        let _population = Population::of_internet();
        for by in ["process", "peer", "listener"] {
            let (status, output) = Terminal::start(&["states", "--by", by], (80, 24)).end();
            assert_eq!(status.code(), Some(0), "{output:?}");
            let screen = Screen::showing(&output, 80, 24);
            assert_eq!(screen.overruns, 0, "{:#?}", screen.lines());
            let lines = screen.lines();
            let title = lines.iter().find(|line| line.contains("CLOSE_WAIT"));
            assert!(
                title.is_some_and(|title| title.contains("ESTAB")),
                "{lines:#?}"
            );
        }
    });
}

#[test]
fn a_namespace_without_sockets_is_empty() {
    in_sealed_netns(|| {
        let report = json(&["states"]);
        assert_eq!(report["total"], 0);
        assert_eq!(report["groups"], object!([]));
        assert!(text(&["states"]).contains("no TCP socket matches"));
    });
}

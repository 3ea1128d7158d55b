//! What a user may type: names and patterns, filters, the flags of `ss`.

use crate::support::helper_process::process_name;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{assert_failed, json, listeners, sockdiag};
use crate::support::sockets::listen;

#[test]
fn a_pattern_finds_processes_and_a_part_of_a_name_is_answered_with_one() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let name = process_name(std::process::id());
        let (part, pattern) = (&name[1..], format!("*{}*", &name[1..]));
        for command in ["queues", "fds"] {
            let report = json(&[command, "--process", &pattern]);
            let rows = report["listeners"]
                .as_array()
                .or(report["processes"].as_array());
            assert_eq!(rows.expect("rows").len(), 1, "{report:#}");
            let output = sockdiag(&[command, "--process", part]);
            let hint = format!("--process '{pattern}' matches {name}");
            assert_failed(&output, 1, &["no such process", &hint]);
            let output = sockdiag(&[command, "--process", "*nosuch*"]);
            assert_failed(&output, 1, &["no such process"]);
        }
    });
}

#[test]
fn a_unit_that_nothing_belongs_to_is_an_error() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        assert_eq!(listeners(&json(&["queues"])).len(), 1);
        for command in ["queues", "fds"] {
            let output = sockdiag(&[command, "--unit", "nosuch"]);
            assert_failed(&output, 1, &["--unit nosuch: no such unit"]);
        }
    });
}

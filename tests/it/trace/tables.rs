//! `sockdiag trace`: tables and comma-separated values.

use crate::support::capture::{ACK, RST};
use crate::support::capture_file::{Order, pcap, refused_handshakes_file};
use crate::support::forged::Forged;
use crate::support::program::{assert_failed, sockdiag, text};
use crate::support::scenes::{CLIENT, SERVER};
use crate::support::tree::Tree;

#[test]
fn the_table_has_a_line_for_each_handshake_and_the_summary_below() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 3);
    let table = text(&["trace", "--read", &file]);
    let lines: Vec<_> = table
        .lines()
        .filter(|line| line.contains("10.7.0.2:500"))
        .collect();
    assert_eq!(lines.len(), 3, "{table}");
    for line in lines {
        assert!(line.contains("10.7.0.1:8080"), "{line}");
        assert!(line.contains("refused"), "{line}");
    }
    let alone = text(&["trace", "--read", &file, "--summary"]);
    assert!(!alone.contains("10.7.0.2:500"), "{alone}");
    for word in ["refused", "3"] {
        assert!(alone.contains(word), "{alone}");
    }
    // No colour and no cursor movements into a pipe.
    assert!(!table.contains('\x1b'), "{table:?}");
    let coloured = text(&["trace", "--read", &file, "--color", "always"]);
    assert!(coloured.contains('\x1b'), "{coloured:?}");
}

#[test]
fn verbose_lines_tell_what_was_offered() {
    let tree = Tree::new();
    let mut syn = Forged::syn(CLIENT, SERVER);
    // The largest segment is 1234 bytes.
    syn.options = vec![2, 4, 0x04, 0xd2];
    let refusal = syn.answer(RST | ACK);
    let packets = [(0, syn.frame(2, 1, &[])), (1000, refusal.frame(1, 2, &[]))];
    tree.write("capture.pcap", pcap(Order::Little, 1_000_000, 1, &packets));
    let file = format!("{}/capture.pcap", tree.path());
    assert!(text(&["trace", "--read", &file, "-v"]).contains("1234"));
    assert!(!text(&["trace", "--read", &file]).contains("1234"));
}

#[test]
fn comma_separated_values_have_a_line_for_each_handshake() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 3);
    let text_of = |args: &[&str]| text(&[&["trace", "--read", &file, "-o", "csv"], args].concat());
    let with_header = text_of(&[]);
    let mut reader = csv::Reader::from_reader(with_header.as_bytes());
    let columns = reader.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 3, "{with_header}");
    let outcome = columns.iter().position(|name| name == "outcome");
    let outcome = outcome.unwrap_or_else(|| panic!("no outcome in {columns:?}"));
    assert!(
        rows.iter().all(|row| &row[outcome] == "refused"),
        "{rows:?}"
    );
    assert_eq!(text_of(&["--no-header"]).lines().count(), 3);
    assert_eq!(text_of(&[":9"]).lines().count(), 1, "the header alone");
    assert_eq!(text_of(&[":9", "--no-header"]), "");
}

#[test]
fn columns_are_chosen_by_name_and_listed_on_request() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 1);
    let help = text(&["trace", "--columns", "help"]);
    assert!(help.contains("outcome"), "{help}");
    let args = [
        "trace",
        "--read",
        &file,
        "--columns",
        "outcome",
        "-o",
        "csv",
    ];
    let csv = text(&args);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("time,outcome"));
    assert!(lines.next().is_some_and(|line| line.ends_with("Z,refused")));
    assert_eq!(lines.next(), None);
}

#[test]
fn findings_precede_the_summary_and_name_each_failure_once() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 3);
    let summary = text(&["trace", "--read", &file, "--summary"]);
    let mut lines = summary.lines();
    assert_eq!(
        lines.next(),
        Some(
            "warning: 10.7.0.1:8080: refused 3 of 3 handshakes (nobody listens there, or a \
             firewall rejects it); next: sockdiag trace --failed :8080"
        )
    );
    assert!(
        lines
            .next()
            .is_some_and(|line| line.contains(" packets in "))
    );
    assert_eq!(summary.matches("firewall").count(), 1, "{summary}");
}

#[test]
fn quiet_keeps_conclusions_and_twice_quiet_leaves_out_the_summary() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 1);
    let lines = |more: &[&str]| {
        let args = ["trace", "--read", &file, "-n", "--no-header"];
        text(&[&args[..], more].concat())
    };
    let quiet = lines(&["-q"]);
    assert!(
        quiet.contains("warning: 10.7.0.1:8080: refused 1 of 1"),
        "{quiet}"
    );
    assert!(quiet.contains(" packets in "), "{quiet}");
    assert_eq!(lines(&["-qq"]).lines().count(), 1);
    let output = sockdiag(&["trace", "--read", &file, "-qq", "--summary"]);
    assert_failed(&output, 2, &["-qq"]);
}

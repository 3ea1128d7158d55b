//! What a terminal shows while the program waits, and how a trace fits it.

use std::net::TcpStream;

use crate::support::capture::{ACK, RST};
use crate::support::capture_file::{Order, pcap, refused_handshakes_file};
use crate::support::forged::Forged;
use crate::support::netns::{in_netns, lo_up};
use crate::support::screen::Screen;
use crate::support::terminal::Terminal;
use crate::support::tree::Tree;

/// The lines that a run leaves on a terminal of this size.
fn left(args: &[&str], size: (u16, u16)) -> Vec<String> {
    let (status, output) = Terminal::start(args, size).end();
    assert_eq!(status.code(), Some(0), "{output:?}");
    Screen::showing(&output, size.0.into(), size.1.into()).lines()
}

#[test]
fn sampling_shows_how_far_it_is_and_leaves_nothing_behind() {
    in_netns(|| {
        lo_up();
        let args = ["queues", "--for", "1.2", "--every", "0.1"];
        let mut terminal = Terminal::start(&args, (80, 24));
        terminal.until("progress", |screen| {
            let line = &screen.lines()[0];
            line.starts_with("sampling: ") && !line.contains("(1 taken)")
        });
        let (status, output) = terminal.end();
        assert_eq!(status.code(), Some(0), "{output:?}");
        let lines = Screen::showing(&output, 80, 24).lines();
        assert_eq!(lines[0], "no listeners here", "{lines:#?}");

        let mut terminal = Terminal::start(&["queues", "--for", "1h"], (80, 24));
        let begun = |screen: &Screen| screen.lines()[0].starts_with("sampling: 0s of 3600s");
        terminal.until("progress", begun);
        terminal.type_in("\x03");
        let (status, output) = terminal.end();
        assert_eq!(status.code(), Some(0), "{output:?}");
        let lines = Screen::showing(&output, 80, 24).lines();
        // Nor the `^C` that the terminal wrote.
        assert_eq!(lines[0], "no listeners here", "{lines:#?}");
    });
}

#[test]
fn a_trace_shows_that_it_captures() {
    in_netns(|| {
        lo_up();
        let mut terminal = Terminal::start(&["trace"], (80, 24));
        terminal.until("progress", |screen| {
            screen.lines()[0].starts_with("capturing on all interfaces: ")
        });
        TcpStream::connect("127.0.0.1:9").expect_err("nobody listens there");
        terminal.until("the handshake, and progress below", |screen| {
            let lines = screen.lines();
            let is_row = |line: &String| line.contains("127.0.0.1:9") && line.contains("refused");
            let row = lines.iter().position(is_row);
            row.is_some_and(|row| {
                lines[row..]
                    .iter()
                    .any(|line| line.contains(", handshakes: 1"))
            })
        });
        terminal.type_in("\x03");
        let (status, output) = terminal.end();
        assert_eq!(status.code(), Some(0), "{output:?}");
        let lines = Screen::showing(&output, 80, 24).lines();
        assert!(lines[0].starts_with("TIME "), "{lines:#?}");
        assert!(
            !lines
                .iter()
                .any(|line| line.contains("^C") || line.contains("capturing")),
            "{lines:#?}"
        );
    });
}

#[test]
fn a_summary_grows_on_the_screen() {
    in_netns(|| {
        lo_up();
        let mut terminal = Terminal::start(&["trace", "--summary"], (80, 24));
        terminal.until("an empty table", |screen| {
            let lines = screen.lines();
            lines[0].starts_with("sockdiag trace --summary ") && lines[2].contains("no handshake")
        });
        TcpStream::connect("127.0.0.1:9").expect_err("nobody listens there");
        terminal.until("the server", |screen| {
            let lines = screen.lines();
            lines[3].starts_with("127.0.0.1:9  refused      1  ")
        });
        terminal.type_in("q");
        let (status, output) = terminal.end();
        assert_eq!(status.code(), Some(0), "{output:?}");
        let screen = Screen::showing(&output, 80, 24);
        assert!(!screen.alternate && screen.cursor);
        assert!(output.contains(" packets in "), "{output:?}");
    });
}

#[test]
fn a_failure_takes_one_line_of_120_columns() {
    let tree = Tree::new();
    let file = refused_handshakes_file(&tree, 3);
    let lines = left(&["trace", "--read", &file, "-qq"], (120, 24));
    for line in &lines[1..4] {
        assert!(
            line.contains("refused") && line.contains("firewall"),
            "{lines:#?}"
        );
    }
    assert_eq!(lines[4], "", "{lines:#?}");
}

#[test]
fn long_addresses_keep_their_ends_and_the_header_is_not_repeated() {
    let tree = Tree::new();
    let mut packets = Vec::new();
    let addresses = [
        ("10.7.0.2:5001", "10.7.0.1:8080"),
        (
            "[fd12:3456:789a:bcde:f012:3456:789a:2]:50001",
            "[fd12:3456:789a:bcde:f012:3456:789a:9]:65535",
        ),
        ("10.7.0.2:5002", "10.7.0.1:8080"),
    ];
    for (number, (client, server)) in addresses.iter().enumerate() {
        let syn = Forged::syn(client, server);
        let refusal = Forged {
            sequence: 0,
            ..syn.answer(RST | ACK)
        };
        let time = 1_763_647_200_000_000_000 + number as u64 * 1_000_000_000;
        packets.push((time, syn.frame(2, 1, &[])));
        packets.push((time + 50_000, refusal.frame(1, 2, &[])));
    }
    tree.write("capture.pcap", pcap(Order::Little, 1_000_000, 1, &packets));
    let file = format!("{}/capture.pcap", tree.path());
    let lines = left(&["trace", "--read", &file, "-qq"], (80, 24));
    let row = lines
        .iter()
        .find(|line| line.contains("[fd12"))
        .expect("a row");
    for part in ["[fd12:", "…", ":2]:50001", ":9]:65535", "refused"] {
        assert!(row.contains(part), "no {part} in {row}");
    }
    // At 200 columns there is room for every column, however wide.
    let lines = left(&["trace", "--read", &file, "-qq"], (200, 24));
    assert!(
        lines.iter().any(|line| line.contains(addresses[1].0)),
        "{lines:#?}"
    );
    let heads = lines.iter().filter(|line| line.contains("CLIENT"));
    assert_eq!(heads.count(), 1, "{lines:#?}");
}

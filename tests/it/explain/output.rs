//! `sockdiag explain`: what it prints, in a terminal and for programs.

use serde_json::{Value, json as object};

use crate::support::netns::{in_netns, in_sealed_netns, run, sysctl};
use crate::support::program::{json, reports, sockdiag, stderr, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::terminal::Terminal;
use crate::support::unanswered::{syn_flood, unanswered_syns};

fn live<'a>(article: &'a Value, name: &str) -> &'a Value {
    let numbers = article["live"].as_array().expect("a list");
    let number = numbers.iter().find(|number| number["name"] == name);
    number.unwrap_or_else(|| panic!("no {name}: {article:#}"))
}

#[test]
fn both_queues_are_drawn_with_the_lengths_of_today() {
    in_netns(|| {
        unanswered_syns();
        let server = listen("10.9.0.1:8080", 9);
        syn_flood("10.9.0.1:8080", 3);
        let _waiting = fill_accept_queue(&server, 10);
        for term in ["queues", "accept queue", "backlog", "SYN queue"] {
            let article = json(&["explain", term]);
            assert_eq!(article["schema"], "sockdiag/explain/v1");
            if term != "backlog" {
                let accept = live(&article, "accept queue of 10.9.0.1:8080");
                assert_eq!(
                    (&accept["value"], &accept["limit"]),
                    (&object!(10), &object!(9))
                );
                let syn = live(&article, "SYN queue of 10.9.0.1:8080");
                assert_eq!((&syn["value"], &syn["limit"]), (&object!(3), &object!(9)));
            }
        }
        let page = text(&["explain", "queues"]);
        let line = page
            .lines()
            .find(|line| line.contains("accept queue of"))
            .expect(&page);
        assert!(line.ends_with("10 of 9  [####################]"), "{line}");
        let line = page
            .lines()
            .find(|line| line.contains("SYN queue of"))
            .expect(&page);
        assert!(line.ends_with("3 of 9  [######..............]"), "{line}");
    });
}

#[test]
fn counters_and_sysctls_have_their_values_here() {
    in_netns(|| {
        unanswered_syns();
        let before = json(&["explain", "ListenOverflows"]);
        assert_eq!(live(&before, "TcpExtListenOverflows")["value"], 0);
        let server = listen("10.9.0.1:8080", 1);
        let _waiting = fill_accept_queue(&server, 2);
        syn_flood("10.9.0.1:8080", 4);
        let after = json(&["explain", "times the listen queue of a socket overflowed"]);
        assert_eq!(live(&after, "TcpExtListenOverflows")["value"], 4);

        sysctl("net/core/somaxconn", "77");
        let article = json(&["explain", "somaxconn"]);
        assert_eq!(live(&article, "net.core.somaxconn")["value"], 77);
        assert!(text(&["explain", "somaxconn"]).ends_with("net.core.somaxconn  77\n"));
        // It is gone since 4.12.
        let article = json(&["explain", "tcp_tw_recycle"]);
        assert_eq!(
            live(&article, "net.ipv4.tcp_tw_recycle")["value"],
            Value::Null
        );
        assert!(text(&["explain", "tcp_tw_recycle"]).contains("not present here"));
    });
}

#[test]
fn a_number_that_cannot_be_read_keeps_nobody_from_the_text() {
    in_sealed_netns(|| {
        // The memory of a process that has ended.
        let file = "/proc/sys/net/core/somaxconn";
        run("mount", &["--bind", "/proc/self/mem", file]);
        let page = text(&["explain", "somaxconn"]);
        assert!(
            page.starts_with("Upper limit of listen() backlogs"),
            "{page}"
        );
        let last = page.lines().last().expect("a line");
        assert!(
            last.starts_with("  not read: net.core.somaxconn: "),
            "{page}"
        );
        let article = json(&["explain", "somaxconn"]);
        assert_eq!(article["live"], object!([]));
        assert_eq!(article["incomplete"][0]["what"], "net.core.somaxconn");
    });
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    let commands = [
        &["explain"][..],
        &["explain", "queues"],
        &["explain", "TIME_WAIT"],
        &["explain", "ListenDrops"],
        &["explain", "ip_local_port_range"],
        &["explain", "--list", "findings"],
        &["explain", "--search", "queue"],
    ];
    assert_valid("explain", &commands);
    let wrong = [
        ("/term", object!(null)),
        ("/kind", object!("song")),
        ("/live", object!(null)),
        ("/see_also", object!("queues")),
    ];
    assert_refused("explain", &json(&["explain", "somaxconn"]), &wrong);
}

#[test]
fn a_pipe_gets_plain_lines_without_markdown() {
    for term in [
        "queues",
        "handshake",
        "TIME_WAIT",
        "ListenDrops",
        "column state",
        "limits.conf",
    ] {
        let page = text(&["explain", term]);
        for line in page.lines() {
            assert!(line.chars().count() <= 88, "{line}");
            assert!(
                !line.contains(['`', '\x1b']) && !line.starts_with('#'),
                "{line}"
            );
            assert_eq!(line, line.trim_end(), "{term}");
        }
    }
    assert!(text(&["explain", "queues", "--color", "always"]).starts_with("\x1b[1mThe two queues"));
}

#[test]
fn a_narrow_terminal_cuts_no_word() {
    let (status, screen) = Terminal::start(&["explain", "TIME_WAIT"], (60, 100)).end();
    assert!(status.success());
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    assert!(
        lines
            .iter()
            .all(|line| line.chars().count() <= 60 + "\x1b[1m\x1b[0m".len()),
        "{screen}"
    );
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let wide = text(&["explain", "TIME_WAIT"]);
    let first = wide.split("\n\n").nth(1).expect("a paragraph").to_owned();
    assert!(
        words(&screen)
            .windows(words(&first).len())
            .any(|part| part == words(&first)),
        "{screen}"
    );
}

#[test]
fn a_misspelt_term_is_answered_with_those_near_it() {
    for (term, near) in [
        ("ListenOverflaws", "TcpExtListenOverflows"),
        ("tcp_syncokies", "net.ipv4.tcp_syncookies"),
        ("TIME_WAIL", "time_wait"),
        ("keepali", "keepalive"),
    ] {
        let output = sockdiag(&["explain", term]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(output.stdout.is_empty());
        assert!(
            said.starts_with(&format!("sockdiag: no article on {term:?}; did you mean ")),
            "{said}"
        );
        assert!(said.contains(near), "{said}");
    }
    let output = sockdiag(&["explain", "qqqqqqqqqq\x1b[31m"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!stderr(&output).contains('\x1b'));
}

#[test]
fn lists_are_of_a_kind_or_of_what_a_search_finds() {
    let index = text(&["explain"]);
    for kind in [
        "terms (",
        "states (",
        "findings (",
        "sysctls (",
        "counters (",
        "columns (",
    ] {
        assert!(index.contains(kind), "{index}");
    }
    let all = text(&["explain", "--list"]);
    let counters = text(&["explain", "--list", "counters"]);
    assert!(all.contains(&counters.lines().next().expect("a counter")[..20]));
    assert!(counters.lines().count() > 400);
    let kinds = reports(&["explain", "--list", "states"]);
    assert!(kinds.iter().all(|article| article["kind"] == "state"));
    assert!(!kinds.is_empty());
    let found = text(&["explain", "--search", "nat", "idle"]);
    assert!(found.contains("stale-connection"), "{found}");
    let nothing = sockdiag(&["explain", "--search", "xyzzy"]);
    assert_eq!(nothing.status.code(), Some(1));
    for wrong in [
        &["explain", "--list", "songs"][..],
        &["explain", "queues", "--list"],
    ] {
        assert_eq!(sockdiag(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

//! The program as others run it: flags, exit codes, pipes and signals.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::helper_process::process_name;
use crate::support::netns::{in_netns, lo_up};
use crate::support::program::{command, finish, sockdiag, stderr, text};
use crate::support::sockets::listen;
use crate::support::wait::wait_until;

/// Asserts that a run failed with `code`, said nothing on stdout and one thing on stderr.
#[track_caller]
fn assert_refused(args: &[&str], code: i32, reasons: &[&str]) {
    let output = sockdiag(args);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?} wrote on stdout");
    assert!(said.starts_with("sockdiag: "), "{args:?}: {said}");
    for reason in reasons {
        assert!(
            said.contains(reason),
            "{args:?} does not say {reason}: {said}"
        );
    }
}

fn assert_clean(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    assert_eq!(stderr(output), "");
}

#[test]
fn version_and_help_are_answers() {
    let version = sockdiag(&["--version"]);
    assert_clean(&version);
    let line = String::from_utf8(version.stdout).expect("UTF-8");
    assert_eq!(line, concat!("sockdiag ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = text(&["--help"]);
    for command in ["queues", "counters", "completions", "schema"] {
        assert!(help.contains(command), "{help}");
    }
    assert!(text(&["queues", "--help"]).contains("--watch"));
}

#[test]
fn short_flags_are_those_that_fingers_type() {
    in_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let lines = text(&["queues", "-n", "-w0.05", "-c2", "-o", "json", ":8080"]);
        assert_eq!(lines.matches("\"port\":8080").count(), 2, "{lines}");
        assert_eq!(lines.lines().count(), 2, "{lines}");
    });
}

#[test]
fn every_report_describes_itself_and_accepts_n() {
    let reports = text(&["schema"]);
    assert!(reports.lines().count() >= 6, "{reports}");
    for name in reports.lines() {
        let schema = text(&["schema", name]);
        assert!(
            schema.contains(&format!("\"title\": \"sockdiag/{name}/v1\"")),
            "{schema}"
        );
        assert!(text(&["man", name]).contains(".SH EXAMPLES"), "{name}");
        if ["explain", "doctor", "check"].contains(&name) {
            continue; // They print no table.
        }
        let columns = text(&[name, "--columns", "help"]);
        assert!(columns.lines().count() > 10, "{columns}");
        assert_eq!(
            columns,
            text(&[name, "-n", "-o", "csv", "--columns", "help"])
        );
    }
}

#[test]
fn a_bare_number_is_seconds() {
    let sampled = text(&["counters", "--for", "0.2", "--every", "0.05", "--json"]);
    let sampled: Value = serde_json::from_str(&sampled).expect("JSON");
    let elapsed = sampled["elapsed_ms"].as_u64().expect("a number");
    assert!((100..5000).contains(&elapsed), "{elapsed} ms");
    let reason = "as 250ms, 10s or 1h; a bare number is seconds";
    assert_refused(&["queues", "--for", "soon"], 2, &["--for", reason]);
    assert_refused(&["trace", "--slow", "0"], 2, &["--slow", reason]);
    assert_refused(
        &["trace", "--port", "no-such-service"],
        2,
        &["a number from 1 to 65535"],
    );
}

#[test]
fn completions_and_man_pages_are_printed() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&["completions", shell]);
        assert!(script.contains("SOCKDIAG_COMPLETE"), "{shell}: {script}");
    }
    assert!(text(&["man"]).contains(".TH sockdiag"));
    assert!(text(&["man", "queues"]).contains("somaxconn"));
    assert_refused(&["completions", "tcsh"], 2, &["tcsh"]);
}

/// What a shell offers for the last word.
fn candidates(words: &[&str]) -> Vec<String> {
    let mut asked = command(&["--", "sockdiag"]);
    asked.args(words).env("SOCKDIAG_COMPLETE", "fish");
    let output = finish(asked.stdout(Stdio::piped()));
    assert_clean(&output);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let value = |line: &str| line.split('\t').next().expect("a value").to_owned();
    text.lines().map(value).collect()
}

#[test]
fn a_shell_is_offered_flags_and_values() {
    in_netns(|| {
        lo_up();
        let name = process_name(std::process::id());
        let (pid, me) = (std::process::id().to_string(), name.as_str());
        for (words, offered) in [
            (&["qu"][..], "queues"),
            (&["queues", "--no-o"], "--no-owners"),
            (&["queues", "--sort", "fi"], "fill"),
            (&["ports", "--columns", "source,de"], "source,destination"),
            (&["trace", "--columns", "outc"], "outcome"),
            (&["counters", "ListenOver"], "ListenOverflows"),
            (&["counters", "accept_"], "accept_queue"),
            (&["trace", "--interface", "l"], "lo"),
            (&["queues", "--netns", "al"], "all"),
            (&["queues", "--process", &name[..3]], me),
            (&["queues", "--user", "roo"], "root"),
            (&["fds", "--pid", ""], &pid),
            (&["schema", "ti"], "timewait"),
            (&["explain", "net.core.soma"], "net.core.somaxconn"),
            (&["explain", "accept-q"], "accept-queue"),
            (&["check", "que"], "queues"),
            (
                &["check", "--fail-on", "accept_queue_o"],
                "accept_queue_overflow",
            ),
        ] {
            let found = candidates(words);
            assert!(
                found.iter().any(|value| value == offered),
                "{words:?}: {found:?}"
            );
        }
        assert!(candidates(&["fds", "--sort", "fill"]).is_empty());
        // check refuses the ids of handshakes, which only trace finds.
        assert!(candidates(&["check", "--fail-on", "handshakes_"]).is_empty());
    });
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_wrong() {
    for (args, reasons) in [
        (&["queues", "--no-such-flag"][..], &["--no-such-flag"][..]),
        (&["no-such-command"], &["no-such-command"]),
        (&["queues", "-o", "xml"], &["xml", "json"]),
        (&["queues", "--watch=fast"], &["fast"]),
        (&["queues", "--watch=0"], &["0"]),
        (&["queues", "--watch=-1"], &["-1"]),
        (&["queues", "--for", "soon"], &["soon"]),
        (&["queues", "--sort", "beauty"], &["beauty"]),
        (&["queues", "--columns", "beauty"], &["beauty"]),
        (&["schema", "beauty"], &["beauty"]),
    ] {
        assert_refused(args, 2, reasons);
    }
}

#[test]
fn watch_with_a_space_is_answered_with_the_right_spelling() {
    assert_refused(&["queues", "--watch", "2"], 2, &["--watch=2"]);
    assert_refused(&["counters", "--watch", "0.5"], 2, &["--watch=0.5"]);
}

#[test]
fn a_malformed_filter_is_shown_with_a_caret_under_the_place() {
    let filter = ":80x80";
    let output = sockdiag(&["queues", filter]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    let lines: Vec<_> = said.lines().collect();
    let caret = lines
        .iter()
        .position(|line| line.trim() == "^")
        .unwrap_or_else(|| panic!("no caret in {said}"));
    let shown = lines[caret - 1].find(filter).expect("the filter above it");
    let column = lines[caret].find('^').expect("a caret") - shown;
    // Under the port or under what is no digit of it.
    assert!([1, 3].contains(&column), "{said}");
}

#[test]
fn what_does_not_exist_is_named() {
    for args in [
        ["queues", "--netns", "no-such-namespace"],
        ["counters", "--netns", "no-such-namespace"],
        ["queues", "--netns", "/no/such/namespace"],
        // Above the highest process id there can be.
        ["queues", "--netns", "4194305"],
        ["counters", "--netns", "4194305"],
    ] {
        assert_refused(&args, 1, &[args[2]]);
    }
    for args in [
        ["queues", "--process", "no-such-process"],
        ["queues", "--process", "4194305"],
        ["queues", "--user", "no-such-user"],
    ] {
        assert_refused(&args, 1, &[args[2]]);
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    in_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        for args in [
            &["queues", "--watch=0.02", "--json"][..],
            &["queues", "--watch=0.02"],
            &["counters", "--all", "--watch=0.02"],
        ] {
            let mut child = command(args)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts");
            let stdout = child.stdout.take().expect("stdout is piped");
            let mut line = String::new();
            BufReader::new(stdout)
                .read_line(&mut line)
                .expect("a line can be read");
            assert!(!line.is_empty(), "{args:?}");
            // The pipe is closed now, as by `head -1`.
            wait_until("it has noticed", || {
                child.try_wait().expect("it is ours").is_some()
            });
            assert_clean(&child.wait_with_output().expect("its stderr can be read"));
        }
    });
}

#[test]
fn a_full_disk_is_a_failure_that_is_told_once() {
    in_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        for args in [
            &["queues"][..],
            &["queues", "--json"],
            &["queues", "-o", "csv"],
            &["counters", "--all", "-o", "prom"],
            &["schema", "queues"],
            &["completions", "bash"],
        ] {
            let full = File::options()
                .write(true)
                .open("/dev/full")
                .expect("/dev/full");
            let output = finish(command(args).stdout(full));
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
            assert!(said.starts_with("sockdiag: "), "{args:?}: {said}");
            assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
            assert!(said.contains("No space left on device"), "{said}");
        }
    });
}

#[test]
fn a_watch_ends_with_a_signal() {
    in_netns(|| {
        let mut child = command(&["queues", "--watch=30", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout.read_line(&mut String::new()).expect("a reading");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is ours");
        // Not only after the thirty seconds.
        wait_until("it has ended", || {
            child.try_wait().expect("it is ours").is_some()
        });
        let output = child.wait_with_output().expect("its stderr can be read");
        let (code, signal) = (output.status.code(), output.status.signal());
        assert!(
            code == Some(0) || code == Some(143) || signal == Some(15),
            "{}",
            output.status
        );
        assert_eq!(stderr(&output), "");
    });
}

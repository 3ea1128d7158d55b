//! Standard streams that cannot be written.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::netns::{in_netns, lo_up};
use crate::support::program::{PROGRAM, assert_failed, command, finish};
use crate::support::terminal::end_by_hang_up;

fn full() -> File {
    let full = File::options().write(true).open("/dev/full");
    full.expect("/dev/full")
}

#[test]
fn exit_codes_are_true_where_stderr_is_full() {
    for (args, code) in [
        (&["--version"][..], 0),
        (&["queues", "--no-such-flag"], 2),
        (&["queues", "--columns", "beauty"], 2),
        (&["queues", "--netns", "no-such-namespace"], 1),
    ] {
        let status = command(args)
            .stdout(Stdio::null())
            .stderr(full())
            .status()
            .expect("the program starts");
        assert_eq!(status.code(), Some(code), "{args:?}: {status}");
    }
}

#[test]
fn both_streams_may_be_full() {
    let status = command(&["counters", "--all"])
        .stdout(full())
        .stderr(full())
        .status();
    assert_eq!(status.expect("the program starts").code(), Some(1));
}

#[test]
fn a_terminal_that_hangs_up_is_a_failure_and_no_crash() {
    in_netns(|| {
        lo_up();
        for args in [
            &["queues", "--watch=0.02"][..],
            &["counters", "--all", "--watch=30"],
            &["counters", "--for", "60s"],
            &["trace"],
            &["trace", "--summary"],
        ] {
            let status = end_by_hang_up(args);
            assert_eq!(status.code(), Some(1), "{args:?}: {status}");
        }
    });
}

#[test]
fn a_standard_output_that_is_closed_or_not_for_writing_is_a_failure() {
    for redirection in [">&-", "<&- >&-", "1</dev/null"] {
        for args in ["counters --all", "schema queues", "--version", "--help", ""] {
            let script = format!("exec {PROGRAM} {args} {redirection}");
            let output = finish(Command::new("sh").args(["-c", &script]).stdout(full()));
            assert_failed(&output, 1, &["writing to stdout: Bad file descriptor"]);
        }
        let wrong = format!("exec {PROGRAM} counters --no-such-flag {redirection}");
        let output = finish(Command::new("sh").args(["-c", &wrong]));
        assert_failed(&output, 2, &["--no-such-flag"]);
    }
}

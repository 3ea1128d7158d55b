//! Command lines of owners: read where asked for, from whatever a process made of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json as value};

use crate::support::netns::{in_netns_of_root, in_sealed_netns, lo_up};
use crate::support::processes::process_status;
use crate::support::program::{assert_failed, json, sockdiag, text};
use crate::support::sockets::listen;
use crate::support::users::{EACH_PROC, as_nobody};
use crate::support::wait::wait_until;

/// `cat`, which inherits a listener, with another name for itself as its first argument.
struct Holder(Child);

impl Holder {
    fn new(argument: impl AsRef<OsStr>) -> Holder {
        let socket = listen("127.0.0.1:8080", 5);
        socket.set_cloexec(false).expect("a flag");
        let mut command = Command::new("cat");
        let child = command.arg0(argument).arg("-").stdin(Stdio::piped());
        let child = child.spawn().expect("cat");
        let holder = Holder(child);
        wait_until("it runs cat", || {
            process_status(holder.0.id(), "Name") == "cat"
        });
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const EVIL: &str = "\x1b[2J\x07evil \"a,b\"";

#[test]
fn the_command_line_of_the_owner_is_in_every_format() {
    in_sealed_netns(|| {
        lo_up();
        let holder = Holder::new(EVIL);
        let row = |more: &[&str]| {
            let report = json(&[&["sockets", "tcp"], more].concat());
            report["sockets"][0].clone()
        };
        assert_eq!(row(&[])["command_lines"], Value::Null, "not asked for");
        let line = format!("{EVIL} -");
        let expected = value!([{"pid": holder.0.id(), "command_line": line}]);
        assert_eq!(row(&["--command"])["command_lines"], expected);
        assert_eq!(
            row(&["--command", "--owners", "all"])["command_lines"],
            expected
        );

        let table = text(&["sockets", "tcp", "--command"]);
        assert!(
            table
                .lines()
                .next()
                .unwrap_or_default()
                .ends_with("COMMAND"),
            "{table}"
        );
        assert!(table.contains("\\x1b[2J\\x07evil \"a,b\" -\n"), "{table}");
        assert!(!table.contains('\x1b'), "{table}");
        for columns in ["--columns=local,command", "--columns=local,COMMAND"] {
            let table = text(&["sockets", "tcp", columns]);
            assert!(table.contains("\\x1b[2J\\x07evil \"a,b\" -\n"), "{table}");
        }
        let csv = text(&[
            "sockets",
            "tcp",
            "-o",
            "csv",
            "--columns=command",
            "--no-header",
        ]);
        assert!(
            csv.ends_with(",\"\x1b[2J\x07evil \"\"a,b\"\" -\"\n"),
            "{csv:?}"
        );
        let csv = text(&["sockets", "tcp", "-o", "csv"]);
        assert!(!csv.contains("evil"), "not asked for: {csv}");
        let output = sockdiag(&["sockets", "--command", "--no-owners"]);
        assert_failed(&output, 2, &["--no-owners"]);
    });
}

/// The command line of the one owner of the one socket.
fn command_line() -> String {
    let report = json(&["sockets", "tcp", "--command"]);
    let line = &report["sockets"][0]["command_lines"][0]["command_line"];
    line.as_str().expect("a command line").to_owned()
}

#[test]
fn a_long_command_line_is_cut_between_characters() {
    in_sealed_netns(|| {
        lo_up();
        for (first, kept) in [("", 8192), ("x", 8191)] {
            let _holder = Holder::new(format!("{first}{}", "é".repeat(20_000)));
            assert_eq!(command_line(), format!("{first}{}", "é".repeat(kept)));
        }
    });
}

#[test]
fn bytes_of_a_command_line_that_are_not_text_are_replaced() {
    in_sealed_netns(|| {
        lo_up();
        let _holder = Holder::new(OsStr::from_bytes(b"a\xff\xc3b\xe2\x82"));
        assert_eq!(command_line(), "a\u{fffd}\u{fffd}b\u{fffd} -");
    });
}

/// With hidepid=1 others are listed, and nothing of them may be read.
#[test]
fn a_command_line_that_may_not_be_read_is_missing() {
    in_netns_of_root(|| {
        lo_up();
        let _holder = Holder::new("cat");
        for first in EACH_PROC {
            let output = as_nobody(first, &["sockets", "tcp", "--command", "--json"]);
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let row = &report["sockets"][0];
            assert_eq!(row["owners"], value!([]), "{first}");
            assert_eq!(row["command_lines"], value!([]), "{first}");
        }
    });
}

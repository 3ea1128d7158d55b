//! `sockdiag check`: whatever it cannot answer is UNKNOWN.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::netns::{in_netns_of_root, in_sealed_netns, lo_up, run};
use crate::support::program::{assert_failed, command, finish, sockdiag, stderr, text};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tree::Tree;
use crate::support::users::program_for_all;

#[test]
fn wrong_usage_is_unknown() {
    for (args, reasons) in [
        (&["check", "--no-such-flag"][..], &["--no-such-flag"][..]),
        (
            &["check", "quues"],
            &["no check \"quues\"", "did you mean queues?"],
        ),
        (&["check", "beauty"], &["the checks are queues, drops"]),
        (
            &["check", "queues", "-c", "20:10"],
            &["START must not be greater than END"],
        ),
        (
            &["check", "queues", "-w", "ten"],
            &["expected [@][START:][END]"],
        ),
        (
            &["check", "timewait", "-c", "5/s"],
            &["5/s is for no metric of timewait"],
        ),
        (
            &["check", "queues", "ports", "-c", "5/s"],
            &["5/s is for no metric of these checks"],
        ),
        (
            &["check", "timewait", "--port", "80"],
            &["timewait cannot be restricted to port 80"],
        ),
        (&["check", "counters", "-c", "0"], &["name a counter"]),
        (
            &["check", "counters", "ListenDrops"],
            &["needs a threshold"],
        ),
        (
            &["check", "counters", "ListenDrops", "-c", "0%"],
            &["0% is for no metric of counters"],
        ),
        (
            &["check", "counters", "ListenDrups", "-c", "0"],
            &["did you mean ListenDrops?"],
        ),
        (&["check", "--fail-on", "no_such_id"], &["no_such_id"]),
        (
            &["check", "--fail-on", "handshakes_refused"],
            &["handshakes_refused"],
        ),
        (&["check", "--tolerance", "5%"], &["--baseline"]),
        (&["check", "--sustain", "0"], &["--sustain"]),
        (
            &["check", "-f", "/no/such/file"],
            &["reading /no/such/file"],
        ),
        (&["check", "-f", "/dev/null", "queues"], &["--file"]),
        (
            &["check", "-f", "/dev/null"],
            &["reading /dev/null", "not a regular file"],
        ),
        (
            &["check", "--netns", "no-such-namespace"],
            &["no-such-namespace"],
        ),
        (
            &["check", "--process", "no-such-process"],
            &["no-such-process"],
        ),
        (&["check", "queues", "-o", "xml"], &["xml", "junit"]),
        (
            &["doctor", "--exit-code", "--no-such-flag"],
            &["--no-such-flag"],
        ),
        (
            &["doctor", "--exit-code", "--netns", "no-such-namespace"],
            &["no-such-namespace"],
        ),
    ] {
        assert_failed(&sockdiag(args), 3, reasons);
    }
    // The flag of another program is none of ours.
    let output = sockdiag(&["queues", "--no-such-flag", "--", "--exit-code"]);
    assert_failed(&output, 2, &["--no-such-flag"]);
    assert!(text(&["check", "--help"]).contains("--fail-on"));
    let disk = File::options().write(true).open("/dev/full");
    let output = finish(command(&["check", "--help"]).stdout(disk.expect("/dev/full")));
    assert_eq!(output.status.code(), Some(3), "1 is a verdict");
}

#[test]
fn what_cannot_be_a_policy_or_a_baseline_is_unknown() {
    let tree = Tree::new();
    tree.write("empty", "");
    tree.write("bytes", b"\xff\xfe");
    tree.folder("folder");
    let path = |name: &str| format!("{}/{name}", tree.path());
    // Nobody writes to it.
    run("mkfifo", &[&path("fifo")]);
    let large = File::create(path("large")).expect("a file");
    large.set_len(16 * 1024 * 1024 + 1).expect("a sparse file");
    for (name, reason) in [
        ("folder", "not a regular file"),
        ("fifo", "not a regular file"),
        ("large", "larger than 16 MiB"),
        ("bytes", "not text in UTF-8"),
        ("missing", "No such file"),
    ] {
        let file = path(name);
        for args in [
            &["check", "-f", &file][..],
            &["check", "queues", "--baseline", &file],
        ] {
            assert_failed(&sockdiag(args), 3, &["reading", &file, reason]);
        }
    }
    let empty = path("empty");
    let output = sockdiag(&["check", "-f", &empty]);
    assert_failed(&output, 3, &[&empty, "has no [[check]]"]);
    let output = sockdiag(&["check", "queues", "--baseline", &empty]);
    assert_failed(&output, 3, &[&empty, "sockdiag check -o json"]);
}

#[test]
fn a_report_that_cannot_be_written_is_unknown_and_one_that_nobody_reads_is_not() {
    in_sealed_netns(|| {
        lo_up();
        let full = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&full, 3);
        let args = ["check", "queues", "-c", "99%", "--for", "0.1"];
        let disk = File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let output = finish(command(&args).stdout(disk));
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
        assert!(stderr(&output).contains("No space left on device"));
        let to_file = [&args[..], &["--report", "/no/such/folder/report"]].concat();
        let output = sockdiag(&to_file);
        assert_failed(&output, 3, &["/no/such/folder/report", "No such file"]);
        // The reader is gone before the report is written.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = finish(command(&args).stdout(Stdio::from(writer)));
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    });
}

/// Nobody else uses it.
const USER: u32 = 61_236;

#[test]
fn a_setuid_copy_reads_writes_and_runs_as_the_user_who_runs_it() {
    in_netns_of_root(|| {
        lo_up();
        let tree = Tree::new();
        let program = program_for_all(&tree);
        run("chmod", &["6755", &program]);
        tree.write("secret", "secret = 1\n");
        let secret = format!("{}/secret", tree.path());
        run("chmod", &["600", &secret]);
        let as_user = |args: &[&str]| {
            let user = [format!("--reuid={USER}"), format!("--regid={USER}")];
            let mut command = Command::new("setpriv");
            command.args(&user).args(["--clear-groups", "--", &program]);
            command.args(["check", "drops", "-c", "0", "--for", "0.1"]);
            finish(command.args(args).stdout(Stdio::piped()))
        };
        for file in ["--baseline", "--report"] {
            let output = as_user(&[file, &secret]);
            assert_failed(&output, 3, &[&secret, "Permission denied"]);
        }
        assert_eq!(tree.read("secret"), "secret = 1\n");
        let output = as_user(&["--", "id", "-u"]);
        assert_eq!(output.stdout, format!("{USER}\n").as_bytes());
    });
}

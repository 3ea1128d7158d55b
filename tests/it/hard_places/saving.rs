//! `sockdiag trace --write` where the file cannot be written to the end, and whose file it is.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::capture_file::refused_handshakes_file;
use crate::support::netns::{in_netns, in_netns_of_root, in_sealed_netns, lo_up, run};
use crate::support::program::{PROGRAM, command, count, finish, stderr};
use crate::support::tree::Tree;
use crate::support::users::program_for_all;
use crate::support::wait::wait_until;

/// Their packets are more than a pipe holds.
const MANY: u16 = 5000;

/// What was said of a trace that failed: the reason on stderr, and on stdout the summary.
#[track_caller]
fn summary_and_reason(output: &Output, reasons: &[&str]) -> Value {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for reason in reasons {
        assert!(said.contains(reason), "it does not say {reason}: {said}");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().expect("a summary");
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert!(last["summary"].is_object(), "{last:#}");
    last["summary"].clone()
}

fn start(args: &[&str]) -> Child {
    let mut command = command(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

/// Reads the beginning of what is saved and leaves.
fn leave_after_the_beginning(fifo: &str) {
    let mut reader = File::open(fifo).expect("a FIFO");
    reader.read_exact(&mut [0; 28]).expect("a section header");
}

#[test]
fn a_reader_of_the_packets_that_leaves_is_a_failure_after_the_summary() {
    let tree = Tree::new();
    let capture = refused_handshakes_file(&tree, MANY);
    let fifo = format!("{}/fifo", tree.path());
    run("mkfifo", &[&fifo]);
    let child = start(&["trace", "--json", "--read", &capture, "--write", &fifo]);
    leave_after_the_beginning(&fifo);
    let output = child.wait_with_output().expect("its pipes can be read");
    let summary = summary_and_reason(&output, &["Broken pipe", &fifo]);
    assert!(
        count(&summary["outcomes"]["refused"]) < MANY.into(),
        "{summary:#}"
    );
}

#[test]
fn a_live_trace_whose_packets_nobody_reads_ends_with_its_summary() {
    in_netns(|| {
        lo_up();
        let tree = Tree::new();
        let fifo = format!("{}/fifo", tree.path());
        run("mkfifo", &[&fifo]);
        let mut child = start(&["trace", "--json", "--write", &fifo]);
        leave_after_the_beginning(&fifo);
        wait_until("the trace has ended", || {
            std::net::TcpStream::connect("127.0.0.1:9").expect_err("nobody listens");
            child.try_wait().expect("it is ours").is_some()
        });
        let output = child.wait_with_output().expect("its pipes can be read");
        let summary = summary_and_reason(&output, &["Broken pipe", &fifo]);
        assert!(count(&summary["packets"]) > 0, "{summary:#}");
    });
}

#[test]
fn a_disk_that_becomes_full_is_a_failure_after_the_summary() {
    in_sealed_netns(|| {
        let tree = Tree::new();
        let capture = refused_handshakes_file(&tree, MANY);
        run("mount", &["-t", "tmpfs", "-o", "size=600k", "none", "/run"]);
        let file = "/run/saved.pcapng";
        let args = ["trace", "--json", "--read", &capture, "--write", file];
        let output = finish(command(&args).stdout(Stdio::piped()));
        let summary = summary_and_reason(&output, &["No space left on device", file]);
        assert!(count(&summary["outcomes"]["refused"]) > 0, "{summary:#}");
    });
}

#[test]
fn a_new_file_is_for_its_owner_alone() {
    let tree = Tree::new();
    let capture = refused_handshakes_file(&tree, 1);
    tree.write("old.pcapng", "");
    let mode = |name: &str| {
        let path = format!("{}/{name}", tree.path());
        let script = "umask 0; exec \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", PROGRAM]);
        command.args(["trace", "--read", &capture, "--write", &path]);
        let output = finish(command.stdout(Stdio::piped()));
        assert!(output.status.success(), "{}", stderr(&output));
        fs::metadata(&path)
            .expect("it was written")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("new.pcapng"), 0o600);
    run("chmod", &["640", &format!("{}/old.pcapng", tree.path())]);
    assert_eq!(mode("old.pcapng"), 0o640);
}

/// Nobody else uses it.
const USER: u32 = 61_235;

#[test]
fn a_setuid_copy_reads_and_writes_files_as_the_user_who_runs_it() {
    in_netns_of_root(|| {
        lo_up();
        let tree = Tree::new();
        let capture = refused_handshakes_file(&tree, 1);
        run("chmod", &["600", &capture]);
        let program = program_for_all(&tree);
        run("chmod", &["6755", &program]);
        tree.folder("open");
        let folder = format!("{}/open", tree.path());
        run("chmod", &["777", &folder]);
        tree.write("roots.pcapng", "kept");
        let roots = format!("{}/roots.pcapng", tree.path());
        run("chmod", &["600", &roots]);
        let user = [format!("--reuid={USER}"), format!("--regid={USER}")];
        let as_user = |subcommand: &str, args: &[&str]| {
            let mut command = Command::new("setpriv");
            command
                .args(&user)
                .args(["--clear-groups", "--", &program, subcommand]);
            finish(command.args(args).stdout(Stdio::piped()))
        };
        let saved = format!("{folder}/saved.pcapng");
        let output = as_user("trace", &["--for", "50ms", "--write", &saved]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let file = fs::metadata(&saved).expect("it was written");
        assert_eq!((file.uid(), file.gid()), (USER, USER));

        for (args, path) in [
            (["--for", "50ms", "--write", &roots], &roots),
            (["--summary", "--json", "--read", &capture], &capture),
        ] {
            let output = as_user("trace", &args);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(
                said.contains(path) && said.contains("Permission denied"),
                "{said}"
            );
        }
        assert_eq!(tree.read("roots.pcapng"), "kept");

        // A name that is a link to what only root may read.
        tree.link("proc/100/comm", &roots);
        tree.write("proc/100/cgroup", "0::/\n");
        tree.folder("proc/100/fd");
        let root = format!("{}/proc", tree.path());
        let output = as_user("fds", &["--json", "--proc-root", &root]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("kept"), "{said}");
        assert!(
            said.contains("/proc does not let this user read them"),
            "{said}"
        );
    });
}

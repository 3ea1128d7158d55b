//! `sockdiag fds` where not all is to be seen: other users, other namespaces, hidepid; and that it
//! does not list what it only counts.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use crate::support::helper_process::spawn_with_descriptors;
use crate::support::netns::{in_netns_of_root, in_sealed_netns};
use crate::support::program::{PROGRAM, finish, json, stderr};
use crate::support::skipped::report_skipped;
use crate::support::tree::Tree;
use serde_json::Value;

fn processes(report: &Value) -> &Vec<Value> {
    report["processes"].as_array().expect("processes[]")
}

fn find(report: &Value, pid: u32) -> Option<&Value> {
    processes(report)
        .iter()
        .find(|process| process["pid"] == pid)
}

/// Runs a copy of the program as a user who owns nothing: where it was built, nobody else may be
/// able to read it. `first` is what the shell does before, in a mount namespace of its own.
fn as_nobody(first: &str, args: &[&str]) -> Output {
    let folder = Tree::new();
    let program = format!("{}/sockdiag", folder.path());
    fs::copy(PROGRAM, &program).expect("a copy of the program");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let setpriv = "exec setpriv --reuid=65534 --regid=65534 --clear-groups -- \"$@\"";
    let script = format!("{first}{setpriv}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh", &program]);
    finish(command.args(args).stdout(Stdio::piped()))
}

/// The size of `/proc/PID/fd` is the number of its entries from Linux 6.2 on, and 0 before.
fn folder_sizes_count_descriptors() -> bool {
    fs::metadata("/proc/self/fd").expect("/proc is there").len() > 0
}

#[track_caller]
fn report_of(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn missing<'a>(report: &'a Value, what: &str) -> Option<&'a Value> {
    let all = report["incomplete"].as_array().expect("incomplete[]");
    all.iter().find(|missing| missing["what"] == what)
}

#[test]
fn an_ordinary_user_sees_how_many_but_not_what() {
    in_netns_of_root(|| {
        let helper = spawn_with_descriptors(60, 64, &[]);
        let pid = helper.pid().to_string();
        let report = report_of(&as_nobody("", &["fds", "--json", "--types", "--pid", &pid]));
        let found = find(&report, helper.pid()).expect("it is seen");
        let (open, uncounted) = match folder_sizes_count_descriptors() {
            true => (Value::from(60), None),
            false => (Value::Null, Some(Value::from(1))),
        };
        let told = missing(&report, "open").map(|missing| missing["count"].clone());
        assert_eq!((&found["open"], told), (&open, uncounted));
        assert_eq!(found["soft_limit"], 64);
        assert_eq!(found["uid"], 0);
        assert!(found["types"].is_null());
        assert_eq!(missing(&report, "types").expect("reported")["count"], 1);

        // A namespace of another user's process may not be looked at.
        let output = as_nobody("", &["fds", "--netns", &pid]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("CAP_SYS_PTRACE"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn what_an_old_kernel_does_not_tell_an_ordinary_user_is_null() {
    in_netns_of_root(|| {
        let tree = Tree::copy_of("5.15-near-descriptor-limit");
        fs::set_permissions(tree.path(), Permissions::from_mode(0o755)).expect("it is ours");
        for pid in [733, 811] {
            let folder = format!("{}/{pid}/fd", tree.path());
            fs::set_permissions(folder, Permissions::from_mode(0o500)).expect("it is ours");
        }
        let args = ["fds", "--json", "--proc-root", tree.path()];
        let report = report_of(&as_nobody("", &args));
        let api = find(&report, 811).expect("it is seen");
        assert!(api["open"].is_null() && api["used_ratio"].is_null() && api["state"].is_null());
        assert_eq!(api["soft_limit"], 8);
        assert_eq!(missing(&report, "open").expect("reported")["count"], 2);
        assert_eq!(find(&report, 812).expect("it is seen")["open"], 4);
        assert_eq!(
            processes(&report).last().expect("five")["open"],
            Value::Null
        );
    });
}

#[test]
fn hidden_processes_are_told_of() {
    in_netns_of_root(|| {
        let me = std::process::id();
        for (hide, listed) in [(1, true), (2, false)] {
            let first = format!("mount -t proc -o hidepid={hide} proc /proc && ");
            let report = report_of(&as_nobody(&first, &["fds", "--json"]));
            assert!(find(&report, me).is_none());
            let told = missing(&report, "processes").expect("reported");
            let counted = report["incomplete"].as_array().expect("a list");
            let counted = counted.iter().any(|missing| missing["count"].is_u64());
            assert_eq!(counted, listed, "{told}");
        }
    });
}

#[test]
fn nothing_is_hidden_from_the_group_that_may_see_all() {
    in_netns_of_root(|| {
        for (options, hidden) in [
            ("hidepid=2,gid=65534", false),
            ("hidepid=2,gid=65533", true),
            ("hidepid=4,gid=65534", true),
        ] {
            let first = format!("mount -t proc -o {options} proc /proc && ");
            let report = report_of(&as_nobody(&first, &["fds", "--json"]));
            let me = find(&report, std::process::id());
            assert_eq!(me.is_none(), hidden, "{options}");
            assert_eq!(missing(&report, "processes").is_some(), hidden, "{options}");
        }
    });
}

#[test]
fn a_network_namespace_chooses_its_processes() {
    in_sealed_netns(|| {
        let inside = spawn_with_descriptors(20, 64, &["unshare", "--net"]);
        let outside = spawn_with_descriptors(20, 64, &[]);
        let pid = inside.pid().to_string();
        let report = json(&["fds", "--netns", &pid]);
        assert!(find(&report, inside.pid()).is_some());
        assert!(find(&report, outside.pid()).is_none());
        for args in [&["fds"][..], &["fds", "--netns", "all"]] {
            let report = json(args);
            assert!(find(&report, inside.pid()).is_some());
            assert!(find(&report, outside.pid()).is_some());
        }
    });
}

#[test]
fn descriptors_are_counted_without_listing_them() {
    in_sealed_netns(|| {
        if !folder_sizes_count_descriptors() {
            return report_skipped("counting without listing: /proc/PID/fd has no size here");
        }
        let listed = |args: &[&str]| {
            let strace = ["-f", "-y", "-e", "trace=getdents64,openat", PROGRAM];
            let output = Command::new("strace").args(strace).args(args).output();
            let output = match output {
                Ok(output) => output,
                Err(error) => {
                    report_skipped(&format!("strace: {error}"));
                    return None;
                }
            };
            assert!(output.status.success(), "{}", stderr(&output));
            let is_list = |line: &&str| line.contains("getdents64") && line.contains("/fd>");
            Some(stderr(&output).lines().filter(is_list).count())
        };
        if let Some(count) = listed(&["fds", "--json"]) {
            assert_eq!(count, 0);
            assert!(listed(&["fds", "--types"]) > Some(0), "the trace tells");
        }
    });
}

//! `--proc-root` with what no procfs contains: other kinds of files, files without end, odd lines.

use std::fs::File;
use std::process::{Command, Output, Stdio};

use crate::support::netns::{in_netns, in_sealed_netns, lo_up, run};
use crate::support::program::{PROGRAM, assert_failed, finish, sockdiag, stderr};
use crate::support::sockets::listen;
use crate::support::tree::Tree;

/// Runs the program with little memory, so that a file without end does not take the machine's.
fn in_little_memory(args: &[&str]) -> Output {
    let mut command = Command::new("prlimit");
    command.args(["--as=800000000", PROGRAM]).args(args);
    finish(command.stdout(Stdio::piped()))
}

/// A process with a descriptor in a captured tree, and one that is like it except for a file, which
/// `spoil` puts there.
fn spoilt(file: &str, spoil: impl Fn(&str)) -> Tree {
    let tree = Tree::copy_of("5.15-near-descriptor-limit");
    for name in ["netstat", "snmp", "snmp6"] {
        tree.write(
            &format!("net/{name}"),
            "TcpExt: ListenOverflows\nTcpExt: 1\n",
        );
    }
    tree.link("900/fd/3", "/dev/null");
    let path = format!("{}/{file}", tree.path());
    let _ = std::fs::remove_file(&path);
    let folder = std::path::Path::new(&path).parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("a temporary folder");
    spoil(&path);
    tree
}

fn fifo(path: &str) {
    run("mkfifo", &[path]);
}

fn endless_device(path: &str) {
    std::os::unix::fs::symlink("/dev/zero", path).expect("a temporary folder");
}

fn large_file(path: &str) {
    let file = File::create(path).expect("a temporary folder");
    file.set_len(1 << 40).expect("holes take no room");
}

/// Files without which there is no answer, and the command that reads them.
const NEEDED: [(&str, &str); 9] = [
    ("net/netstat", "counters"),
    ("net/snmp", "counters"),
    ("net/snmp6", "counters"),
    ("net/sockstat", "counters"),
    ("sys/net/core/somaxconn", "queues"),
    ("sys/net/ipv4/tcp_syncookies", "counters"),
    ("sys/net/ipv4/ip_local_port_range", "ports"),
    ("net/netstat", "timewait"),
    // It says whether processes are hidden.
    ("self/mountinfo", "fds"),
];

#[test]
fn what_is_no_regular_file_is_refused_and_named() {
    in_netns(|| {
        for (file, command) in NEEDED {
            for (spoil, why) in [
                (fifo as fn(&str), "not a regular file"),
                (endless_device, "not a regular file"),
                (large_file, "larger than"),
            ] {
                let tree = spoilt(file, spoil);
                let output = in_little_memory(&[command, "--proc-root", tree.path()]);
                assert_failed(&output, 1, &[file, why]);
            }
        }
    });
}

#[test]
fn a_process_whose_files_are_none_is_an_error() {
    in_netns(|| {
        for file in ["900/comm", "900/limits", "900/cgroup", "900/stat"] {
            for spoil in [fifo as fn(&str), endless_device] {
                let tree = spoilt(file, spoil);
                let args = ["fds", "--watch=0.01", "-c1", "--proc-root", tree.path()];
                let output = in_little_memory(&args);
                assert_failed(&output, 1, &["/900", "not a regular file"]);
            }
        }
    });
}

#[test]
fn what_only_adds_to_an_answer_is_left_out() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        for file in ["sys/kernel/random/boot_id", "900/fdinfo/3"] {
            for spoil in [fifo as fn(&str), endless_device, large_file] {
                let tree = spoilt(file, spoil);
                for command in ["queues", "fds"] {
                    let args = [command, "--proc-root", tree.path()];
                    let output = in_little_memory(&args);
                    assert_eq!(output.status.code(), Some(0), "{file}: {}", stderr(&output));
                }
            }
        }
    });
}

#[test]
fn a_line_of_a_process_may_say_anything() {
    in_sealed_netns(|| {
        let own = format!("/proc/{}/ns/net", std::process::id());
        for line in [
            "",
            "\n",
            "900",
            "900 (",
            "900 (a",
            ") 900 (",
            "900 (a) S",
            "900 (a) S -9 x",
        ] {
            let tree = spoilt("900/stat", |_| {});
            tree.write("900/stat", line);
            tree.link("900/ns/net", &own);
            for args in [
                ["counters", "--netns", "900", "--proc-root", tree.path()],
                ["counters", "--netns", "all", "--proc-root", tree.path()],
                ["fds", "--watch=0.01", "-c2", "--proc-root", tree.path()],
            ] {
                let output = sockdiag(&args);
                assert_eq!(
                    output.status.code(),
                    Some(0),
                    "{line:?}: {}",
                    stderr(&output)
                );
            }
        }
    });
}

#[test]
fn a_root_that_is_no_folder_is_named() {
    let tree = Tree::new();
    tree.write("file", "");
    fifo(&format!("{}/fifo", tree.path()));
    for (name, why) in [
        ("none", "No such file or directory"),
        ("file", "not a directory"),
        ("fifo", "not a directory"),
    ] {
        let root = format!("{}/{name}", tree.path());
        for command in ["queues", "counters", "ports", "timewait", "fds", "trace"] {
            let output = sockdiag(&[command, "--proc-root", &root]);
            assert_failed(&output, 1, &[&root, why]);
        }
    }
}

#[test]
fn a_namespace_that_is_a_fifo_is_none() {
    let tree = Tree::new();
    let path = format!("{}/fifo", tree.path());
    fifo(&path);
    let output = sockdiag(&["queues", "--netns", &path]);
    assert_failed(&output, 1, &[&path, "not a regular file"]);
}

//! Where no thread can be started: RLIMIT_NPROC, as pids.max of a cgroup.

use std::os::fd::AsRawFd as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::netns::{in_netns_of_root, lo_up, run};
use crate::support::program::{assert_failed, finish, listener, stderr};
use crate::support::sockets::listen;
use crate::support::tree::Tree;
use crate::support::users::{as_user, program_for_all};

/// Nobody else runs a process as this user, so that the limit counts the program alone.
const ALONE: u32 = 61_234;
/// The shell allows one process, itself, and becomes the program.
const ONE_PROCESS: &str = "prlimit --pid $$ --nproc=1; exec";

#[test]
fn the_owners_are_searched_for_on_the_one_thread_there_is() {
    in_netns_of_root(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        let tree = Tree::copy_of("6.18-overflow-and-syn-flood");
        tree.write("sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
        let held = format!("/proc/{}/fd/{}", std::process::id(), server.as_raw_fd());
        // Above the descriptors that are read first, so that the second round has work for two.
        for pid in [200, 300] {
            tree.link(&format!("{pid}/fd/900"), &held);
            tree.write(&format!("{pid}/comm"), "worker\n");
        }
        run("chmod", &["-R", "a+rX", tree.path()]);
        for command in ["queues", "ports", "timewait"] {
            let args = [command, "--json", "--proc-root", tree.path()];
            let output = as_user(ALONE, ONE_PROCESS, &args);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            if command == "queues" {
                listener(&report, "127.0.0.1:8080");
            }
        }
    });
}

/// The shell keeps the namespace it is in open and leaves it for another one, so that the namespace
/// that is asked for is not the program's own.
fn in_another_namespace(args: &str) -> Output {
    let folder = Tree::new();
    let program = program_for_all(&folder);
    let script = format!(
        "exec 3</proc/self/ns/net; exec unshare --net {program} {args} --netns /proc/self/fd/3"
    );
    let user = format!("--reuid={ALONE}");
    let mut command = Command::new("prlimit");
    command
        .args(["--nproc=1", "setpriv", &user, "--clear-groups", "--"])
        .args(["unshare", "--user", "--map-root-user", "--net", "sh", "-c"])
        .arg(script)
        .stdout(Stdio::piped());
    finish(&mut command)
}

#[test]
fn a_namespace_that_takes_a_thread_to_enter_is_an_error() {
    in_netns_of_root(|| {
        for args in ["queues --json", "counters --json", "ports", "timewait"] {
            let output = in_another_namespace(args);
            let why = "Resource temporarily unavailable";
            assert_failed(&output, 1, &["network namespace /proc/self/fd/3", why]);
        }
    });
}

//! Network namespaces for tests, and what is set inside them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::sync::{Arc, Once};

use signal_hook::consts::SIGHUP;

use super::helper_process::play_role;
use super::skipped::report_skipped;

const INSIDE: &str = "SOCKDIAG_IN_NETNS";

/// Runs this test again, alone, as a process inside a new user and network namespace.
///
/// `/proc/net` means the namespace of the process, not of the thread, so the whole process moves.
/// Where user namespaces are forbidden the test fails and says so.
pub fn in_netns<F: FnOnce()>(body: F) {
    inside(&["--user", "--map-root-user", "--net"], body);
}

/// As [`in_netns`], and no process outside is visible either, so that every owner can be read and
/// every namespace is one of ours. `/run` is empty, for `ip netns add`.
pub fn in_sealed_netns<F: FnOnce()>(body: F) {
    sealed(&["--user", "--map-root-user"], body);
}

/// As [`in_sealed_netns`], but root stays the real root, as for [`in_netns_of_root`].
pub fn in_sealed_netns_of_root<F: FnOnce()>(body: F) {
    if rustix::process::geteuid().is_root() {
        sealed(&[], body);
    } else {
        report_skipped(&format!("{}: needs to run as root", test_name::<F>()));
    }
}

fn sealed<F: FnOnce()>(user: &[&str], body: F) {
    let others = [
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ];
    run_inside(&test_name::<F>(), &[user, &others].concat(), || {
        run("mount", &["-t", "tmpfs", "none", "/run"]);
        body();
    });
}

/// As [`in_netns`], but root stays the real root, who can become another user and own cgroups.
/// Says that it was skipped where the tests do not run as root.
pub fn in_netns_of_root<F: FnOnce()>(body: F) {
    if rustix::process::geteuid().is_root() {
        inside(&["--net"], body);
    } else {
        report_skipped(&format!("{}: needs to run as root", test_name::<F>()));
    }
}

/// As [`in_netns`], but root stays the real root where there is one: tcpdump begins by giving up
/// groups, which no other root may.
pub fn in_netns_for_tcpdump<F: FnOnce()>(body: F) {
    in_netns_of_root_or_user(body);
}

/// As [`in_netns`], but root stays the real root where there is one: Linux 6.1 hides `net/core` in a
/// user namespace.
pub fn in_netns_with_core_sysctls<F: FnOnce()>(body: F) {
    in_netns_of_root_or_user(body);
}

fn in_netns_of_root_or_user<F: FnOnce()>(body: F) {
    if rustix::process::geteuid().is_root() {
        inside(&["--net"], body);
    } else {
        in_netns(body);
    }
}

fn inside<F: FnOnce()>(flags: &[&str], body: F) {
    run_inside(&test_name::<F>(), flags, body);
}

/// Makes a namespace of this name and gives its path; `/run` must be of the test.
pub fn add_named(name: &str) -> String {
    let _ = fs::create_dir("/run/netns");
    run("ip", &["netns", "add", name]);
    format!("/run/netns/{name}")
}

/// The test that a closure was written in: `queues::accept::NAME` of
/// `it::queues::accept::NAME::{{closure}}`.
fn test_name<F>() -> String {
    let closure = std::any::type_name::<F>();
    let test = closure.split_once("::{{closure}}").map(|(path, _)| path);
    let (_crate, name) = test
        .and_then(|path| path.split_once("::"))
        .unwrap_or_else(|| panic!("{closure} is no closure, so the test has no name to run by"));
    name.to_owned()
}

/// The name of the test that runs in this namespace.
pub fn test_inside() -> String {
    std::env::var(INSIDE).expect("helper processes are started inside in_netns")
}

/// Gives children the default action of SIGHUP, also where nohup(1) started the tests: a signal that
/// is caught is neither ignored nor caught after exec(2).
fn default_hang_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        signal_hook::flag::register(SIGHUP, Arc::default()).expect("SIGHUP can be caught");
    });
}

fn run_inside(test: &str, flags: &[&str], body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        if !play_role() {
            body();
        }
        return;
    }
    default_hang_up();
    let again = Command::new("unshare")
        .args(flags)
        .arg("--")
        .arg(std::env::current_exe().expect("a test knows its own path"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, test)
        .output()
        .expect("unshare(1) is part of util-linux");
    let said = String::from_utf8_lossy(&again.stdout);
    let errors = String::from_utf8_lossy(&again.stderr);
    assert!(
        !errors.starts_with("unshare: "),
        "the tests need namespaces of their own, which `unshare {}` cannot make here: {}",
        flags.join(" "),
        errors.trim_end(),
    );
    for line in errors.lines() {
        if let Some(what) = line.strip_prefix("SKIPPED: ") {
            report_skipped(what);
        }
    }
    assert!(
        // A misspelt name runs no test at all and succeeds.
        again.status.success() && said.contains("1 passed"),
        "inside `unshare {}`: {}\n{said}\n{errors}",
        flags.join(" "),
        again.status,
    );
}

/// By the file of the namespace, as reports identify it.
#[track_caller]
pub fn netns_inode(path: &str) -> u64 {
    let file = fs::metadata(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    file.ino()
}

/// A new namespace has nothing, not even a working 127.0.0.1.
pub fn lo_up() {
    run("ip", &["link", "set", "lo", "up"]);
}

/// `sysctl("net/core/somaxconn", 4)`, in the namespace of this test alone.
pub fn sysctl(path: &str, value: impl ToString) {
    let path = format!("/proc/sys/{path}");
    fs::write(&path, value.to_string()).unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// Runs a command that a scene cannot do without and returns what it printed.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("the tests need {program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("ASCII from a system tool")
}

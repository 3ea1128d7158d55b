//! `sockdiag fds --why` and `--types`: where limits come from, and what the descriptors are.

use std::os::fd::AsFd as _;

use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{count, finding, json, text};
use crate::support::sockets::listen;
use crate::support::tree::Tree;
use rustix::event::{EventfdFlags, epoll, eventfd};
use serde_json::{Value, json as object};

const LAID_OUT: &str = "5.15-near-descriptor-limit";
const DROP_IN: &str = "1/root/etc/systemd/system/api.service.d/limits.conf";

fn processes(report: &Value) -> &Vec<Value> {
    report["processes"].as_array().expect("processes[]")
}

#[track_caller]
fn process(report: &Value, pid: u32) -> &Value {
    let found = processes(report)
        .iter()
        .find(|process| process["pid"] == pid);
    found.unwrap_or_else(|| panic!("no process {pid} in {report:#}"))
}

fn explained(tree: &Tree, pid: u32) -> Value {
    let report = json(&["fds", "--why", "--proc-root", tree.path()]);
    process(&report, pid)["why"].clone()
}

#[test]
fn kernels_without_sizes_have_their_descriptors_counted() {
    let tree = Tree::copy_of(LAID_OUT);
    tree.folder("2/fd");
    let report = json(&["fds", "--proc-root", tree.path()]);
    let told: Vec<_> = processes(&report)
        .iter()
        .map(|process| (process["name"].as_str().expect("a name"), &process["open"]))
        .collect();
    assert_eq!(
        told,
        [
            ("api", &object!(7)),
            ("api: worker (1)", &object!(4)),
            ("sshd", &object!(4)),
            ("bash", &object!(3)),
            ("systemd", &object!(7)),
        ],
        "worst first, without the kernel thread"
    );
    let api = process(&report, 811);
    assert_eq!(
        (&api["soft_limit"], &api["hard_limit"]),
        (&object!(8), &object!(16))
    );
    assert_eq!(
        (&api["state"], &api["used_ratio"]),
        (&object!("near"), &object!(0.875))
    );
    assert_eq!(api["unit"], "api.service");
    let limit = i64::MAX;
    assert_eq!(report["system"]["limit"], limit);
    assert_eq!(report["system"]["open"], 1376);
    assert!(report["incomplete"].as_array().expect("a list").is_empty());
    let table = text(&["fds", "--proc-root", tree.path()]);
    assert!(
        table.starts_with(
            "host: 1\u{a0}376 open, no limit (file-max), nr_open 1\u{a0}048\u{a0}576\n"
        )
    );
}

#[test]
fn only_numbers_below_the_limit_fill_it() {
    let tree = Tree::copy_of(LAID_OUT);
    let state = || {
        let report = json(&["fds", "--proc-root", tree.path()]);
        let api = process(&report, 811);
        (api["open"].clone(), api["state"].clone())
    };
    tree.write("811/fd/50", "");
    assert_eq!(
        state(),
        (object!(8), object!("near")),
        "7 of 8 numbers are taken"
    );
    tree.write("811/fd/7", "");
    assert_eq!(state(), (object!(9), object!("full")));
}

#[test]
fn a_process_whose_first_thread_has_ended_has_the_descriptors_of_another() {
    let tree = Tree::copy_of(LAID_OUT);
    let stat = |state: &str, flags: &str, threads: u32| {
        format!(
            "811 (api) {state} 1 811 811 0 -1 {flags} 1 0 0 0 1 6 3 8 20 0 {threads} 0 2000 4 3\n"
        )
    };
    for fd in 0..7 {
        tree.remove(&format!("811/fd/{fd}"));
    }
    tree.write("811/stat", stat("Z", "4194572", 3));
    let report = || json(&["fds", "--types", "--proc-root", tree.path()]);
    assert!(process(&report(), 811)["open"].is_null());

    tree.write("811/task/811/stat", stat("Z", "4194572", 3));
    tree.write("811/task/812/stat", stat("R", "4194572", 3));
    tree.link("811/task/812/fd/0", "pipe:[7]");
    tree.write("811/task/815/stat", stat("S", "4194304", 3));
    for fd in 0..8 {
        tree.link(&format!("811/task/815/fd/{fd}"), "/dev/null");
    }
    let report = report();
    let api = process(&report, 811);
    assert_eq!(
        (&api["open"], &api["state"]),
        (&object!(8), &object!("full"))
    );
    assert_eq!(api["types"]["pipes"], 0);
    assert!(api["types"].is_object());
    assert_eq!(report["incomplete"], object!([]));
}

#[test]
fn a_drop_in_is_named_with_its_line() {
    let tree = Tree::copy_of(LAID_OUT);
    let why = explained(&tree, 811);
    let line = object!({
        "file": "/etc/systemd/system/api.service.d/limits.conf",
        "line": 2,
        "text": "LimitNOFILE=8:16",
    });
    for limit in ["soft", "hard"] {
        assert_eq!(why[limit]["set_by"], "unit_file", "{why:#}");
        assert_eq!(why[limit]["setting"], line);
        assert_eq!(why[limit]["unit"], "api.service");
    }
    let change = why["change"].as_str().expect("a sentence");
    assert!(
        change.contains("limits.conf:2 `LimitNOFILE=8:16`"),
        "{change}"
    );
    assert!(change.contains("systemctl restart api.service"), "{change}");

    let worker = explained(&tree, 812);
    assert_eq!(worker["soft"]["set_by"], "changed_after_start");
    assert_eq!(worker["soft"]["setting"], line);
    assert_eq!(worker["hard"]["set_by"], "unit_file");
}

#[test]
fn a_file_that_says_something_else_is_not_named_as_the_cause() {
    let tree = Tree::copy_of(LAID_OUT);
    tree.write(DROP_IN, "[Service]\nLimitNOFILE=100\n");
    assert_eq!(
        explained(&tree, 811)["soft"]["set_by"],
        "changed_after_start"
    );
    tree.write(DROP_IN, "[Service]\nLimitNOFILE=8:infinity\n");
    let why = explained(&tree, 811);
    assert_eq!(why["soft"]["set_by"], "unit_file");
    assert_eq!(why["hard"]["set_by"], "changed_after_start");
}

#[test]
fn a_line_that_systemd_does_not_understand_is_named() {
    let tree = Tree::copy_of(LAID_OUT);
    assert!(explained(&tree, 811)["ignored"].is_null());
    tree.write(DROP_IN, "[Service]\nLimitNOFILE=8:16\nLimitNOFILE=1K\n");
    let why = explained(&tree, 811);
    assert_eq!(why["soft"]["setting"]["line"], 2);
    assert_eq!(why["ignored"]["line"], 3);
    let report = json(&["fds", "--why", "--pid", "811", "--proc-root", tree.path()]);
    let ignored = finding(&report, "fd_limit_line_ignored");
    let message = ignored["message"].as_str().expect("a sentence");
    assert!(message.contains("`LimitNOFILE=1K` in "), "{message}");
    assert!(message.contains("limits.conf:3 "), "{message}");
}

#[test]
fn what_no_file_sets_is_systemds_default_or_inherited() {
    let tree = Tree::copy_of(LAID_OUT);
    let sshd = explained(&tree, 733);
    assert_eq!(sshd["soft"]["set_by"], "systemd_builtin");
    assert_eq!(sshd["soft"]["setting"], Value::Null);
    let change = sshd["change"].as_str().expect("a sentence");
    assert!(change.starts_with("`systemctl edit ssh.service`: [Service] LimitNOFILE="));

    let bash = explained(&tree, 900);
    assert_eq!(bash["hard"]["set_by"], "systemd_builtin");
    assert_eq!(
        bash["hard"]["process"],
        object!({"pid": 733, "name": "sshd"})
    );
    assert_eq!(explained(&tree, 1)["soft"]["set_by"], "unknown");

    tree.write(
        "1/root/etc/systemd/system.conf",
        "[Manager]\nDefaultLimitNOFILE=1024:524288\n",
    );
    let sshd = explained(&tree, 733);
    assert_eq!(sshd["soft"]["set_by"], "manager_default");
    assert_eq!(sshd["soft"]["setting"]["file"], "/etc/systemd/system.conf");
}

#[test]
fn a_login_has_what_limits_conf_gives_its_user() {
    let tree = Tree::copy_of(LAID_OUT);
    // The folder of a process belongs to its user: here, to the one who runs the tests.
    let uid = rustix::process::geteuid().as_raw();
    tree.write(
        "1/root/etc/passwd",
        format!("dev:x:{uid}:{uid}::/home/dev:/bin/sh\n"),
    );
    let why = explained(&tree, 900);
    assert_eq!(why["soft"]["set_by"], "limits_conf");
    assert_eq!(why["soft"]["setting"]["file"], "/etc/security/limits.conf");
    assert_eq!(why["soft"]["setting"]["line"], 2);
    assert_eq!(why["hard"]["set_by"], "systemd_builtin");
}

#[test]
fn a_worker_is_by_a_login_only_where_there_was_one() {
    let tree = Tree::copy_of(LAID_OUT);
    let uid = rustix::process::geteuid().as_raw();
    tree.write(
        "1/root/etc/passwd",
        format!("api:x:{uid}:{uid}::/:/bin/sh\n"),
    );
    tree.write("1/root/etc/security/limits.conf", "api soft nofile 6\n");
    let limits = tree.read("812/limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let other = "Max open files            6                    16                   files     ";
    tree.write("812/limits", limits.replace(line.expect("a limit"), other));
    tree.write("811/sessionid", "4294967295");
    let set_by = || explained(&tree, 812)["soft"]["set_by"].clone();
    for (session, by) in [
        ("4294967295", "changed_after_start"),
        ("7", "limits_conf"),
        ("no number", "limits_conf"),
    ] {
        tree.write("812/sessionid", session);
        assert_eq!(set_by(), by, "{session}");
    }
}

#[test]
fn hostile_names_and_files_do_no_harm() {
    let tree = Tree::copy_of(LAID_OUT);
    tree.write("811/comm", b"\x1b[2J\x07\xff\n");
    tree.write("811/cgroup", "0::/system.slice/..service\n");
    tree.write(DROP_IN, vec![b'['; 1 << 20]);
    let table = text(&["fds", "--why", "--types", "--proc-root", tree.path()]);
    let control = table.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{table:?}");
    assert!(table.contains("\\x1b[2J\\x07\u{fffd} (811)"), "{table}");

    for file in ["limits", "stat", "cgroup", "comm"] {
        for text in [&b""[..], b"\0\xff", b")))) Z", &[b'9'; 100_000]] {
            let tree = Tree::copy_of(LAID_OUT);
            tree.write(&format!("811/{file}"), text);
            json(&["fds", "--why", "--proc-root", tree.path()]);
        }
    }
}

#[test]
fn unknown_limits_are_null_and_counted() {
    let tree = Tree::copy_of(LAID_OUT);
    tree.remove("811/limits");
    tree.remove("sys/fs/file-nr");
    tree.remove("sys/fs/nr_open");
    let limits = tree
        .read("812/limits")
        .replace("16                   16", "unlimited            unlimited");
    tree.write("812/limits", limits);
    let report = json(&["fds", "--proc-root", tree.path()]);
    for pid in [811, 812] {
        for key in ["soft_limit", "hard_limit", "used_ratio", "state"] {
            assert!(process(&report, pid)[key].is_null(), "{pid} {key}");
        }
    }
    assert!(report["system"]["open"].is_null());
    let missing = report["incomplete"].as_array().expect("a list");
    let limits = missing.iter().find(|missing| missing["what"] == "limits");
    assert_eq!(limits.expect("reported")["count"], 1);
}

#[test]
fn descriptors_are_told_apart_by_their_kind() {
    in_sealed_netns(|| {
        lo_up();
        let pid = std::process::id();
        let types = || {
            let report = json(&["fds", "--types", "--pid", &pid.to_string()]);
            process(&report, pid)["types"].clone()
        };
        let before = types();
        let tcp = listen("127.0.0.1:8080", 5);
        let six = listen("[::1]:8080", 5);
        let udp = std::net::UdpSocket::bind("127.0.0.1:5353").expect("it is free");
        let unix = std::os::unix::net::UnixStream::pair().expect("a pair");
        let pipe = std::io::pipe().expect("a pipe");
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll instance");
        let event = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
        let file = std::fs::File::open("/proc/version").expect("a file");
        let folder = std::fs::File::open("/").expect("a folder");
        let device = || std::fs::File::open("/dev/null").expect("a device");
        let devices = [(); 5].map(|()| device());
        let netns = std::fs::File::open("/proc/self/ns/net").expect("a namespace");
        let after = types();
        for (pointer, more) in [
            ("/sockets/tcp", 2),
            ("/sockets/udp", 1),
            ("/sockets/unix", 2),
            ("/epoll", 1),
            ("/eventfd", 1),
            ("/files", 1),
            ("/directories", 1),
            ("/others/net", 1),
        ] {
            let count = |types: &Value| types.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
            assert_eq!(count(&after), count(&before) + more, "{pointer} {after}");
        }
        // Those to sockdiag, and its /dev/null, come and go.
        assert!(
            count(&after["devices"]) >= count(&before["devices"]) + 4,
            "{before} {after}"
        );
        assert!(count(&after["pipes"]) >= 2, "{after}");
        let table = text(&["fds", "--types", "--pid", &pid.to_string()]);
        assert!(table.contains("tcp 2"), "{table}");
        drop((
            tcp.as_fd(),
            six,
            udp,
            unix,
            pipe,
            epoll,
            event,
            file,
            folder,
            devices,
            netns,
        ));
    });
}

//! Processes, files and namespaces that end while the program looks at them, or refuse it.

use std::io::{BufRead as _, BufReader};
use std::os::fd::AsRawFd as _;
use std::process::Stdio;

use crate::support::helper_process::{ListenerSetup, spawn_cat, spawn_listener};
use crate::support::netns::{in_sealed_netns, lo_up, run};
use crate::support::program::{
    Watch, count, finish, json, listener, ports, stderr, text, with_capabilities,
};
use crate::support::sockets::listen;
use crate::support::tree::Tree;
use crate::support::wait::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json as object};

const SERVER: &str = "10.9.0.1:8080";

/// A full listener, in whatever namespace it is played.
const SERVE: ListenerSetup = ListenerSetup {
    address: SERVER,
    backlog: 2,
    clients: 3,
    syns: 2,
};

/// A tree in which process 300 holds `descriptor` of this one, among processes of which some or all
/// is gone.
fn half_gone(descriptor: i32) -> Tree {
    let tree = Tree::copy_of("6.18-overflow-and-syn-flood");
    tree.folder("100");
    tree.write("110/comm", "ended\n");
    for fd in 0..200 {
        tree.link(&format!("200/fd/{fd}"), "/no/such/place");
    }
    tree.write("200/comm", "closing\n");
    tree.write("210/fd/no-number", "");
    tree.folder("220/fd");
    // Its name is gone already.
    let held = format!("/proc/{}/fd/{descriptor}", std::process::id());
    tree.link("300/fd/3", &held);
    tree.link("310/fd/900", &held);
    tree.write("310/comm", "late\n");
    tree
}

fn pids(listener: &Value) -> Vec<u64> {
    let owners = listener["owners"].as_array().expect("owners[]");
    let mut pids: Vec<u64> = owners.iter().map(|owner| count(&owner["pid"])).collect();
    pids.sort_unstable();
    pids
}

#[test]
fn processes_of_which_some_is_gone_are_no_failure() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        let tree = half_gone(server.as_raw_fd());
        let args = ["queues", "--proc-root", tree.path(), "--owners", "all"];
        for _ in 0..3 {
            let report = json(&args);
            let found = listener(&report, "127.0.0.1:8080");
            assert_eq!(pids(found), [300, 310]);
            assert_eq!(
                found["owners"][1],
                object!({"pid": 310, "name": "late", "fd": 900})
            );
            assert_eq!(found["owners_complete"], true);
            assert_eq!(report["incomplete"], object!([]));
        }
        for args in [
            &args[..3],
            &["queues", "--proc-root", tree.path(), "--process", "late"],
        ] {
            let report = json(args);
            assert_eq!(pids(listener(&report, "127.0.0.1:8080")), [300, 310]);
        }
        assert!(text(&args).contains("8080"));
    });
}

#[test]
fn a_folder_that_refuses_is_counted_and_the_rest_is_read() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        let tree = half_gone(server.as_raw_fd());
        tree.folder("400/fd");
        run("chmod", &["000", &format!("{}/400/fd", tree.path())]);
        let args = [
            "queues",
            "--json",
            "--proc-root",
            tree.path(),
            "--owners",
            "all",
        ];
        let output = finish(&mut with_capabilities("", &args));
        assert!(output.status.success(), "{}", stderr(&output));
        let report: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
        let found = listener(&report, "127.0.0.1:8080");
        assert_eq!(found["owners_complete"], false);
        let incomplete = report["incomplete"].as_array().expect("incomplete[]");
        assert_eq!(incomplete.len(), 1, "{incomplete:?}");
        assert_eq!(incomplete[0]["what"], "owners");
        assert!(count(&incomplete[0]["count"]) >= 1);
    });
}

#[test]
fn a_process_that_ended_is_no_owner_at_the_next_reading() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 5);
        server.set_cloexec(false).expect("FD_CLOEXEC");
        let cat = spawn_cat();
        server.set_cloexec(true).expect("FD_CLOEXEC");
        let (me, other) = (u64::from(std::process::id()), u64::from(cat.pid()));
        let args = ["queues", "--watch=0.05", "--owners", "all"];
        let mut watching = Watch::new(&args);
        let mut owners = || {
            let report = watching.report();
            assert_eq!(report["incomplete"], object!([]));
            pids(listener(&report, "127.0.0.1:8080"))
        };
        wait_until("both own it", || owners() == [me, other]);
        drop(cat);
        wait_until("one is gone", || owners() == [me]);
        drop(server);
        wait_until("it is closed", || ports(&watching.report()).is_empty());
    });
}

#[test]
fn a_namespace_that_lost_its_name_and_processes_is_watched_on() {
    in_sealed_netns(|| {
        lo_up();
        std::fs::create_dir("/run/netns").expect("/run is empty");
        for how in ["name", "process"] {
            let (server, netns) = if how == "name" {
                run("ip", &["netns", "add", "blue"]);
                let server = spawn_listener(&SERVE, &["nsenter", "--net=/run/netns/blue"]);
                (server, "blue".to_owned())
            } else {
                let server = spawn_listener(&SERVE, &["unshare", "--net"]);
                let netns = server.pid().to_string();
                (server, netns)
            };
            let mut queues = Watch::new(&["queues", "--netns", &netns, "--watch=0.05"]);
            let counters = [
                "counters",
                "ListenOverflows",
                "--netns",
                &netns,
                "--watch=0.05",
            ];
            let mut counters = Watch::new(&counters);
            let report = queues.report();
            assert_eq!(pids(listener(&report, SERVER)), [u64::from(server.pid())]);
            assert_eq!(counters.report()["counters"][0]["value"], 2);
            drop(server);
            if how == "name" {
                run("ip", &["netns", "delete", "blue"]);
            }
            // The program holds it: it is there as long as the watch, with nothing left in it.
            wait_until("the listener is gone", || {
                ports(&queues.report()).is_empty()
            });
            for _ in 0..3 {
                assert_eq!(ports(&queues.report()), [] as [u64; 0]);
                assert_eq!(counters.report()["counters"][0]["value"], 2);
            }
        }
    });
}

#[test]
fn a_namespace_that_ended_is_not_among_all_any_more() {
    in_sealed_netns(|| {
        lo_up();
        let _here = listen("127.0.0.1:8081", 5);
        let server = spawn_listener(&SERVE, &["unshare", "--net"]);
        let mut watching = Watch::new(&["queues", "--netns", "all", "--watch=0.05"]);
        assert_eq!(ports(&watching.report()), [8080, 8081]);
        drop(server);
        wait_until("one is left", || ports(&watching.report()) == [8081]);
        assert_eq!(watching.report()["incomplete"], object!([]));
    });
}

#[test]
fn counters_read_through_a_process_end_with_it_and_name_the_file() {
    in_sealed_netns(|| {
        lo_up();
        let server = spawn_listener(&SERVE, &["unshare", "--net"]);
        let pid = server.pid();
        // It may be seen but not entered: /proc/PID/net is the only way in.
        let netns = pid.to_string();
        let args = [
            "counters",
            "ListenOverflows",
            "--netns",
            &netns,
            "--json",
            "--watch=0.05",
        ];
        let mut child = with_capabilities(",+sys_ptrace", &args)
            .stderr(Stdio::piped())
            .spawn()
            .expect("setpriv(1) is part of util-linux");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a reading");
        let report: Value = serde_json::from_str(&line).expect("one line of JSON");
        assert_eq!(report["counters"][0]["value"], 2);

        kill_process(
            Pid::from_raw(pid as i32).expect("a process id"),
            Signal::KILL,
        )
        .expect("it is ours");
        drop(server);
        wait_until("the watch has ended", || {
            child.try_wait().expect("it is ours").is_some()
        });
        let output = child.wait_with_output().expect("its stderr can be read");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("/proc/{pid}/")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    });
}

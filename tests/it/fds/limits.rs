//! `sockdiag fds`: who is near the descriptor limit.

use std::fs;
use std::process::Stdio;

use crate::support::helper_process::{spawn_out_of_descriptors, spawn_with_descriptors};
use crate::support::netns::{in_netns, in_sealed_netns};
use crate::support::processes::process_status;
use crate::support::program::{
    Watch, command, count, finding, json, listener, number, sockdiag, stderr, text,
};
use crate::support::skipped::report_skipped;
use crate::support::tools::tool_output;
use crate::support::wait::{wait_for, wait_until};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;

fn processes(report: &Value) -> &Vec<Value> {
    report["processes"]
        .as_array()
        .unwrap_or_else(|| panic!("no processes[] in {report:#}"))
}

#[track_caller]
fn process(report: &Value, pid: u32) -> &Value {
    let mut found = processes(report)
        .iter()
        .filter(|process| process["pid"] == pid);
    let first = found.next();
    assert!(found.next().is_none(), "{pid} twice");
    first.unwrap_or_else(|| panic!("no process {pid} in {report:#}"))
}

/// As /proc lists them.
fn listed(pid: u32) -> usize {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).expect("it is ours");
    folder.count()
}

fn limit(pid: u32, soft: u64, hard: u64) {
    let limits = Rlimit {
        current: Some(soft),
        maximum: Some(hard),
    };
    let pid = Pid::from_raw(pid as i32);
    prlimit(pid, Resource::Nofile, limits).expect("a lower limit is always allowed");
}

#[test]
fn a_process_near_its_limit_comes_before_one_that_is_not() {
    in_sealed_netns(|| {
        let near = spawn_with_descriptors(60, 64, &[]);
        let report = json(&["fds"]);
        assert_eq!(report["incomplete"], serde_json::json!([]));
        assert_eq!(processes(&report)[0]["pid"], near.pid());

        let found = process(&report, near.pid());
        assert_eq!(found["open"], 60);
        assert_eq!(found["open"], listed(near.pid()));
        assert_eq!(found["soft_limit"], 64);
        assert_eq!(found["used_ratio"], 60.0 / 64.0);
        assert_eq!(found["state"], "near");
        assert_eq!(found["name"], near.name());
        for key in ["delta", "per_second", "full_in_seconds", "types"] {
            assert!(found[key].is_null(), "{key}");
        }
        assert_eq!(process(&report, std::process::id())["state"], "ok");

        let table = text(&["fds"]);
        let row = table
            .lines()
            .find(|line| line.contains(&format!("({})", near.pid())));
        let row = row.expect("its row");
        for word in ["near", "94% █████████▍", "60", "64"] {
            assert!(row.contains(word), "{row}");
        }
        assert!(table.starts_with("host: "), "{table}");
    });
}

#[test]
fn numbers_are_those_of_proc_and_lsof() {
    in_sealed_netns(|| {
        let _some = [
            spawn_with_descriptors(20, 64, &[]),
            spawn_with_descriptors(40, 128, &[]),
        ];
        let report = json(&["fds"]);
        for found in processes(&report) {
            let pid = count(&found["pid"]) as u32;
            // This one had a pipe to sockdiag, which is no more.
            if pid == std::process::id() || !fs::exists(format!("/proc/{pid}")).expect("/proc") {
                continue;
            }
            assert_eq!(found["open"], listed(pid), "{found}");
            let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it is there");
            let line = limits
                .lines()
                .find(|line| line.starts_with("Max open files"));
            let words: Vec<_> = line.expect("a limit").split_whitespace().collect();
            assert_eq!(found["soft_limit"].to_string(), words[3]);
            assert_eq!(found["hard_limit"].to_string(), words[4]);
            let Some(lsof) = tool_output(
                "lsof",
                &["-w", "-a", "-p", &pid.to_string(), "-d", "0-9999", "-Ff"],
            ) else {
                continue;
            };
            let by_lsof = lsof.lines().filter(|line| line.starts_with('f')).count();
            assert_eq!(found["open"], by_lsof, "{found}");
        }
        let sysctl = |name: &str| fs::read_to_string(format!("/proc/sys/fs/{name}")).expect(name);
        assert_eq!(
            report["system"]["limit"].to_string(),
            sysctl("file-max").trim()
        );
        assert_eq!(
            report["system"]["nr_open"].to_string(),
            sysctl("nr_open").trim()
        );
    });
}

#[test]
fn a_process_at_its_limit_cannot_accept() {
    in_sealed_netns(|| {
        let stuck = spawn_out_of_descriptors(32);
        let report = json(&["fds"]);
        let found = process(&report, stuck.pid());
        assert_eq!(found["state"], "full");
        assert_eq!(found["open"], listed(stuck.pid()));
        let reached = finding(&report, "fd_limit_reached");
        assert_eq!(reached["severity"], "critical");
        let next = format!("sockdiag fds --pid {} --types --why", stuck.pid());
        assert_eq!(reached["next"][0], next);

        let clients = [(); 3].map(|()| std::net::TcpStream::connect("127.0.0.1:8080"));
        assert!(clients.iter().all(Result::is_ok));
        wait_until("they wait", || {
            let queues = json(&["queues", ":8080"]);
            listener(&queues, "127.0.0.1:8080")["accept_queue"]["length"] == 4
        });
        let table = text(&["fds", "--pid", &stuck.pid().to_string()]);
        assert!(table.contains("EMFILE"), "{table}");
        assert!(table.contains("% ██████████"), "{table}");
    });
}

#[test]
fn limits_that_change_while_watching_are_seen() {
    in_sealed_netns(|| {
        let helper = spawn_with_descriptors(30, 100, &[]);
        let pid = helper.pid();
        let mut watching = Watch::new(&["fds", "--pid", &pid.to_string(), "--watch=0.05"]);
        let first = watching.report();
        assert_eq!(process(&first, pid)["soft_limit"], 100);
        assert!(process(&first, pid)["delta"].is_null());
        let second = watching.report();
        assert_eq!(process(&second, pid)["delta"], 0);
        assert!(process(&second, pid)["full_in_seconds"].is_null());

        limit(pid, 20, 90);
        let lowered = wait_for("the limit is seen", || {
            let report = watching.report();
            (process(&report, pid)["soft_limit"] == 20).then_some(report)
        });
        let found = process(&lowered, pid);
        assert_eq!(found["hard_limit"], 90);
        assert_eq!(
            (&found["state"], &found["used_ratio"]),
            (&"full".into(), &1.5.into())
        );
        assert_eq!(found["full_in_seconds"], 0.0);
    });
}

#[test]
fn growth_is_told_with_the_time_that_is_left() {
    in_sealed_netns(|| {
        let pid = std::process::id();
        let mut watching = Watch::new(&["fds", "--pid", &pid.to_string(), "--watch=0.05"]);
        let before = count(&process(&watching.report(), pid)["open"]);
        let _more = [(); 8].map(|()| fs::File::open("/dev/null").expect("it is there"));
        let grown = wait_for("they are seen", || {
            let report = watching.report();
            let open = count(&process(&report, pid)["open"]);
            (open > before).then_some(report)
        });
        let found = process(&grown, pid);
        let (delta, rate) = (number(&found["delta"]), number(&found["per_second"]));
        let seconds = number(&grown["elapsed_ms"]) / 1000.0;
        assert!((1.0..=8.0).contains(&delta), "{found}");
        assert!(
            (rate - delta / seconds).abs() <= rate * 0.05,
            "{rate} {delta} {seconds}"
        );
        let left = number(&found["soft_limit"]) - number(&found["open"]);
        assert_eq!(number(&found["full_in_seconds"]), left / rate);
    });
}

#[test]
fn a_process_that_vanishes_is_no_error() {
    in_sealed_netns(|| {
        let helper = spawn_with_descriptors(10, 64, &[]);
        let pid = helper.pid();
        let mut watching = Watch::new(&["fds", "--pid", &pid.to_string(), "--watch=0.02"]);
        assert_eq!(processes(&watching.report()).len(), 1);
        drop(helper);
        let gone = wait_for("it is gone", || {
            let report = watching.report();
            processes(&report).is_empty().then_some(report)
        });
        assert_eq!(gone["incomplete"], serde_json::json!([]));

        let output = sockdiag(&["fds", "--pid", &pid.to_string()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("no such process"));
    });
}

#[test]
fn samples_show_a_peak_between_two_readings() {
    in_sealed_netns(|| {
        let pid = std::process::id().to_string();
        let mut command = command(&[
            "fds", "--pid", &pid, "--for", "1h", "--every", "5ms", "--json",
        ]);
        let child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // It waits after each sample.
        let waits = || process_status(child.id(), "voluntary_ctxt_switches");
        let waits = || waits().parse::<u64>().unwrap_or(0);
        let wait_for_samples = || {
            let begin = waits();
            wait_until("it has looked", || waits() >= begin + 20);
        };
        wait_for_samples();
        let before = listed(std::process::id());
        let open = || fs::File::open("/dev/null").expect("it is there");
        let peak: Vec<_> = (0..50).map(|_| open()).collect();
        wait_for_samples();
        drop(peak);
        kill_process(Pid::from_child(&child), Signal::INT).expect("it is ours");
        let output = child.wait_with_output().expect("its stdout can be read");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let sampled = &process(&report, std::process::id())["sampled"];
        assert!(count(&sampled["samples"]) > 5, "{sampled}");
        assert!(
            count(&sampled["maximum"]) >= before as u64 + 40,
            "{sampled}"
        );
        assert!(number(&sampled["minimum"]) <= number(&sampled["mean"]));
        assert!(number(&sampled["mean"]) <= number(&sampled["maximum"]));
    });
}

#[test]
fn kernel_threads_and_zombies_are_left_out() {
    in_netns(|| {
        let report = json(&["fds"]);
        assert!(
            processes(&report)
                .iter()
                .all(|process| process["name"] != "kthreadd")
        );
        let mut child = std::process::Command::new("true").spawn().expect("true(1)");
        let stat = format!("/proc/{}/stat", child.id());
        let ended = || fs::read_to_string(&stat).is_ok_and(|line| line.contains(") Z "));
        wait_until("it is a zombie", ended);
        let pid = child.id().to_string();
        assert!(processes(&json(&["fds", "--pid", &pid])).is_empty());
        assert!(text(&["fds", "--pid", &pid]).contains("zombies"));
        child.wait().expect("it is ours");
    });
}

#[test]
fn a_process_lives_on_without_its_first_thread() {
    const SCRIPT: &str = "
import ctypes, sys, threading
held = [open('/dev/null') for _ in range(20)]
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).pthread_exit(None)";
    in_sealed_netns(|| {
        let child = std::process::Command::new("python3")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => return report_skipped(&format!("python3: {error}")),
        };
        let pid = child.id();
        let stat = format!("/proc/{pid}/stat");
        wait_until("its first thread has ended", || {
            fs::read_to_string(&stat).is_ok_and(|line| line.contains(") Z "))
        });
        let args = ["fds", "--types", "--pid", &pid.to_string()];
        let report = json(&args);
        let mut tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
        let open =
            |task: fs::DirEntry| fs::read_dir(task.path().join("fd")).map_or(0, Iterator::count);
        let found = process(&report, pid);
        assert_eq!(found["state"], "ok");
        assert!(tasks.any(|task| found["open"] == open(task.expect("a thread"))));
        assert!(count(&found["types"]["devices"]) >= 20, "{found}");
        assert_eq!(report["incomplete"], serde_json::json!([]));
        let here = json(&["fds", "--netns", &std::process::id().to_string()]);
        assert_eq!(process(&here, pid)["open"], found["open"]);

        drop(child.stdin.take());
        child.wait().expect("it is ours");
    });
}

#[test]
fn those_that_are_shown_are_looked_at_closer() {
    in_sealed_netns(|| {
        let (near, large) = (
            spawn_with_descriptors(60, 64, &[]),
            spawn_with_descriptors(200, 1024, &[]),
        );
        for (args, shown) in [(&[][..], &near), (&["--sort", "open"], &large)] {
            let report = json(&[&["fds", "--top", "1", "--types"], args].concat());
            let [only] = &processes(&report)[..] else {
                panic!("one is shown: {report:#}")
            };
            assert_eq!(only["pid"], shown.pid());
            assert!(only["types"].is_object(), "{only:#}");
        }
    });
}

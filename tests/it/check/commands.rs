//! `sockdiag check … -- COMMAND`: what a command does to the host while it runs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::check::judged;
use crate::support::helper_process::{ListenerSetup, listener_command};
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{PROGRAM, command, number, sockdiag, stderr};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tools::tcp_ext;

/// A run of `check ARGS -- COMMAND`.
fn run(args: &[&str], command: &[&str]) -> Output {
    sockdiag(&[&["check"], args, &["--"], command].concat())
}

/// The JSON that a run wrote on stderr.
fn report(output: &Output) -> Value {
    let said = stderr(output);
    let line = said.lines().find(|line| line.starts_with("{\"schema\""));
    serde_json::from_str(line.unwrap_or_else(|| panic!("no JSON in {said}"))).expect("JSON")
}

#[test]
fn drops_that_a_command_causes_fail_the_check_though_its_listener_is_gone() {
    in_sealed_netns(|| {
        lo_up();
        let overflow = listener_command(&ListenerSetup {
            address: "10.9.0.1:8080",
            backlog: 2,
            clients: 3,
            syns: 7,
        });
        let overflow: Vec<&str> = overflow.iter().map(String::as_str).collect();
        let output = run(&["drops", "-c", "0", "--json"], &overflow);
        let report = report(&output);
        assert_eq!(output.status.code(), Some(2), "{report:#}");
        assert!(tcp_ext("ListenDrops") >= 7, "the scene was set");
        let drops = judged(&report, "drops");
        assert_eq!(
            number(&drops["value"]),
            tcp_ext("ListenDrops") as f64,
            "{drops:#}"
        );
        assert_eq!(report["command"]["exit_code"], 0);

        let counters = ["counters", "ListenOverflows", "-c", "0", "--json"];
        assert_eq!(run(&counters, &overflow).status.code(), Some(2));
        // What was dropped before the command began is not its fault.
        assert_eq!(run(&counters, &["true"]).status.code(), Some(0));
        let conditions = ["--fail-on", "accept_queue_overflow", "--json"];
        assert_eq!(run(&conditions, &overflow).status.code(), Some(2));
        assert_eq!(run(&conditions, &["true"]).status.code(), Some(0));
    });
}

/// As a container that is removed when its test is over.
#[test]
fn drops_in_a_namespace_that_the_command_made_are_not_lost_with_it() {
    in_sealed_netns(|| {
        lo_up();
        let overflow = listener_command(&ListenerSetup {
            address: "10.9.0.1:8080",
            backlog: 2,
            clients: 3,
            syns: 7,
        });
        let overflow = overflow.iter().map(String::as_str);
        let lasting = |script| -> Vec<&str> {
            let command = ["unshare", "--net", "sh", "-c", script, "sh"];
            command.into_iter().chain(overflow.clone()).collect()
        };
        // Counters are sampled once a second, listeners 50 times.
        let command = lasting("sleep 4 | \"$@\"");
        let output = run(&["drops", "-c", "0", "--json"], &command);
        let report = report(&output);
        let drops = judged(&report, "drops");
        assert_eq!(output.status.code(), Some(2), "{report:#}");
        assert!(number(&drops["value"]) >= 7.0, "{drops:#}");
        assert_eq!(report["metrics"][0]["partial"], true, "{report:#}");
        let conditions = ["--fail-on", "accept_queue_overflow", "--json"];
        let output = run(&conditions, &lasting("sleep 1 | \"$@\""));
        assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    });
}

#[test]
fn a_signal_that_is_ignored_stays_ignored_in_the_command() {
    in_sealed_netns(|| {
        lo_up();
        let show = "grep SigIgn /proc/self/status";
        let checked = format!("trap '' HUP; exec \"$0\" check drops -c 0 -- {show}");
        let output = std::process::Command::new("sh")
            .args(["-c", &checked, PROGRAM])
            .output()
            .expect("sh runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let mask = said.trim_start_matches("SigIgn:").trim();
        let ignored = u64::from_str_radix(mask, 16).expect("a mask");
        assert_eq!(ignored & 1, 1, "SIGHUP is number 1: {said}");
    });
}

#[test]
fn a_quiet_command_keeps_its_output_and_the_check_is_ok() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let args = ["queues", "drops", "-c", "99%", "-c", "drops=0"];
        let output = run(
            &args,
            &["sh", "-c", "echo out; echo err >&2; printf '\\033[1m'"],
        );
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(output.stdout, b"out\n\x1b[1m");
        assert!(
            said.starts_with("err\nCHECK OK - ") && said.contains(" | 'queues_fill'=0%"),
            "{said}"
        );
    });
}

#[test]
fn the_exit_code_of_a_command_is_told_from_the_verdict() {
    in_sealed_netns(|| {
        lo_up();
        for (script, code, exit_code, signal) in [
            ("exit 0", 0, Value::from(0), Value::Null),
            ("exit 7", 7, 7.into(), Value::Null),
            // 1, 2 and 3 are verdicts.
            ("exit 1", 4, 1.into(), Value::Null),
            ("exit 3", 4, 3.into(), Value::Null),
            ("exit 255", 255, 255.into(), Value::Null),
            ("kill -TERM $$", 143, Value::Null, 15.into()),
        ] {
            let output = run(&["drops", "-c", "0", "--json"], &["sh", "-c", script]);
            let report = report(&output);
            assert_eq!(output.status.code(), Some(code), "{script}: {report:#}");
            assert_eq!(report["command"]["exit_code"], exit_code, "{script}");
            assert_eq!(report["command"]["signal"], signal, "{script}");
        }
        // The verdict comes first.
        let full = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&full, 3);
        let output = run(&["queues", "-c", "99%", "--json"], &["sh", "-c", "exit 7"]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(report(&output)["command"]["exit_code"], 7);
        let line = run(&["queues", "-c", "99%"], &["sh", "-c", "exit 7"]);
        assert!(
            stderr(&line).contains("; the command exited with 7"),
            "{}",
            stderr(&line)
        );

        let output = run(&["drops", "-c", "0"], &["/no/such/command"]);
        assert_eq!(output.status.code(), Some(3));
        assert!(
            stderr(&output).contains("running /no/such/command"),
            "{}",
            stderr(&output)
        );
    });
}

#[test]
fn the_whole_run_of_a_command_is_one_reading() {
    in_sealed_netns(|| {
        lo_up();
        let output = run(
            &["drops", "-c", "0", "--for", "10ms", "--json"],
            &["sleep", "0.5"],
        );
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(report(&output)["readings"], 1);
    });
}

#[test]
fn a_command_that_ends_before_enough_readings_proves_nothing_bad() {
    in_sealed_netns(|| {
        lo_up();
        let full = listen("127.0.0.1:8080", 2);
        let several = [
            "queues",
            "-c",
            "99%",
            "--for",
            "60s",
            "--sustain",
            "2",
            "--json",
        ];
        assert_eq!(run(&several, &["true"]).status.code(), Some(0));
        let _clients = fill_accept_queue(&full, 3);
        let output = run(&several, &["true"]);
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(report(&output)["readings"], 1);
    });
}

#[test]
fn a_signal_is_passed_on_to_the_command() {
    in_sealed_netns(|| {
        lo_up();
        let script = "trap 'echo stopped; exit 9' TERM; echo ready; \
                      for i in $(seq 600); do sleep 0.05; done";
        let mut child = command(&["check", "drops", "-c", "0", "--", "sh", "-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the command writes");
        assert_eq!(line, "ready\n");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("it is ours");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("the command ends");
        assert_eq!(rest, "stopped\n");
        let output = child.wait_with_output().expect("its stderr can be read");
        assert_eq!(output.status.code(), Some(9), "{}", stderr(&output));
    });
}

//! `sockdiag doctor`: the page, the exit codes and what is fine.

use serde_json::Value;

use crate::support::netns::{in_netns_of_root, in_sealed_netns, lo_up, netns_inode, run};
use crate::support::program::{
    PROGRAM, assert_failed, finding, finish, json, problems, sockdiag, stderr, text,
};
use crate::support::schema::assert_valid;
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::terminal::Terminal;
use crate::support::users::as_nobody;

fn area<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut areas = report["looked_at"].as_array().expect("an array").iter();
    let found = areas.find(|area| area["area"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

#[test]
fn a_healthy_host_is_said_to_be_fine() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 16);
        let report = json(&["doctor", "--quick"]);
        assert_eq!(problems(&report), Vec::<&str>::new(), "{report:#}");
        assert_eq!(report["watched_ms"], Value::Null);
        assert_eq!(area(&report, "accept_queue")["verdict"], "ok");
        let page = text(&["doctor", "--quick"]);
        assert!(
            page.contains(": nothing wrong (one reading, 1 network namespace)"),
            "{page}"
        );
        let fine = "fine    accept queues 0 % full at most (listeners: 1) · SYN queues empty";
        assert!(page.contains(fine), "{page}");
    });
}

#[test]
fn without_a_command_it_is_the_doctor_who_answers() {
    in_sealed_netns(|| {
        let alone = text(&[]);
        assert!(alone.contains(": nothing wrong (watched 2."), "{alone}");
        let flags = text(&["--quick", "-qq"]);
        assert_eq!(flags.lines().count(), 1, "{flags}");
        assert!(flags.contains(": nothing wrong (one reading"), "{flags}");
    });
}

#[test]
fn the_page_has_a_block_for_each_problem() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let page = text(&["doctor", "--quick"]);
        let mut lines = page.lines();
        let verdict = lines.next().expect("a line");
        assert!(
            verdict.ends_with(": 1 critical (one reading, 1 network namespace)"),
            "{page}"
        );
        let head = lines.nth(1).expect("a head");
        assert!(head.starts_with("CRITICAL 127.0.0.1:8080  it-"), "{page}");
        assert!(head.ends_with("  accept_queue_full"), "{page}");
        assert!(!page.contains("--netns"), "{page}");
        let labels: Vec<&str> = lines
            .filter_map(|line| line.get(..8).map(str::trim_end))
            .filter(|label| !["", "info", "unseen"].contains(label))
            .collect();
        assert_eq!(labels, ["likely", "do", "next", "fine"], "{page}");
    });
}

/// 15 bytes, of which each is shown as four columns.
const LONG: &str = "\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b";

#[test]
fn lines_fit_the_terminal_and_commands_stay_whole() {
    in_sealed_netns(|| {
        lo_up();
        std::fs::write("/proc/self/comm", LONG).expect("a process may name itself");
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let report = json(&["doctor", "--quick"]);
        let commands = finding(&report, "accept_queue_full")["next"].as_array();
        let commands = commands.expect("a list").iter();
        let commands: Vec<&str> = commands.filter_map(Value::as_str).collect();
        assert!(commands.len() > 1, "{report:#}");
        for width in [80, 120] {
            let args = ["doctor", "--quick"];
            let no_colors = [("NO_COLOR", "1")];
            let (_, page) = Terminal::start_with(&args, (width, 50), &no_colors).end();
            for line in page.lines() {
                assert!(line.chars().count() <= width.into(), "{line}");
            }
            let has_id = page.lines().any(|line| line.contains("accept_queue_full"));
            assert!(has_id, "{page}");
            for command in &commands {
                let is_whole = page.lines().any(|line| line.contains(command));
                assert!(is_whole, "{command} in {page}");
            }
        }
    });
}

#[test]
fn the_exit_code_is_that_of_a_check_where_it_is_asked_for() {
    in_sealed_netns(|| {
        lo_up();
        let code = |args: &[&str]| sockdiag(args).status.code();
        let judged = ["doctor", "--quick", "--exit-code"];
        assert_eq!(code(&judged), Some(0));
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        assert_eq!(code(&judged), Some(2));
        assert_eq!(code(&["doctor", "--quick"]), Some(0));
        assert_eq!(
            code(&[&judged[..], &["--skip=accept_queue"]].concat()),
            Some(0)
        );
        assert_eq!(
            code(&[&judged[..], &["--only=ports,timewait"]].concat()),
            Some(0)
        );
    });
}

#[test]
fn an_unknown_area_or_a_filter_is_refused() {
    assert_failed(
        &sockdiag(&["doctor", "--only", "weather"]),
        2,
        &["weather", "accept_queue"],
    );
    assert_failed(&sockdiag(&["doctor", ":8080"]), 2, &[":8080"]);
    assert_failed(&sockdiag(&["--quick", "--for=1s"]), 2, &["--for"]);
}

#[test]
fn other_users_get_an_answer_and_read_what_they_could_not_see() {
    in_netns_of_root(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let output = as_nobody("", &["doctor", "--quick"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let page = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(page.contains("accept_queue_full"), "{page}");
        assert!(
            page.contains("unseen  owners (1): needs CAP_SYS_PTRACE"),
            "{page}"
        );
    });
}

#[test]
fn every_namespace_that_can_be_entered_is_looked_into() {
    in_sealed_netns(|| {
        lo_up();
        run("mkdir", &["-p", "/run/netns"]);
        let mut other = std::process::Command::new("unshare");
        let keeps_open = "ip link set lo up && exec cat";
        let mut other = other
            .args(["--net", "sh", "-c", keeps_open])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("unshare");
        crate::support::wait::wait_until("it is in another namespace", || {
            json(&["doctor", "--quick"])["namespaces"] == 2
        });
        drop(other.stdin.take());
        other.wait().expect("it ends");
        assert_eq!(json(&["doctor", "--quick"])["namespaces"], 1);
    });
}

#[test]
fn the_json_is_as_its_schema_says() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        assert_valid(
            "doctor",
            &[&["doctor", "--quick"], &["doctor", "--for=300ms"]],
        );
    });
}

/// In a namespace of its own, `settings of the host` cannot be seen.
#[test]
fn what_could_not_be_seen_is_listed_for_the_chosen_areas_alone() {
    in_sealed_netns(|| {
        let unseen = |areas: &str| -> Vec<String> {
            let report = json(&["doctor", "--quick", areas]);
            let unseen = report["incomplete"].as_array().expect("a list");
            let whats = unseen.iter().map(|missing| missing["what"].to_string());
            whats.collect()
        };
        let settings = "\"settings\"".to_owned();
        assert!(unseen("--only=settings").contains(&settings));
        assert!(!unseen("--only=ports").contains(&settings));
        assert!(!unseen("--skip=settings").contains(&settings));
    });
}

/// Where the time for scans runs out, it is the others that are left out. Inodes of namespaces are
/// in no order, so that each of two is asked from.
#[test]
fn the_namespace_of_the_caller_is_read_first() {
    in_sealed_netns(|| {
        run("mkdir", &["-p", "/run/netns"]);
        let paths = ["a", "b"].map(|name| {
            run("ip", &["netns", "add", name]);
            format!("/run/netns/{name}")
        });
        for path in &paths {
            let said = run(
                "nsenter",
                &[
                    &format!("--net={path}"),
                    PROGRAM,
                    "counters",
                    "--netns=all",
                    "--json",
                    "ListenDrops",
                ],
            );
            let report: Value = serde_json::from_str(&said).expect("JSON");
            let counters = report["counters"].as_array().expect("a list");
            assert_eq!(counters.len(), 3, "{report:#}");
            assert_eq!(
                counters[0]["netns"]["inode"],
                netns_inode(path),
                "{report:#}"
            );
        }
    });
}

#[test]
fn an_interrupt_ends_the_watch_with_a_report() {
    in_sealed_netns(|| {
        let interrupted = "timeout --preserve-status -s INT 1 \"$@\"";
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", interrupted, "sh", PROGRAM])
            .args(["doctor", "--for=1h"])
            .stdout(std::process::Stdio::piped());
        let output = finish(&mut command);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(page.contains("nothing wrong (watched "), "{page}");
    });
}

#[test]
fn markdown_has_a_heading_for_each_problem() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let page = text(&["doctor", "--quick", "-o", "markdown"]);
        assert!(page.starts_with("# sockdiag: "), "{page}");
        assert!(page.contains("\n## CRITICAL `127.0.0.1:8080`"), "{page}");
        assert!(page.contains(": accept_queue_full\n"), "{page}");
        assert!(page.contains("| accept queue | critical |"), "{page}");
    });
}

#[test]
fn a_ci_system_reads_a_case_for_each_area() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&server, 3);
        let xml = text(&[
            "doctor",
            "--quick",
            "-o",
            "junit",
            "--only=accept_queue,ports",
        ]);
        let counts = "tests=\"2\" failures=\"1\" errors=\"0\"";
        assert!(xml.contains(counts), "{xml}");
        let passed = "<testcase classname=\"sockdiag\" name=\"ports\"/>";
        assert!(xml.contains(passed), "{xml}");
        let failed = "<failure type=\"critical\" message=\"127.0.0.1:8080 (accept_queue_full): ";
        assert!(xml.contains(failed), "{xml}");
    });
}

//! `sockdiag check`: real queues and counters against thresholds, conditions and baselines.

use serde_json::Value;

use crate::support::check::{check, judged, metric};
use crate::support::helper_process::spawn_leaking;
use crate::support::netns::{in_netns_of_root, in_sealed_netns, lo_up};
use crate::support::program::{number, sockdiag, stderr};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tree::Tree;
use crate::support::users::as_nobody;

const QUICK: &str = "--for=0.1";
const FULL: &str = "127.0.0.1:8080";
const HALF_FULL: &str = "127.0.0.1:8081";

#[test]
fn the_fill_of_a_queue_is_compared_with_both_ranges() {
    in_sealed_netns(|| {
        lo_up();
        let half = listen(HALF_FULL, 9);
        let _clients = fill_accept_queue(&half, 5);
        for (args, code, status) in [
            (&["-w", "50%", "-c", "90%"][..], 0, "ok"),
            (&["-w", "40%", "-c", "90%"], 1, "warning"),
            (&["-w", "30%", "-c", "40%"], 2, "critical"),
            (&["-c", "queues_length=4"], 2, "critical"),
            (&["-c", "@50%:"], 2, "critical"),
            (&["-w", "~:50%"], 0, "ok"),
        ] {
            let (exit, report) = check(&[&["queues", QUICK], args].concat());
            assert_eq!(
                (exit, &report["status"]),
                (code, &status.into()),
                "{args:?}: {report:#}"
            );
            assert_eq!(number(&metric(&report, "queues_fill")["value"]), 0.5);
        }
    });
}

#[test]
fn without_thresholds_what_doctor_finds_decides() {
    in_sealed_netns(|| {
        lo_up();
        let healthy = listen(HALF_FULL, 9);
        // Not the settings of the machine that the test runs on.
        let all = [
            "queues", "drops", "syn", "ports", "timewait", "fds", "leaks", QUICK,
        ];
        let (exit, report) = check(&all);
        assert_eq!(exit, 0, "{report:#}");
        let is_problem = |finding: &&Value| finding["severity"] != "info";
        let findings = report["findings"].as_array().expect("findings[]");
        assert_eq!(findings.iter().find(is_problem), None);
        let full = listen(FULL, 2);
        let _clients = (fill_accept_queue(&full, 3), fill_accept_queue(&healthy, 1));
        let (exit, report) = check(&["all", QUICK]);
        assert_eq!(exit, 2, "{report:#}");
        assert_eq!(judged(&report, "queues")["status"], "critical");
        assert_ne!(judged(&report, "tune")["status"], "unknown");
        assert_eq!(judged(&report, "ports")["status"], "ok");
        assert_eq!(report["findings"][0]["id"], "accept_queue_full");
    });
}

#[test]
fn a_check_may_be_restricted_to_a_port_or_a_process() {
    in_sealed_netns(|| {
        lo_up();
        let (full, _healthy) = (listen(FULL, 2), listen("127.0.0.1:8081", 9));
        let _clients = fill_accept_queue(&full, 3);
        let own = std::process::id().to_string();
        for (args, code) in [
            (&["--port", "8080"][..], 2),
            (&["--port", "8081"], 0),
            // Nothing listens there: not 0 % full.
            (&["--port", "8082"], 3),
            (&["--process", &own], 2),
            (&["--process", "1", "--port", "8082"], 3),
        ] {
            for rest in [&["queues", "-c", "99%", QUICK][..], &["queues", QUICK]] {
                let (exit, report) = check(&[rest, args].concat());
                assert_eq!(exit, code, "{args:?} {rest:?}: {report:#}");
            }
        }
    });
}

#[test]
fn a_leak_is_found_of_the_process_that_has_it() {
    in_sealed_netns(|| {
        let leaking = spawn_leaking();
        for (pid, code) in [(leaking.pid(), 1), (std::process::id(), 0)] {
            let pid = pid.to_string();
            let (exit, report) = check(&["leaks", "--for=2s", "--process", &pid]);
            assert_eq!(exit, code, "{report:#}");
        }
    });
}

#[test]
fn a_condition_names_what_must_not_be_found() {
    in_sealed_netns(|| {
        lo_up();
        let full = listen(FULL, 2);
        let _clients = fill_accept_queue(&full, 3);
        for (ids, code) in [
            ("accept_queue_full", 2),
            ("ports_*", 0),
            ("ports_*,accept_queue_*", 2),
            ("timewait_overflow", 0),
        ] {
            let (exit, report) = check(&["--fail-on", ids, QUICK]);
            assert_eq!(exit, code, "{ids}: {report:#}");
        }
        let (_, report) = check(&["--fail-on", "ports_*,accept_queue_*", QUICK]);
        assert_eq!(judged(&report, "accept_queue_*")["status"], "critical");
        assert_eq!(judged(&report, "ports_*")["status"], "ok");
    });
}

#[test]
fn what_counts_must_hold_in_several_readings() {
    in_sealed_netns(|| {
        lo_up();
        let full = listen(FULL, 2);
        let _clients = fill_accept_queue(&full, 3);
        let (exit, report) = check(&["queues", "-c", "99%", QUICK, "--sustain", "2"]);
        assert_eq!((exit, &report["readings"]), (2, &2.into()), "{report:#}");
    });
}

#[test]
fn a_threshold_names_a_counter_as_the_check_does() {
    in_sealed_netns(|| {
        lo_up();
        let counters = ["counters", "ListenDrops", "ListenOverflows", QUICK];
        for (critical, judges) in [
            ("ListenDrops=0", "TcpExtListenDrops"),
            ("TcpExtListenOverflows=0", "TcpExtListenOverflows"),
            ("ListenDrops_rate=0/s", "TcpExtListenDrops_rate"),
        ] {
            let (exit, report) = check(&[&counters[..], &["-c", critical]].concat());
            assert_eq!(exit, 0, "{report:#}");
            let checks = report["checks"].as_array().expect("checks[]");
            assert_eq!(checks.len(), 1, "{critical}: {report:#}");
            assert_eq!(checks[0]["name"], judges);
        }
    });
}

#[test]
fn a_metric_worse_than_its_baseline_fails() {
    in_sealed_netns(|| {
        lo_up();
        let half = listen(HALF_FULL, 9);
        let folder = Tree::new();
        let file = format!("{}/baseline.json", folder.path());
        let first = sockdiag(&["check", "queues", QUICK, "-o", "json", "--report", &file]);
        assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
        let line = String::from_utf8_lossy(&first.stdout).into_owned();
        assert!(
            line.starts_with("CHECK OK - "),
            "the text is printed as usual: {line}"
        );

        let compared = ["queues", QUICK, "--baseline", &file];
        let (exit, report) = check(&compared);
        assert_eq!(exit, 0, "{report:#}");
        let _clients = fill_accept_queue(&half, 4);
        let (exit, report) = check(&[&compared[..], &["--tolerance", "30%"]].concat());
        assert_eq!(exit, 2, "{report:#}");
        assert_eq!(
            judged(&report, "queues_fill_baseline")["status"],
            "critical"
        );
        let ports = ["ports", QUICK, "--baseline", &file];
        let output = sockdiag(&[&["check"], &ports[..]].concat());
        assert_eq!(output.status.code(), Some(3), "nothing to compare with");
    });
}

#[test]
fn a_policy_says_the_same_as_flags() {
    in_sealed_netns(|| {
        lo_up();
        let (full, half) = (listen(FULL, 2), listen(HALF_FULL, 9));
        let _clients = (fill_accept_queue(&full, 3), fill_accept_queue(&half, 5));
        let folder = Tree::new();
        let file = format!("{}/checks.toml", folder.path());
        let entry = |port: u16, range: &str| {
            format!("[[check]]\nname = \"queues\"\nport = {port}\ncritical = \"{range}\"\n\n")
        };
        for (text, code) in [
            (entry(8081, "99%"), 0),
            (entry(8081, "99%") + &entry(8080, "99%"), 2),
            ("fail-on = [\"accept_queue_full\"]\n".to_owned(), 2),
        ] {
            folder.write("checks.toml", format!("for = \"100ms\"\n{text}"));
            let (exit, report) = check(&["-f", &file]);
            assert_eq!(exit, code, "{text}: {report:#}");
        }
        folder.write(
            "checks.toml",
            "for = \"100ms\"\n\n[[check]]\nname = \"queues\"\ncritcal = \"1\"\n",
        );
        let output = sockdiag(&["check", "-f", &file]);
        assert_eq!(output.status.code(), Some(3));
        let said = stderr(&output);
        assert!(
            said.contains("checks.toml:5: unknown field `critcal`"),
            "{said}"
        );
    });
}

#[test]
fn an_ordinary_user_may_check_queues() {
    in_netns_of_root(|| {
        lo_up();
        let (full, half) = (listen(FULL, 2), listen(HALF_FULL, 9));
        let _clients = (fill_accept_queue(&full, 3), fill_accept_queue(&half, 5));
        let check = |port: &str| {
            let own = ["check", "queues", "drops", "-c", "99%", "-c", "drops=0"];
            let output = as_nobody("", &[&own[..], &[QUICK, "--port", port]].concat());
            (
                output.status.code(),
                String::from_utf8_lossy(&output.stdout).into_owned(),
            )
        };
        let (code, line) = check("8080");
        assert_eq!(code, Some(2), "{line}");
        let (code, line) = check("8081");
        assert_eq!(code, Some(0), "{line}");
    });
}

//! What a user may type: names and patterns, filters, the flags of `ss`.

use std::net::TcpStream;

use crate::support::helper_process::process_name;
use crate::support::netns::{in_sealed_netns, lo_up, run};
use crate::support::program::{assert_failed, json, listeners, ports, sockdiag, stderr, text};
use crate::support::sockets::listen;
use crate::support::time_waits::client_time_waits;
use serde_json::Value;

#[test]
fn a_pattern_finds_processes_and_a_part_of_a_name_is_answered_with_one() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let name = process_name(std::process::id());
        let (part, pattern) = (&name[1..], format!("*{}*", &name[1..]));
        for command in ["queues", "fds"] {
            let report = json(&[command, "--process", &pattern]);
            let rows = report["listeners"]
                .as_array()
                .or(report["processes"].as_array());
            assert_eq!(rows.expect("rows").len(), 1, "{report:#}");
            let output = sockdiag(&[command, "--process", part]);
            let hint = format!("--process '{pattern}' matches {name}");
            assert_failed(&output, 1, &["no such process", &hint]);
            let output = sockdiag(&[command, "--process", "*nosuch*"]);
            assert_failed(&output, 1, &["no such process"]);
        }
    });
}

#[test]
fn a_port_goes_by_the_name_of_its_service() {
    in_sealed_netns(|| {
        lo_up();
        std::fs::write("/run/services", "sockdiag-test 8080/tcp\n").expect("/run is ours");
        run("mount", &["--bind", "/run/services", "/etc/services"]);
        let _servers = [listen("127.0.0.1:8080", 5), listen("127.0.0.1:8081", 5)];
        for filter in [
            ":sockdiag-test",
            "sport = :sockdiag-test",
            "127.0.0.1:sockdiag-test",
        ] {
            assert_eq!(ports(&json(&["queues", filter])), [8080], "{filter}");
        }
        let output = sockdiag(&["queues", ":no-such-service"]);
        assert_failed(
            &output,
            2,
            &["or the name of a service\n  :no-such-service\n   ^"],
        );
    });
}

#[test]
fn ports_and_timewait_take_a_filter_on_the_destination() {
    in_sealed_netns(|| {
        lo_up();
        let servers = ["127.0.0.1:8080", "127.0.0.2:8081"].map(|address| listen(address, 50));
        let _clients = ["127.0.0.1:8080", "127.0.0.2:8081"]
            .map(|address| TcpStream::connect(address).expect("room for it"));
        let destinations = |filter: &str| {
            let report = json(&["ports", filter]);
            let rows = report["tuples"].as_array().expect("tuples[]");
            let port = |row: &Value| row["destination"]["port"].as_u64().expect("a port");
            rows.iter().map(port).collect::<Vec<_>>()
        };
        assert_eq!(destinations(":8080"), [8080]);
        assert_eq!(destinations("dst 127.0.0.2"), [8081]);
        assert_eq!(destinations("not dport = :8080"), [8081]);
        assert!(destinations("src 10.0.0.1").is_empty());
        assert_failed(
            &sockdiag(&["ports", "sport = :80"]),
            2,
            &["use src, dst or dport"],
        );
        assert!(text(&["ports", ":9"]).contains("none of 2 sources and destinations matches"));
        drop(servers);

        let groups = |filter: &str| {
            let report = json(&["timewait", filter]);
            assert_eq!(report["count"], 3, "the sum covers all: {report:#}");
            let rows = report["groups"].as_array().expect("groups[]").clone();
            rows.iter()
                .map(|row| row["key"].clone())
                .collect::<Vec<_>>()
        };
        let closing = ["127.0.0.1:9000", "127.0.0.1:9001"].map(|address| listen(address, 50));
        client_time_waits(&closing[0], 2);
        client_time_waits(&closing[1], 1);
        assert_eq!(groups(":9001"), ["127.0.0.1:9001"]);
        assert_eq!(groups("dport = :9000"), ["127.0.0.1:9000"]);
        assert!(groups(":9002").is_empty());
    });
}

#[test]
fn a_unit_that_nothing_belongs_to_is_an_error() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        assert_eq!(listeners(&json(&["queues"])).len(), 1);
        for command in ["queues", "fds"] {
            let output = sockdiag(&[command, "--unit", "nosuch"]);
            assert_failed(&output, 1, &["--unit nosuch: no such unit"]);
        }
    });
}

#[test]
fn flags_of_ss_do_what_is_meant_or_are_answered() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        assert!(text(&["queues", "-lntp"]).contains("127.0.0.1:8080"));
        assert!(text(&["queues", "-lntupa"]).contains("127.0.0.1:8080"));
        text(&["ports", "-ntp"]);
        text(&["timewait", "-antp"]);
        for (args, answer) in [
            (&["queues", "-e"][..], "--columns"),
            (&["queues", "-lnte"], "--columns"),
            (&["ports", "-i"], "sockdiag sockets -i"),
            (&["queues", "-m"], "counters sockets"),
            (&["timewait", "-s"], "counters sockets"),
            (&["fds", "-p"], "fds --pid"),
            (&["counters", "-t"], "`sockdiag sockets -t`"),
            (&["trace", "-a"], "all rows are shown"),
            (&["ports", "-l"], "sockdiag queues"),
            (&["-lntp"], "sockdiag queues -lntp"),
            (&["-tan"], "sockdiag sockets -tan"),
            (&["sockets", "-0"], "sockdiag sockets packet"),
            (
                &["sockets", "-f", "netlink"],
                "as in `sockdiag sockets tcp udp`",
            ),
            (&["sockets", "-A", "tcp"], "precede the filter"),
            (&["sockets", "-H", "-tan"], "--no-header"),
            (&["sockets", "-tane"], "sockdiag sockets --columns help"),
            (
                &["sockets", "--extended"],
                "sockdiag sockets --columns help",
            ),
            (&["sockets", "-K"], "ss -K does"),
            (&["sockets", "-E"], "--watch"),
            (&["sockets", "-N", "blue"], "--netns"),
            (&["sockets", "--memory"], "sockdiag sockets -m"),
            (&["sockets", "--options"], "sockdiag sockets --timers"),
            (&["sockets", "-ts"], "sockdiag counters sockets"),
            (&[":8080"], "sockdiag queues :8080"),
        ] {
            assert_failed(&sockdiag(args), 2, &[answer]);
        }
        // What ss -o shows, and a format that is spelt wrongly.
        let formats = "(table, json, csv, prom)";
        for (args, answer) in [
            (&["sockets", "-o"][..], "needs a format"),
            (&["sockets", "-tano"], "needs a format"),
            (&["sockets", "-tano", "state", "established"], "not state;"),
            (&["queues", "-lo"], "needs a format"),
        ] {
            let answers = [
                formats,
                answer,
                "what ss -o shows is in `sockdiag sockets --timers`",
            ];
            assert_failed(&sockdiag(args), 2, &answers);
        }
        let output = sockdiag(&["sockets", "--output", "jsn"]);
        assert_failed(&output, 2, &["a similar value exists: 'json'"]);
        for args in [
            "-tan", "-tlnp", "-tunap", "-tulpn", "-ti", "-tm", "-x", "-4tan",
        ] {
            text(&["sockets", args]);
        }
        // No tip to pass a flag as a value.
        for args in [
            &["queues", "--no-such"][..],
            &["queues", "-1"],
            &["trace", "-z"],
        ] {
            let output = sockdiag(args);
            assert_failed(&output, 2, &["unexpected argument"]);
            assert!(!stderr(&output).contains("-- -"), "{}", stderr(&output));
        }
    });
}

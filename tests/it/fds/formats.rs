//! `sockdiag fds` for machines and terminals: schema, CSV, Prometheus text, widths, wrong usage.

use std::fs::File;
use std::net::TcpStream;

use crate::support::host::Host;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{command, finding, finish, json, sockdiag, stderr, text};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::screen::Screen;
use crate::support::sockets::listen;
use crate::support::terminal::Terminal;
use crate::support::tools::assert_promtool_accepts;
use crate::support::tree::{Tree, fixture};
use crate::support::wait::wait_until;
use serde_json::{Value, json as object};

const LAID_OUT: &str = "5.15-near-descriptor-limit";

/// The program's answer on a captured tree.
fn of_fixture(args: &[&str]) -> String {
    let root = fixture(LAID_OUT);
    let root = root.to_str().expect("a path in UTF-8");
    text(&[&["fds", "--proc-root", root], args].concat())
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        let commands = [
            &["fds"][..],
            &["fds", "--types", "--why"],
            &["fds", "--watch=0.05", "--count", "2"],
            &["fds", "--for", "60ms", "--every", "10ms"],
            &["fds", "--user", "4294967294"],
        ];
        assert_valid("fds", &commands);
        let report = json(&["fds"]);
        assert_eq!(report["schema"], "sockdiag/fds/v1");
        let wrong = [
            ("/processes", object!(null)),
            ("/processes/0/state", object!("melting")),
            ("/processes/0/pid", object!("one")),
            ("/system", object!([])),
        ];
        assert_refused("fds", &report, &wrong);
    });
}

#[test]
fn csv_holds_numbers_and_exact_names() {
    let csv = of_fixture(&["-o", "csv", "--types"]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let rows: Vec<_> = reader
        .records()
        .map(|row| row.expect("rows of one length"))
        .collect();
    let field = |row: usize, key: &str| {
        let at = header.iter().position(|name| name == key);
        rows[row][at.unwrap_or_else(|| panic!("no {key} in {header:?}"))].to_owned()
    };
    assert_eq!(rows.len(), 5);
    for (key, value) in [
        ("state", "near"),
        ("use", "0.875"),
        ("open", "7"),
        ("soft", "8"),
        ("per_minute", ""),
        ("full_in", ""),
        ("pid", "811"),
        ("process", "api"),
    ] {
        assert_eq!(field(0, key), value, "{key}");
    }
    assert_eq!(field(1, "process"), "api: worker (1)");
    assert!(field(0, "types").contains("epoll:1"));
}

#[test]
fn metrics_keep_the_nearest_of_those_that_share_a_name() {
    in_sealed_netns(|| {
        let metrics = of_fixture(&["-o", "prom"]);
        for line in [
            "sockdiag_open_files 1376",
            "sockdiag_nr_open 1048576",
            "sockdiag_process_open_descriptors{unit=\"api.service\",process=\"api\"} 7",
            "sockdiag_process_descriptors_used_ratio{unit=\"api.service\",process=\"api\"} 0.875",
            "sockdiag_process_open_descriptors{unit=\"\",process=\"bash\"} 3",
            "sockdiag_processes_at_descriptor_limit 0",
        ] {
            assert!(
                metrics.lines().any(|found| found == line),
                "no {line} in {metrics}"
            );
        }
        assert_promtool_accepts(&metrics);
        assert_promtool_accepts(&text(&["fds", "-o", "prom"]));
    });
}

#[test]
fn a_table_is_what_is_asked_for() {
    let table = of_fixture(&["--top", "1", "-qq"]);
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("near    88% ████████▊"), "{table}");
    let names = of_fixture(&[
        "--columns",
        "pid,open",
        "--no-header",
        "--sort",
        "open",
        "-qq",
    ]);
    assert_eq!(names, "811  7\n  1  7\n812  4\n733  4\n900  3\n");
    let reverse = of_fixture(&[
        "--columns",
        "process",
        "--no-header",
        "--sort",
        "-process",
        "-qq",
    ]);
    assert!(reverse.starts_with("systemd (1)\n"), "{reverse}");
    let one = of_fixture(&["--pid", "733", "--pid", "900", "--json"]);
    let one: Value = serde_json::from_str(&one).expect("JSON");
    let pids: Vec<_> = one["processes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| &p["pid"])
        .collect();
    assert_eq!(pids, [733, 900]);
    assert!(of_fixture(&["--unit", "ssh"]).contains("sshd (733)"));
    assert!(of_fixture(&["--process", "sshd"]).contains("sshd (733)"));
    let none = ["--unit", "ssh", "--process", "systemd"];
    assert!(of_fixture(&none).contains("none of 5 visible processes matches"));
    assert!(of_fixture(&["-v"]).contains("the limit in force"));
    for key in ["use", "full_in", "types"] {
        assert!(text(&["fds", "--columns", "help"]).contains(key));
    }
}

#[test]
fn a_hard_limit_above_nr_open_and_a_full_host_are_noted() {
    let tree = Tree::copy_of(LAID_OUT);
    tree.write("sys/fs/nr_open", "524287\n");
    tree.write("sys/fs/file-max", "1500\n");
    let root = ["fds", "--proc-root", tree.path()];
    let report = json(&root);
    let above = finding(&report, "fd_limit_above_nr_open");
    assert_eq!(above["subject"], "sshd (733), bash (900), systemd (1)");
    assert_eq!(finding(&report, "host_files_near_limit")["subject"], "host");
    let text_with = |quiet: &[&str]| text(&[&root[..], quiet].concat());
    assert!(
        text_with(&["-q"]).contains("ENFILE"),
        "{}",
        text_with(&["-q"])
    );
    assert!(!text_with(&["-qq"]).contains("ENFILE"));
    assert!(text_with(&["-v"]).contains("  do     sysctl -w fs.nr_open=1048576"));
    // What open() goes by is nr_open then.
    tree.write("sys/fs/nr_open", "7\n");
    let report = json(&root);
    assert_eq!(report["processes"][0]["state"], "full");
}

#[test]
fn narrow_terminals_keep_what_matters() {
    in_sealed_netns(|| {
        let root = fixture(LAID_OUT);
        let args = ["fds", "--proc-root", root.to_str().expect("UTF-8")];
        for (columns, whole) in [(200, true), (80, false), (44, false)] {
            let (_, output) = Terminal::start(&args, (columns, 24)).end();
            let screen = Screen::showing(&output, columns.into(), 24);
            let lines = screen.lines();
            let head = lines
                .iter()
                .find(|line| line.contains("USE"))
                .expect("a head");
            for title in ["USE", "OPEN", "SOFT", "PROCESS"] {
                assert!(head.contains(title), "{columns}: {head}");
            }
            assert_eq!(head.contains("UNIT"), whole, "{head}");
            assert!(!whole || head.contains("HARD"), "{head}");
            assert!(
                lines.iter().any(|line| line.contains("api (811)")),
                "{lines:?}"
            );
        }
    });
}

#[test]
fn a_watch_redraws_in_place() {
    in_sealed_netns(|| {
        let args = [
            "fds",
            "--watch=0.05",
            "--count",
            "3",
            "--process",
            &std::process::id().to_string(),
        ];
        // The title has the name of the host, which may be long, before the number of readings.
        let (_, output) = Terminal::start(&args, (200, 24)).end();
        let screen = Screen::showing(&output, 200, 24);
        let text = screen.lines().join("\n");
        for word in ["host: ", "Δ/min", "FULL IN", "(reading 3"] {
            assert!(text.contains(word), "no {word} in {text}");
        }
        let lines = self::text(&args);
        assert_eq!(lines.matches("STATE").count(), 3, "{lines}");
    });
}

#[test]
fn wrong_usage_is_answered() {
    for (args, code, reason) in [
        (&["fds", "--watch", "2"][..], 2, "--watch=2"),
        (&["fds", "api"], 2, "unexpected argument 'api'"),
        (&["fds", "--pid", "many"], 2, "many"),
        (&["fds", "--sort", "beauty"], 2, "beauty"),
        (&["fds", "--top", "0"], 2, "0"),
        (&["fds", "-o", "prom", "--watch"], 2, "prom"),
        (&["fds", "--pid", "4194305"], 1, "no such process"),
        (
            &["fds", "--process", "no-such-process"],
            1,
            "no such process",
        ),
        (&["fds", "--user", "no-such-user"], 1, "no such user"),
        (
            &["fds", "--netns", "no-such-namespace"],
            1,
            "no-such-namespace",
        ),
        (
            &["fds", "--proc-root", "/no/such/folder"],
            1,
            "/no/such/folder",
        ),
    ] {
        let output = sockdiag(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(
            said.starts_with("sockdiag: ") && said.contains(reason),
            "{args:?}: {said}"
        );
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = finish(command(&["fds"]).stdout(full));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("No space left"));
}

#[test]
fn processes_of_one_name_are_told_apart_by_their_command_lines() {
    in_sealed_netns(|| {
        let sleepers = ["3601", "3602"].map(|seconds| {
            let mut sleep = std::process::Command::new("sleep");
            sleep
                .arg(seconds)
                .spawn()
                .expect("sleep is part of coreutils")
        });
        let pids = sleepers
            .each_ref()
            .map(|sleeper| sleeper.id().to_string())
            .join(",");
        wait_until("both have begun", || {
            let table = text(&["fds", "--pid", &pids, "-qq"]);
            table.contains("sleep 3601") && table.contains("sleep 3602")
        });
        let report = json(&["fds", "--pid", &sleepers[0].id().to_string()]);
        assert_eq!(report["processes"][0]["command_line"], "sleep 3601");
        let (_, output) = Terminal::start(&["fds", "--pid", &pids, "-qq"], (80, 24)).end();
        assert!(output.contains("sleep 3601"), "{output}");
        for mut sleeper in sleepers {
            sleeper.kill().expect("it is ours");
            sleeper.wait().expect("it is ours");
        }
        // A name alone says enough.
        let own = std::process::id().to_string();
        assert!(!text(&["fds", "--pid", &own]).contains("COMMAND"));
    });
}

#[test]
fn types_name_the_peers_and_paths_of_most_descriptors() {
    in_sealed_netns(|| {
        lo_up();
        let server = listen("127.0.0.1:5432", 50);
        let _clients: Vec<_> = (0..3)
            .map(|_| TcpStream::connect("127.0.0.1:5432").expect("room for it"))
            .collect();
        let tree = Tree::new();
        for name in ["a.log", "b.log"] {
            tree.write(name, "");
        }
        let files = ["a.log", "b.log"].map(|name| File::open(format!("{}/{name}", tree.path())));
        let own = std::process::id().to_string();
        let args = ["fds", "--pid", &own, "--types"];
        let report = json(&args);
        let types = &report["processes"][0]["types"];
        assert_eq!(
            types["peers"],
            object!([{"address": "127.0.0.1", "port": 5432, "count": 3}])
        );
        assert_eq!(report["incomplete"], object!([]));
        let directory = format!("{}/", tree.path());
        let paths = types["paths"].as_array().expect("paths[]");
        assert!(
            paths.contains(&object!({"path": directory, "count": 2})),
            "{paths:?}"
        );
        let table = text(&args);
        assert!(
            table.contains("TCP with 127.0.0.1:5432 ×3; files "),
            "{table}"
        );
        // From another namespace, their peers cannot be looked up.
        let elsewhere = Host::new().run(|| json(&args));
        assert_eq!(elsewhere["processes"][0]["types"]["peers"], object!([]));
        let missing = &elsewhere["incomplete"][0];
        assert_eq!(
            (&missing["what"], &missing["count"]),
            (&object!("peers"), &object!(1))
        );
        drop((server, files));
    });
}

//! `sockdiag check`: what monitoring and CI systems read, and the files in `contrib/` for them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::check::check;
use crate::support::netns::{in_sealed_netns, lo_up};
use crate::support::program::{PROGRAM, finish, sockdiag, stderr};
use crate::support::schema::{assert_refused, assert_valid};
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tools::tool_output;
use crate::support::tree::Tree;

/// A run that ends with this code, and its output.
fn output(args: &[&str], code: i32) -> String {
    let output = sockdiag(&[&["check", "--for", "0.1"], args].concat());
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    String::from_utf8(output.stdout).expect("UTF-8 on stdout")
}

#[test]
fn every_format_has_the_same_verdict() {
    in_sealed_netns(|| {
        lo_up();
        let full = listen("127.0.0.1:8080", 2);
        let _clients = fill_accept_queue(&full, 3);
        let args = ["queues", "timewait", "-c", "99%"];
        let with = |format: &'static str| output(&[&args[..], &["-o", format]].concat(), 2);

        let line = with("text");
        assert!(line.starts_with("CHECK CRITICAL - queues_fill: "), "{line}");
        assert!(
            line.contains("100%, at 127.0.0.1:8080 (critical 99%); 1 OK | "),
            "{line}"
        );
        assert!(line.contains("'queues_fill'=100%;;99;0;100 "), "{line}");
        assert!(line.contains(" 'timewait_fill'=0%;;99;0;100"), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");

        let annotations = with("github");
        let expected = "::error title=sockdiag CRITICAL%3A queues_fill::fill of the fullest";
        assert!(annotations.starts_with(expected), "{annotations}");
        assert_eq!(annotations.lines().count(), 1, "{annotations}");

        let points = with("tap");
        let expected = "TAP version 14\n1..2\nnot ok 1 - queues_fill\n  ---\n";
        assert!(points.starts_with(expected), "{points}");
        assert!(points.ends_with("ok 2 - timewait_fill\n"), "{points}");

        let folder = Tree::new();
        folder.write("report.xml", with("junit"));
        let file = format!("{}/report.xml", folder.path());
        let count = "import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); \
            print(r.get('tests'), r.get('failures'), len(r.findall('.//testcase')), len(r.findall('.//failure')))";
        if let Some(counts) = tool_output("python3", &["-c", count, &file]) {
            assert_eq!(counts.trim(), "2 1 2 1");
        }
    });
}

#[test]
fn real_output_is_valid_by_the_published_schema() {
    in_sealed_netns(|| {
        lo_up();
        let _healthy = listen("127.0.0.1:8081", 9);
        assert_valid(
            "check",
            &[
                &["check", "queues", "ports", "fds", "leaks", "--for", "0.1"],
                &[
                    "check", "queues", "drops", "-w", "80%", "-c", "drops=0", "--for", "0.1",
                ],
                &[
                    "check",
                    "counters",
                    "ListenDrops",
                    "-c",
                    "0",
                    "--for",
                    "0.1",
                ],
            ],
        );
        let (_, report) = check(&["queues", "-c", "99%", "--for", "0.1"]);
        assert_refused(
            "check",
            &report,
            &[
                ("/status", "fine".into()),
                ("/checks/0/status", serde_json::Value::Null),
                ("/checks/0/unit", "furlongs".into()),
                ("/metrics/0/value", "1".into()),
            ],
        );
    });
}

/// The command lines of a file below `contrib/`, from `sockdiag check` to the end of the line.
fn command_lines(file: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("contrib")
        .join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with(['#', '/', '*']));
    let commands = lines.filter_map(|line| line.find("sockdiag check").map(|at| &line[at..]));
    commands.map(str::to_owned).collect()
}

#[test]
fn the_command_lines_of_contrib_can_be_run() {
    in_sealed_netns(|| {
        lo_up();
        let _server = listen("127.0.0.1:8080", 5);
        let folder = Tree::new();
        folder.write("load-test.sh", "#!/bin/sh\necho load\n");
        let program = Path::new(PROGRAM)
            .parent()
            .expect("a folder")
            .to_str()
            .expect("UTF-8");
        for file in ["ci/github.yml", "ci/gitlab.yml", "monitoring/nagios.cfg"] {
            let lines = command_lines(file);
            assert!(!lines.is_empty(), "{file}");
            for line in lines {
                // Macros of Nagios, which the services in the file give values to.
                let line = line
                    .replace("$ARG1$", "queues")
                    .replace("$ARG2$", "80%")
                    .replace("$ARG3$", "99%");
                let mut shell = Command::new("sh");
                shell
                    .args([
                        "-c",
                        &format!("chmod +x load-test.sh; PATH={program}:$PATH; {line}"),
                    ])
                    .current_dir(folder.path())
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped());
                let output = finish(&mut shell);
                assert_eq!(
                    output.status.code(),
                    Some(0),
                    "{file}: {line}: {}",
                    stderr(&output)
                );
            }
        }
    });
}

/// Where python3 has a parser of YAML.
#[test]
fn the_jobs_of_contrib_are_yaml() {
    for (file, keys) in [
        ("ci/github.yml", "name on jobs"),
        ("ci/gitlab.yml", "load-test"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("contrib")
            .join(file);
        let path = path.to_str().expect("UTF-8");
        let load = "import sys\ntry:\n import yaml\nexcept ImportError:\n print(sys.argv[2])\n sys.exit()\n\
            print(*('on' if key is True else key for key in yaml.safe_load(open(sys.argv[1]))))";
        if let Some(found) = tool_output("python3", &["-c", load, path, keys]) {
            assert_eq!(found.trim(), keys, "{file}");
        }
    }
}

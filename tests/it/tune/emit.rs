//! `sockdiag tune --emit`: files that others accept.

use std::process::Command;

use crate::support::netns::{in_netns, lo_up, sysctl};
use crate::support::program::{assert_failed, json, sockdiag, text};
use crate::support::skipped::report_skipped;
use crate::support::sockets::{fill_accept_queue, listen};
use crate::support::tree::Tree;
use crate::support::unanswered::{syn_flood, unanswered_syns};

const NEAR_LIMIT: &str = "5.15-near-descriptor-limit";

/// The lines that are no comment.
fn settings(file: &str) -> Vec<&str> {
    let lines = file.lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[test]
fn the_sysctl_file_is_accepted_by_sysctl_and_by_our_own_reader() {
    in_netns(|| {
        unanswered_syns();
        sysctl("net/core/somaxconn", 4);
        sysctl("net/ipv4/tcp_abort_on_overflow", 1);
        let server = listen("10.9.0.1:8080", 128);
        let _clients = fill_accept_queue(&server, 5);
        syn_flood("10.9.0.1:8080", 7);

        let file = text(&["tune", "--emit", "sysctl.d"]);
        let expected = [
            "net.core.somaxconn = 4096",
            "net.ipv4.tcp_abort_on_overflow = 0",
        ];
        assert_eq!(settings(&file), expected, "{file}");
        for word in [
            "dropped 7 packets",
            "listen() again",
            "costs: ",
            "docker run --sysctl",
        ] {
            assert!(file.contains(word), "{word}: {file}");
        }

        let tree = Tree::new();
        tree.write("1/root/etc/sysctl.d/90-sockdiag.conf", &file);
        tree.write("sys/net/core/somaxconn", "4096\n");
        tree.write("sys/net/core/netdev_max_backlog", "1000\n");
        tree.write("sys/net/ipv4/tcp_abort_on_overflow", "1\n");
        let report = json(&["tune", "--drift", "--proc-root", tree.path()]);
        let drift = |key: &str| {
            let settings = report["settings"].as_array().expect("settings[]");
            let found = settings.iter().find(|one| one["key"] == key);
            found.unwrap_or_else(|| panic!("no {key}: {report:#}"))["boot"]["differs"].clone()
        };
        assert_eq!(drift("net.core.somaxconn"), false);
        assert_eq!(drift("net.ipv4.tcp_abort_on_overflow"), true);

        let path = format!("{}/1/root/etc/sysctl.d/90-sockdiag.conf", tree.path());
        let checked = Command::new("sysctl")
            .args(["--dry-run", "-p", &path])
            .output();
        match checked {
            Ok(output) if String::from_utf8_lossy(&output.stderr).contains("dry-run") => {
                report_skipped("sysctl has no --dry-run");
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success(), "{output:?}");
                let lines: Vec<&str> = said.lines().collect();
                assert_eq!(lines, expected);
            }
            Err(error) => report_skipped(&format!("sysctl: {error}")),
        }
    });
}

#[test]
fn nothing_to_change_is_a_comment() {
    in_netns(|| {
        lo_up();
        for kind in ["sysctl.d", "systemd", "limits.conf"] {
            let file = text(&["tune", "net.ipv4.tcp_fin_timeout", "--emit", kind]);
            assert!(file.starts_with("# Nothing to change"), "{file}");
            assert!(settings(&file).is_empty(), "{file}");
        }
    });
}

#[test]
fn a_drop_in_is_made_for_the_unit_of_a_process_near_its_limit() {
    let tree = Tree::copy_of(NEAR_LIMIT);
    let file = text(&[
        "tune",
        "fs",
        "--emit",
        "systemd",
        "--proc-root",
        tree.path(),
    ]);
    assert_eq!(
        settings(&file),
        ["[Service]", "LimitNOFILE=16:16"],
        "{file}"
    );
    for word in [
        "/etc/systemd/system/api.service.d/90-sockdiag.conf",
        "7 of 8 descriptors",
        "systemctl daemon-reload && systemctl restart api.service",
    ] {
        assert!(file.contains(word), "{word}: {file}");
    }

    let units = Tree::new();
    units.write("api.service", "[Service]\nExecStart=/bin/true\n");
    units.write("api.service.d/90-sockdiag.conf", &file);
    let verify = |folder: &Tree| {
        let unit = format!("{}/api.service", folder.path());
        let path = format!("{}:/usr/lib/systemd/system", folder.path());
        let mut command = Command::new("systemd-analyze");
        let output = command
            .args(["verify", "--man=no", &unit])
            .env("SYSTEMD_UNIT_PATH", path)
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    match verify(&units) {
        Some(said) => {
            assert!(!said.contains("90-sockdiag.conf"), "{said}");
            let broken = file.replace("LimitNOFILE", "LimitNOFILES");
            units.write("api.service.d/90-sockdiag.conf", broken);
            let said = verify(&units).expect("it ran before");
            assert!(
                said.contains("90-sockdiag.conf"),
                "it reads the drop-in: {said}"
            );
        }
        None => report_skipped("systemd-analyze is not installed"),
    }
}

#[test]
fn limits_of_logins_and_of_services_are_told_apart() {
    let tree = Tree::copy_of(NEAR_LIMIT);
    let emit = |kind| text(&["tune", "nofile", "--emit", kind, "--proc-root", tree.path()]);
    let file = emit("limits.conf");
    assert!(settings(&file).is_empty(), "{file}");
    assert!(
        file.contains("api.service is near its limit, too, and ignores this file"),
        "{file}"
    );

    tree.write(
        "811/cgroup",
        "0::/user.slice/user-0.slice/session-3.scope\n",
    );
    let file = emit("limits.conf");
    let lines = settings(&file);
    assert_eq!(lines.len(), 2, "{file}");
    assert!(lines[0].ends_with(" soft nofile 16"), "{file}");
    assert!(lines[1].ends_with(" hard nofile 16"), "{file}");
    assert!(settings(&emit("systemd")).is_empty());
}

#[test]
fn a_name_cannot_leave_its_comment() {
    let tree = Tree::copy_of(NEAR_LIMIT);
    tree.write("811/comm", "a\nnet.core.somaxconn = 1\n");
    for kind in ["systemd", "limits.conf"] {
        let file = text(&["tune", "fs", "--emit", kind, "--proc-root", tree.path()]);
        assert!(
            !settings(&file)
                .iter()
                .any(|line| line.contains("somaxconn")),
            "{file}"
        );
    }
}

#[test]
fn a_file_is_no_other_format() {
    for other in [
        &["--json"][..],
        &["-w"],
        &["--drift"],
        &["-o", "csv"],
        &["--top", "1"],
    ] {
        let args = [&["tune", "--emit", "sysctl.d"], other].concat();
        assert_failed(&sockdiag(&args), 2, &["--emit"]);
    }
}

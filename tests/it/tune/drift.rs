//! `sockdiag tune --drift`: what runs, and what files set at boot.

use crate::support::netns::{in_netns, in_sealed_netns, lo_up, run, sysctl};
use crate::support::program::{finding, finding_ids, json, text};
use crate::support::skipped::report_skipped;
use crate::support::tree::Tree;
use serde_json::{Value, json as object};

fn drift(tree: &Tree) -> Value {
    json(&["tune", "--drift", "--proc-root", tree.path()])
}

/// Key, value, value at boot and whether they differ.
fn told(report: &Value) -> Vec<(String, Value, Value, Value)> {
    let settings = report["settings"].as_array().expect("settings[]");
    let mut told: Vec<_> = settings
        .iter()
        .map(|one| {
            let boot = &one["boot"];
            let key = one["key"].as_str().expect("a key").to_owned();
            (
                key,
                one["value"].clone(),
                boot["value"].clone(),
                boot["differs"].clone(),
            )
        })
        .collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    told
}

/// The first namespace of a host.
fn host() -> Tree {
    let tree = Tree::new();
    tree.write("sys/net/core/netdev_max_backlog", "1000\n");
    tree.write("sys/net/core/somaxconn", "4096\n");
    tree.write("sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
    tree.write("sys/fs/nr_open", "1048576\n");
    for interface in ["all", "default", "eth0.100", "lo"] {
        tree.write(&format!("sys/net/ipv4/conf/{interface}/rp_filter"), "2\n");
    }
    tree
}

#[test]
fn files_are_read_in_the_order_of_systemd() {
    let tree = host();
    tree.write(
        "1/root/usr/lib/sysctl.d/50-default.conf",
        "net.core.somaxconn = 1\n",
    );
    tree.write("1/root/usr/lib/sysctl.d/10-first.conf", "-fs/nr_open=1\n");
    tree.write(
        "1/root/etc/sysctl.d/60-mine.conf",
        "# mine\nnet/core/somaxconn=128\n",
    );
    tree.write(
        "1/root/run/sysctl.d/50-default.conf",
        "net.ipv4.tcp_rmem=4096 131072 6291456\n",
    );
    let report = drift(&tree);
    let expected = [
        (
            "fs.nr_open".to_owned(),
            object!(1_048_576),
            object!(1),
            object!(true),
        ),
        (
            "net.core.somaxconn".to_owned(),
            object!(4096),
            object!(128),
            object!(true),
        ),
        (
            "net.ipv4.tcp_rmem".to_owned(),
            object!("4096 131072 6291456"),
            object!("4096 131072 6291456"),
            object!(false),
        ),
    ];
    assert_eq!(told(&report), expected);
    let found = finding(&report, "setting_drift");
    assert_eq!(found["severity"], "info");
    let table = text(&["tune", "--drift", "--proc-root", tree.path()]);
    assert!(table.contains("/etc/sysctl.d/60-mine.conf:2"), "{table}");
    assert!(
        table.contains("1 other is as set at boot (--all)"),
        "{table}"
    );
    assert!(!table.contains("tcp_rmem"), "{table}");
}

#[test]
fn patterns_are_resolved_by_the_interfaces_that_are_there() {
    let tree = host();
    let lines = "net.ipv4.conf.*.rp_filter = 1\n-net.ipv4.conf.all.rp_filter\nnet.ipv4.conf.lo.rp_filter=0\n";
    tree.write("1/root/etc/sysctl.d/50.conf", lines);
    let key = |name: &str| format!("net.ipv4.conf.{name}.rp_filter");
    let row = |name: &str, boot: i64| (key(name), object!(2), object!(boot), object!(true));
    let expected = [row("default", 1), row("eth0/100", 1), row("lo", 0)];
    assert_eq!(told(&drift(&tree)), expected);
}

#[test]
fn what_is_gone_and_what_is_not_read_at_boot_is_said() {
    let tree = host();
    tree.write(
        "1/root/etc/sysctl.d/50.conf",
        "net.ipv4.tcp_tw_recycle = 1\n",
    );
    tree.write("1/root/etc/sysctl.conf", "net.core.somaxconn = 1\n");
    let report = drift(&tree);
    let gone = (
        "net.ipv4.tcp_tw_recycle".to_owned(),
        Value::Null,
        object!(1),
        object!(true),
    );
    assert_eq!(told(&report), [gone]);
    assert_eq!(report["settings"][0]["reason"], "removed in Linux 4.12");
    assert_eq!(finding_ids(&report), ["setting_drift", "setting_drift"]);
    assert_eq!(report["findings"][1]["subject"], "/etc/sysctl.conf");

    tree.link("1/root/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
    let report = drift(&tree);
    assert_eq!(told(&report)[0].0, "net.core.somaxconn");
    let boot = report["settings"].as_array().expect("settings[]");
    let boot = boot.iter().find(|one| one["key"] == "net.core.somaxconn");
    let place = &boot.expect("it is read now")["boot"]["place"];
    assert_eq!(*place, object!({"file": "/etc/sysctl.conf", "line": 1}));
}

#[test]
fn no_key_leads_out_of_the_settings() {
    let tree = host();
    tree.write("secret", "42\n");
    let lines = "net/../../secret = 1\n/../secret = 1\n../secret=1\nnet/core/../../../secret=1\n";
    tree.write("1/root/etc/sysctl.d/50.conf", lines);
    for (key, value, ..) in told(&drift(&tree)) {
        assert!(value.is_null(), "{key}: {value}");
    }
}

#[test]
fn the_namespace_of_the_first_process_is_compared() {
    in_sealed_netns(|| {
        lo_up();
        run("mount", &["-t", "tmpfs", "none", "/etc/sysctl.d"]);
        let file = "/etc/sysctl.d/zz-last.conf";
        std::fs::write(file, "net.core.somaxconn = 1000\nnet.ipv4.tcp_rfc1337=0\n").expect(file);
        sysctl("net/core/somaxconn", 999);
        let report = json(&["tune", "--drift", "somaxconn", "tcp_rfc1337"]);
        let row = |key: &str, value: i64, boot: i64| {
            (
                key.to_owned(),
                object!(value),
                object!(boot),
                object!(value != boot),
            )
        };
        let expected = [
            row("net.core.somaxconn", 999, 1000),
            row("net.ipv4.tcp_rfc1337", 0, 0),
        ];
        assert_eq!(told(&report), expected);
        assert_eq!(report["incomplete"], object!([]));
    });
}

/// After systemd-sysctl has applied the files, nothing may differ from what is read in them.
#[test]
fn systemd_sysctl_sets_what_the_files_are_said_to_set() {
    const SYSTEMD: &str = "/usr/lib/systemd/systemd-sysctl";
    if !std::path::Path::new(SYSTEMD).exists() {
        return report_skipped("systemd-sysctl is not installed");
    }
    in_sealed_netns(|| {
        lo_up();
        for folder in ["/etc/sysctl.d", "/usr/lib/sysctl.d"] {
            run("mount", &["-t", "tmpfs", "none", folder]);
        }
        std::fs::create_dir("/run/sysctl.d").expect("/run is empty");
        for (file, text) in [
            (
                "/usr/lib/sysctl.d/50-a.conf",
                "net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\nnet.core.somaxconn = 1001\n",
            ),
            (
                "/usr/lib/sysctl.d/45-c.conf",
                "net.ipv4.tcp_syn_retries = 3\n",
            ),
            (
                "/run/sysctl.d/45-c.conf",
                "net.ipv4.tcp_fin_timeout=44\n  -net/ipv4/conf/lo/rp_filter = 1\n",
            ),
            (
                "/etc/sysctl.d/40-b.conf",
                "net.core.somaxconn = 1002\nnet.ipv4.tcp_fin_timeout=33\n; net.ipv4.tcp_rfc1337=1\n",
            ),
        ] {
            std::fs::write(file, text).expect(file);
        }
        run(SYSTEMD, &[]);
        let report = json(&["tune", "--drift"]);
        let row = |key: &str, value: i64| {
            (
                key.to_owned(),
                object!(value),
                object!(value),
                object!(false),
            )
        };
        let expected = [
            row("net.core.somaxconn", 1001),
            row("net.ipv4.conf.default.rp_filter", 2),
            row("net.ipv4.conf.lo.rp_filter", 1),
            row("net.ipv4.tcp_fin_timeout", 44),
        ];
        assert_eq!(told(&report), expected);
        sysctl("net/ipv4/tcp_fin_timeout", 45);
        assert_eq!(finding_ids(&json(&["tune", "--drift"])), ["setting_drift"]);
    });
}

#[test]
fn another_namespace_is_not_compared() {
    in_netns(|| {
        lo_up();
        let report = json(&["tune", "--drift"]);
        for (key, value, _, differs) in told(&report) {
            assert!(
                !key.starts_with("net.") || (value.is_null() && differs.is_null()),
                "{key}"
            );
        }
        let incomplete = report["incomplete"].as_array().expect("a list");
        assert!(
            incomplete.iter().any(|one| one["what"] == "net.*"),
            "{incomplete:?}"
        );
    });
}

//! Settings against files.

use super::{
    super::{Selection, TuneReport, Verdict, against_boot},
    scene::{Scene, one},
};
use crate::model::{BootLine, BootSettings, Place, Sysctl};

fn line(key: &str, value: Option<&str>, number: u64) -> BootLine {
    BootLine {
        key: key.to_owned(),
        value: value.map(str::to_owned),
        place: Place {
            file: "/etc/sysctl.d/10.conf".to_owned(),
            line: number,
        },
    }
}

/// The first process is in the namespace `netns`.
fn compared(running: &[(&str, &str)], lines: &[(&str, Option<&str>)], netns: u64) -> TuneReport {
    let mut scene = Scene::new(running);
    let lines = lines.iter().zip(1..);
    scene.0.host_settings.as_mut().unwrap().boot = Some(BootSettings {
        lines: lines
            .map(|((key, value), at)| line(key, *value, at))
            .collect(),
        netns: Some(netns),
        ..BootSettings::default()
    });
    against_boot(&scene.0, &Selection::default())
}

/// Key and whether it differs.
fn told(report: &TuneReport) -> Vec<(&str, Option<bool>)> {
    let settings = report.settings.iter();
    let mut told: Vec<_> = settings
        .map(|one| (one.key.as_str(), one.boot.as_ref().unwrap().differs))
        .collect();
    told.sort_unstable();
    told
}

#[test]
fn values_are_compared_as_the_kernel_reads_them() {
    let running = [
        ("net.core.somaxconn", "4096"),
        ("net.ipv4.ip_local_port_range", "1024\t65535"),
        ("net.ipv4.ip_local_reserved_ports", "8080,9000-9002"),
        ("net.ipv4.tcp_fastopen", "31"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t6291456"),
        ("net.ipv4.tcp_congestion_control", "bbr"),
        ("net.ipv4.tcp_retries2", "8"),
        ("net.ipv4.tcp_wmem", "4096\t16384\t4194304"),
    ];
    let same = [
        ("net.core.somaxconn", Some("4096")),
        ("net.ipv4.ip_local_port_range", Some("1024   65535")),
        (
            "net.ipv4.ip_local_reserved_ports",
            Some("9000-9001,9002,8080"),
        ),
        ("net.ipv4.tcp_fastopen", Some("0x1f")),
        ("net.ipv4.tcp_rmem", Some("4096 131072")),
        ("net.ipv4.tcp_congestion_control", Some("bbr")),
        // The kernel takes the numbers and ignores the rest.
        ("net.ipv4.tcp_retries2", Some("8 # RFC 1122")),
        ("net.ipv4.tcp_wmem", Some("4096 16384 4194304 # 3")),
    ];
    let report = compared(&running, &same, 1);
    assert!(
        told(&report)
            .iter()
            .all(|(_, differs)| *differs == Some(false)),
        "{report:#?}"
    );
    assert!(report.findings.is_empty());
    let other = [
        ("net.core.somaxconn", Some("128")),
        ("net.ipv4.ip_local_port_range", Some("1024 65534")),
        ("net.ipv4.ip_local_reserved_ports", Some("9000-9002")),
        ("net.ipv4.tcp_fastopen", Some("3")),
        ("net.ipv4.tcp_rmem", Some("4096 87380 6291456")),
        ("net.ipv4.tcp_congestion_control", Some("cubic")),
        // It refuses this one.
        ("net.ipv4.tcp_retries2", Some("8#")),
        ("net.ipv4.tcp_wmem", Some("# 4096 16384 4194304")),
    ];
    let report = compared(&running, &other, 1);
    assert!(
        told(&report)
            .iter()
            .all(|(_, differs)| *differs == Some(true)),
        "{report:#?}"
    );
    assert_eq!(report.findings.len(), 8);
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.id == "setting_drift")
    );
    let somaxconn = one(&report, "net.core.somaxconn");
    assert_eq!(somaxconn.verdict, Verdict::Note);
    let boot = somaxconn.boot.unwrap();
    assert_eq!((boot.place.line, boot.value), (1, 128.into()));
}

#[test]
fn patterns_set_what_no_line_names() {
    let key = |name: &str| format!("net.ipv4.conf.{name}.rp_filter");
    let (all, eth0, lo) = (key("all"), key("eth0"), key("lo"));
    let running = [
        (all.as_str(), "0"),
        (eth0.as_str(), "1"),
        (lo.as_str(), "0"),
    ];
    let lines = [
        (eth0.as_str(), Some("2")),
        ("net.ipv4.conf.*.rp_filter", Some("0")),
        (lo.as_str(), None),
    ];
    let report = compared(&running, &lines, 1);
    assert_eq!(
        told(&report),
        [(all.as_str(), Some(false)), (eth0.as_str(), Some(true))]
    );
    assert_eq!(one(&report, &eth0).boot.unwrap().value, 2.into());
}

#[test]
fn what_is_gone_differs_and_what_is_refused_is_unknown() {
    let mut scene = Scene::new(&[]);
    let sysctls = &mut scene.0.host_settings.as_mut().unwrap().sysctls;
    sysctls.insert("fs.gone".to_owned(), Sysctl::Absent);
    let refused = Sysctl::Unreadable("Permission denied".to_owned());
    sysctls.insert("fs.secret".to_owned(), refused);
    let lines = [("fs.gone", Some("1")), ("fs.secret", Some("1"))];
    scene.0.host_settings.as_mut().unwrap().boot = Some(BootSettings {
        lines: lines.map(|(key, value)| line(key, value, 1)).to_vec(),
        netns: Some(1),
        ..BootSettings::default()
    });
    let report = against_boot(&scene.0, &Selection::default());
    assert_eq!(
        told(&report),
        [("fs.gone", Some(true)), ("fs.secret", None)]
    );
    assert!(one(&report, "fs.gone").reason.starts_with("absent"));
    assert!(
        one(&report, "fs.secret")
            .reason
            .contains("Permission denied")
    );
    assert_eq!(report.findings.len(), 1);
    let recycle = compared(&[], &[("net.ipv4.tcp_tw_recycle", Some("1"))], 1);
    assert_eq!(
        one(&recycle, "net.ipv4.tcp_tw_recycle").reason,
        "removed in Linux 4.12"
    );
}

#[test]
fn another_namespace_than_that_of_the_first_process_is_not_compared() {
    let running = [("net.core.somaxconn", "128"), ("fs.nr_open", "7")];
    let lines = [
        ("net.core.somaxconn", Some("4096")),
        ("fs.nr_open", Some("8")),
    ];
    let report = compared(&running, &lines, 2);
    let expected = [("fs.nr_open", Some(true)), ("net.core.somaxconn", None)];
    assert_eq!(told(&report), expected);
    assert_eq!(report.incomplete[0].what, "net.*");
    assert_eq!(one(&report, "net.core.somaxconn").value, None);
    let report = compared(&running, &lines, 1);
    assert_eq!(told(&report)[1].1, Some(true));
    assert!(report.incomplete.is_empty());
}

#[test]
fn a_file_that_is_not_read_at_boot_is_said() {
    let mut scene = Scene::new(&[]);
    let unlinked = BootLine {
        place: Place {
            file: "/etc/sysctl.conf".to_owned(),
            line: 3,
        },
        ..line("net.core.somaxconn", Some("4096"), 3)
    };
    scene.0.host_settings.as_mut().unwrap().boot = Some(BootSettings {
        unlinked: vec![unlinked],
        netns: Some(1),
        ..BootSettings::default()
    });
    let report = against_boot(&scene.0, &Selection::default());
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].subject, "/etc/sysctl.conf");
    assert!(report.findings[0].message.starts_with("1 settings"));
}

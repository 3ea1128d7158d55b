//! Defaults against what kernels printed after they had booted with this much memory.

use super::super::{
    SettingValue,
    defaults::Host,
    table::{SETTINGS, setting},
};

/// Release, MemTotal in KiB, and settings as the kernel printed them.
type Captured = (&'static str, u64, &'static [(&'static str, &'static str)]);

/// All were read on x86-64 in virtual machines; 4.18 and 5.4 follow from the source.
#[rustfmt::skip]
const CAPTURED: &[Captured] = &[
    ("5.10.0-32-amd64", 559_392, &[
        ("net.core.somaxconn", "4096"),
        ("net.core.rmem_max", "212992"),
        ("net.ipv4.tcp_max_syn_backlog", "128"),
        ("net.ipv4.tcp_tw_reuse", "2"),
        ("net.ipv4.tcp_max_tw_buckets", "4096"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t4058944"),
        ("net.ipv4.tcp_wmem", "4096\t16384\t4058944"),
        ("net.ipv4.tcp_mem", "5943\t7927\t11886"),
        ("net.ipv4.udp_mem", "11889\t15855\t23778"),
        ("net.ipv4.tcp_max_orphans", "4096"),
        ("net.netfilter.nf_conntrack_max", "18432"),
        ("net.netfilter.nf_conntrack_buckets", "4608"),
        ("fs.file-max", "54376"),
        ("fs.nr_open", "1048576"),
    ]),
    ("5.10.0-32-amd64", 2_018_080, &[
        ("net.ipv4.tcp_rmem", "4096\t131072\t6291456"),
        ("net.ipv4.tcp_wmem", "4096\t16384\t4194304"),
        ("net.ipv4.tcp_max_tw_buckets", "8192"),
        ("net.netfilter.nf_conntrack_max", "65536"),
        ("net.netfilter.nf_conntrack_buckets", "16384"),
    ]),
    ("5.10.0-32-amd64", 4_916_632, &[
        ("net.ipv4.tcp_max_syn_backlog", "512"),
        ("net.netfilter.nf_conntrack_max", "262144"),
        ("net.netfilter.nf_conntrack_buckets", "65536"),
        ("fs.file-max", "490062"),
    ]),
    ("6.1.0-50-amd64", 2_012_116, &[
        ("net.ipv4.tcp_mem", "22635\t30182\t45270"),
        ("net.ipv4.udp_mem", "45273\t60365\t90546"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t6291456"),
        ("net.netfilter.nf_conntrack_max", "65536"),
        ("net.netfilter.nf_conntrack_buckets", "65536"),
        ("fs.file-max", "199444"),
    ]),
    ("6.12.107+deb13-amd64", 4_917_084, &[
        ("net.core.rmem_max", "212992"),
        ("net.ipv4.tcp_syn_linear_timeouts", "4"),
        ("net.ipv4.tcp_mem", "56295\t75063\t112590"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t6291456"),
        ("net.ipv4.tcp_max_orphans", "32768"),
        ("net.netfilter.nf_conntrack_buckets", "262144"),
    ]),
    ("6.18.44", 24_684_084, &[
        ("net.core.somaxconn", "4096"),
        ("net.core.rmem_default", "212992"),
        ("net.core.rmem_max", "4194304"),
        ("net.core.wmem_max", "4194304"),
        ("net.core.netdev_max_backlog", "1000"),
        ("net.ipv4.tcp_max_syn_backlog", "2048"),
        ("net.ipv4.tcp_tw_reuse_delay", "1000"),
        ("net.ipv4.ip_local_port_range", "32768\t60999"),
        ("net.ipv4.ip_local_reserved_ports", ""),
        ("net.ipv4.tcp_max_tw_buckets", "131072"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t33554432"),
        ("net.ipv4.tcp_mem", "287898\t383867\t575796"),
        ("net.ipv4.udp_mem", "575799\t767734\t1151598"),
        ("net.netfilter.nf_conntrack_max", "262144"),
        ("net.netfilter.nf_conntrack_tcp_timeout_established", "432000"),
        ("fs.file-max", "2466170"),
    ]),
    ("7.2.13+deb14-amd64", 555_988, &[
        ("net.core.rmem_max", "4194304"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t4010304"),
        ("net.ipv4.tcp_wmem", "4096\t16384\t4010304"),
        ("net.ipv4.tcp_mem", "5874\t7832\t11748"),
        ("net.netfilter.nf_conntrack_max", "4608"),
        ("net.netfilter.nf_conntrack_buckets", "4608"),
        ("fs.file-max", "53412"),
    ]),
    ("7.2.13+deb14-amd64", 2_014_676, &[
        ("net.ipv4.tcp_rmem", "4096\t131072\t15461376"),
        ("net.ipv4.tcp_wmem", "4096\t16384\t4194304"),
        ("net.ipv4.tcp_max_syn_backlog", "128"),
    ]),
    ("4.18.0-553.el8", 16_000_000, &[
        ("net.core.somaxconn", "128"),
        ("net.ipv4.tcp_tw_reuse", "0"),
        ("net.ipv4.tcp_rmem", "4096\t87380\t6291456"),
        ("net.ipv4.tcp_max_syn_backlog", "512"),
    ]),
    ("5.4.0-216-generic", 16_000_000, &[
        ("net.core.somaxconn", "4096"),
        ("net.ipv4.tcp_max_syn_backlog", "512"),
    ]),
];

fn host(release: &str, kib: u64) -> Host<'_> {
    Host {
        release,
        memory_bytes: Some(kib * 1024),
        page_bytes: 4096,
    }
}

#[track_caller]
fn is_default(key: &str, value: &str, host: &Host) -> bool {
    let default = setting(key).unwrap().default.on(host);
    default.unwrap().is(&SettingValue::of(value))
}

#[test]
fn what_kernels_printed_is_their_default() {
    for (release, kib, settings) in CAPTURED {
        for (key, value) in *settings {
            let is = is_default(key, value, &host(release, *kib));
            let default = setting(key).unwrap().default.on(&host(release, *kib));
            assert!(is, "{release} {kib} {key}: {value}, not {default:?}");
        }
    }
}

#[test]
fn other_values_are_not() {
    let host = host("6.18.44", 24_684_084);
    for (key, value) in [
        ("net.core.somaxconn", "128"),
        ("net.ipv4.tcp_rmem", "4096 87380 33554432"),
        ("net.ipv4.tcp_rmem", "4096 131072 16777216"),
        ("net.ipv4.tcp_rmem", "4096 131072"),
        ("net.ipv4.tcp_mem", "100000 200000 400000"),
        ("net.ipv4.tcp_mem", "786432 1048576 1572864"),
        ("net.ipv4.ip_local_port_range", "1024 65535"),
        ("net.ipv4.ip_local_reserved_ports", "8080"),
        ("fs.file-max", "9223372036854775807"),
        ("fs.file-max", "1000000"),
    ] {
        assert!(!is_default(key, value, &host), "{key} {value}");
    }
}

#[test]
fn without_memory_or_release_defaults_are_unknown() {
    let unknown = Host {
        release: "",
        memory_bytes: None,
        page_bytes: 0,
    };
    let known = SETTINGS
        .iter()
        .filter(|one| one.default.on(&unknown).is_some());
    let known: Vec<&str> = known.map(|setting| setting.key).collect();
    assert!(known.contains(&"net.ipv4.tcp_fin_timeout"));
    for key in [
        "net.core.somaxconn",
        "net.ipv4.tcp_mem",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_max_tw_buckets",
        "net.netfilter.nf_conntrack_max",
        "net.netfilter.nf_conntrack_buckets",
        "fs.file-max",
    ] {
        assert!(!known.contains(&key), "{key}");
    }
}

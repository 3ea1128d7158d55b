//! What interfaces count, and what the host does.

use std::fs;

use serde_json::Value;

use crate::support::capture::{Frames, veth_pair};
use crate::support::netns::{in_netns, lo_up};
use crate::support::network_reports::{
    collector, findings, namespace, only_finding, report_of, snapshot,
};
use crate::support::tools::tool_output;
use crate::support::traffic::unhandled;
use crate::support::wait::wait_until;
use sockdiag::analysis::Severity;
use sockdiag::model::snapshot::Interface;

fn interface(name: &str) -> Interface {
    let snapshot = snapshot();
    let network = snapshot.namespaces[0].network.as_ref().expect("read");
    let interfaces = network.interfaces.as_ref().expect("listed").iter();
    let mut found = interfaces.filter(|interface| interface.name == name);
    found.next().expect("it is there").clone()
}

#[test]
fn packets_of_a_protocol_that_nobody_handles_are_an_info() {
    in_netns(|| {
        veth_pair("near", "far");
        let mut far = Frames::on("far");
        let before = interface("near").stats.rx_dropped;
        let report = report_of(|| {
            for _ in 0..200 {
                far.send_whole(&unhandled());
            }
            wait_until("all were ignored", || {
                interface("near").stats.rx_dropped >= before + 200
            });
        });
        let finding = only_finding(&report, "interface_drops");
        assert_eq!((finding.severity, finding.inferred), (Severity::Info, true));
        assert_eq!(finding.subject, "near");
        assert_eq!(namespace(&report).interfaces, Some(3));
    });
}

/// As in the namespace of a container host: its ports pass on what they do not handle.
#[test]
fn a_port_of_a_bridge_ignores_nothing() {
    in_netns(|| {
        veth_pair("near", "far");
        for command in ["link add bridge type bridge", "link set near master bridge"] {
            let words: Vec<&str> = command.split(' ').collect();
            crate::support::netns::run("ip", &words);
        }
        let mut far = Frames::on("far");
        let before = interface("near").stats.rx_packets;
        let report = report_of(|| {
            for _ in 0..200 {
                far.send_whole(&unhandled());
            }
            wait_until("all were received", || {
                interface("near").stats.rx_packets >= before + 200
            });
        });
        assert!(interface("near").master.is_some());
        assert!(findings(&report).is_empty(), "{:#?}", report.findings);
    });
}

#[test]
fn interfaces_count_what_ip_shows() {
    in_netns(|| {
        lo_up();
        veth_pair("near", "far");
        let Some(text) = tool_output("ip", &["-j", "-d", "-s", "link", "show", "dev", "near"])
        else {
            return;
        };
        let near = interface("near");
        let shown: Value = serde_json::from_str(&text).expect("ip prints JSON");
        let shown = &shown[0];
        assert_eq!(shown["ifindex"], near.index);
        let kind = shown["linkinfo"]["info_kind"].as_str();
        assert_eq!(kind, near.kind.as_deref());
        for (way, name, ours) in [
            ("rx", "errors", near.stats.rx_errors),
            ("rx", "dropped", near.stats.rx_dropped),
            ("tx", "errors", near.stats.tx_errors),
            ("tx", "dropped", near.stats.tx_dropped),
        ] {
            assert_eq!(shown["stats64"][way][name], ours, "{way} {name}");
        }
    });
}

/// The settings are those of the initial namespace, and a child has no files of them.
#[test]
fn what_is_set_for_the_host_is_unknown_in_a_child_namespace() {
    in_netns(|| {
        let snapshot = collector().collect().expect("a snapshot");
        let host = snapshot.host_network.expect("read");
        assert_eq!((host.max_orphans, host.tcp_memory.limits), (None, None));
        assert!(host.tcp_memory.pages.is_some());
        let cpus = fs::read_to_string("/proc/net/softnet_stat").expect("a file of /proc");
        let softnet = host.softnet.expect("it is readable");
        assert_eq!(softnet.len(), cpus.lines().count());
        assert!(snapshot.incomplete.is_empty(), "{:?}", snapshot.incomplete);
    });
}

//! The rules from values: what fires, what is at the boundary, and what only looks the same.

mod connections;
mod devices;
mod memory;
mod netfilter;
mod tcp;

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    analysis::{Finding, Severity, Severity::*},
    model::{
        Address, CounterId, Netns, NetnsSnapshot, Owner, Snapshot, State,
        snapshot::{
            Conntrack, ConntrackTotals, HalfClosed, HalfClosedGroup, HalfClosedKey, HostNetwork,
            Interface, InterfaceStats, NetnsNetwork, ProtocolMemory, ReversePathFilter, ServiceEnd,
            Side, SoftnetCpu,
        },
    },
};

const SECONDS: u64 = 2;

type Rule = (&'static str, Severity);

fn concluded(host: HostReport, namespace: NamespaceReport) -> Vec<Finding> {
    let report = NetworkReport {
        host,
        namespaces: vec![namespace],
        ..NetworkReport::default()
    };
    let findings = findings::findings(&report);
    for finding in &findings {
        assert!(
            !finding.next.is_empty(),
            "{} names no next command",
            finding.id
        );
    }
    findings
}

fn rules(findings: &[Finding]) -> Vec<Rule> {
    findings.iter().map(|one| (one.id, one.severity)).collect()
}

fn of_host(host: HostReport) -> Vec<Rule> {
    rules(&concluded(host, NamespaceReport::default()))
}

fn of_namespace(namespace: NamespaceReport) -> Vec<Rule> {
    rules(&concluded(HostReport::default(), namespace))
}

#[test]
fn what_is_not_visible_is_no_finding() {
    let pages = ProtocolMemory {
        pages: Some(1 << 40),
        limits: None,
    };
    let snapshot = Snapshot {
        host_network: Some(HostNetwork {
            tcp_memory: pages,
            udp_memory: pages,
            orphans: Some(1 << 40),
            ..HostNetwork::default()
        }),
        ..Snapshot::default()
    };
    let report = report(&snapshot, None);
    assert_eq!(rules(&report.findings), []);
    assert_eq!(report.host.tcp_memory.used_ratio, None);
}

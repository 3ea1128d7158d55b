//! The rules of the network: packets lost before they reach a socket, TCP that fares badly, memory
//! near its limits, and connections that a process does not close.

mod connections;
mod devices;
mod memory;
mod netfilter;
mod tcp;

pub use memory::orphans_near_limit;

use super::{NamespaceReport, NetworkReport};
use crate::analysis::{
    Finding,
    finding::{inside, worst_first},
};

/// What the report concludes, the worst first.
pub fn findings(report: &NetworkReport) -> Vec<Finding> {
    let host = &report.host;
    let mut findings = Vec::new();
    findings.extend(devices::softnet(host));
    findings.extend(memory::of_host(host));
    let softnet_drops = host.softnet.is_some_and(|softnet| softnet.dropped > 0);
    for namespace in &report.namespaces {
        findings.extend(netfilter::conntrack(namespace));
        findings.extend(netfilter::insert_failed(namespace));
        findings.extend(netfilter::rp_filter(namespace));
        findings.extend(devices::interfaces(namespace, softnet_drops));
        findings.extend(tcp::retransmissions(namespace));
        findings.extend(tcp::resets(namespace));
        findings.extend(memory::of_namespace(namespace, host));
        findings.extend(connections::not_closed(namespace));
    }
    worst_first(&mut findings);
    findings
}

/// A command of another tool, as it is typed for this namespace.
fn tool(namespace: &NamespaceReport, command: impl Into<String>) -> String {
    inside(&namespace.netns, command)
}

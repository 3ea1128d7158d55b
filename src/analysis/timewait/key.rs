//! What flows have in common.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Flow, Namespace, Side};
use crate::{
    analysis::queues::LocalReport,
    model::{Address, Local},
};

/// What makes a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The service: the destination where this host was the client, the listener where it was the
    /// server.
    #[default]
    Service,
    /// Where the connections went: address and port of a service, or the address of a client.
    Destination,
    /// The remote port.
    Dport,
    /// The local address.
    Source,
    /// The local port.
    Sport,
    /// The listener that they came in at.
    Listener,
}

/// The name of what a flow is counted under; `None` for what has none: a client's port, a
/// connection that came in at no listener.
pub fn key(flow: &Flow, by: By, namespace: &Namespace<'_>) -> Option<String> {
    let here = flow.local_port.map(|port| written(flow.local, port));
    let there = flow.peer_port.map(|port| written(flow.peer, port));
    let listener = || {
        let endpoint = flow.listener?.endpoint();
        Some(LocalReport::new(&Local::Inet(endpoint), &namespace.snapshot.interfaces).to_string())
    };
    match by {
        By::Service if flow.side == Some(Side::Server) => listener().or(here),
        By::Service => there,
        By::Destination => there.or_else(|| Some(flow.peer.to_string())),
        By::Dport => flow.peer_port.map(|port| port.to_string()),
        By::Source => Some(flow.local.to_string()),
        By::Sport => flow.local_port.map(|port| port.to_string()),
        By::Listener => listener(),
    }
}

fn written(address: std::net::IpAddr, port: u16) -> String {
    Address { address, port }.to_string()
}

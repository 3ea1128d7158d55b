//! What flows have in common.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Flow, Namespace, Side};
use crate::{
    analysis::queues::LocalReport,
    model::{Address, Local},
};

/// What the groups of a report have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The destination where this host was the client, the listener where it was the server.
    #[default]
    Service,
    /// The remote end: address and port of a service, or the address of a client.
    Destination,
    /// The remote port.
    Dport,
    /// The local address.
    Source,
    /// The local port.
    Sport,
    /// The listener that accepted the connections.
    Listener,
}

/// `None` where a flow lacks it: a client's port, the listener of an opened connection.
pub fn key(flow: &Flow, by: By, namespace: &Namespace<'_>) -> Option<String> {
    let written =
        |address, port: Option<u16>| port.map(|port| Address { address, port }.to_string());
    let here = written(flow.local, flow.local_port);
    let there = written(flow.peer, flow.peer_port);
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

//! What connections of a group have in common.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::SocketReport;
use crate::model::{Address, ListenAddresses, Local, Netns, SocketRow};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The first process that has the socket open.
    #[default]
    Process,
    /// The systemd unit, container or pod.
    Unit,
    /// The address of the peer, without the port.
    Peer,
    /// The listener that accepts connections at the local end.
    Listener,
    /// None: each connection by itself.
    Socket,
}

/// Names a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey {
    pub netns: Arc<Netns>,
    /// `None` for the group of connections without such a thing.
    pub name: Option<String>,
    /// Of a process.
    pub pid: Option<u32>,
}

impl GroupKey {
    /// The group of a connection. `listening` are the listeners of its namespace.
    pub fn of(
        by: By,
        row: &SocketRow,
        socket: &SocketReport,
        listening: &ListenAddresses,
    ) -> GroupKey {
        let owner = socket.owners.first().filter(|_| by == By::Process);
        let name = match by {
            By::Process => owner.map(|owner| owner.name.clone()),
            By::Unit => socket.unit.as_deref().map(str::to_owned),
            By::Peer => row.peer.map(|peer| peer.address.to_string()),
            By::Listener => listener(row, listening),
            By::Socket => Some(ends(socket)),
        };
        GroupKey {
            netns: Arc::clone(&socket.netns),
            name,
            pid: owner.map(|owner| owner.pid),
        }
    }
}

fn listener(row: &SocketRow, listening: &ListenAddresses) -> Option<String> {
    let Local::Inet(local) = &row.local else {
        return None;
    };
    let serving = listening.serving(local)?.endpoint();
    let (address, port) = (serving.address, serving.port);
    Some(Address { address, port }.to_string())
}

fn ends(socket: &SocketReport) -> String {
    let peer = socket.peer.as_ref().map(ToString::to_string);
    format!("{} {}", socket.local, peer.unwrap_or_default())
}

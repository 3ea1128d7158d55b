//! Rows of sockets, and a report that contains or counts them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{AcceptQueue, SocketReport};
use crate::{
    analysis::{Cookie, Finding, LocalReport, incomplete::unfound},
    model::{Address, Incomplete, Netns, Owners, SocketRow, SocketState, unit_of},
};

/// Sockets in the order in which the kernel tells them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct SocketsReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// How many match.
    pub count: u64,
    /// How many of them are in each state.
    pub states: BTreeMap<SocketState, u64>,
    /// One element per socket. They may be written before the other members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<SocketReport>,
}

is_report!(SocketsReport, "sockets/v1");

impl SocketsReport {
    /// Counts a socket that is not kept.
    pub fn count(&mut self, state: SocketState) {
        self.count += 1;
        *self.states.entry(state).or_default() += 1;
    }

    /// Adds why some of these sockets have no known owner.
    pub fn note_owners(&mut self, owners: &Owners, held: usize, ownerless: usize) {
        self.incomplete.extend(unfound(owners, held, ownerless));
    }
}

/// Makes rows of the report. What many sockets share is kept once.
#[derive(Debug, Default)]
pub struct Describer {
    netns: Arc<Netns>,
    interfaces: BTreeMap<u32, String>,
    cgroups: HashMap<u64, Option<Named>>,
}

#[derive(Debug, Clone)]
struct Named {
    cgroup: Arc<str>,
    unit: Option<Arc<str>>,
}

impl Named {
    fn new(cgroup: &str) -> Self {
        Named {
            cgroup: cgroup.into(),
            unit: unit_of(cgroup).map(Arc::from),
        }
    }
}

impl Describer {
    /// Sockets that follow are in this namespace, which has these interfaces.
    pub fn enter(&mut self, netns: Netns, interfaces: BTreeMap<u32, String>) {
        (self.netns, self.interfaces) = (netns.into(), interfaces);
    }

    /// `cgroup` finds the path of an id that occurs for the first time.
    pub fn describe(
        &mut self,
        socket: &SocketRow,
        owners: Option<&Owners>,
        cgroup: impl FnOnce(u64) -> Option<String>,
    ) -> SocketReport {
        let held = owners.and_then(|owners| owners.by_inode.get(&socket.inode));
        let owner = held.and_then(|held| owners?.cgroups.get(&held.first()?.pid));
        let named = match owner {
            Some(path) => Some(Named::new(path)),
            None => socket.cgroup_id.and_then(|id| {
                let known = self.cgroups.entry(id);
                known
                    .or_insert_with(|| cgroup(id).as_deref().map(Named::new))
                    .clone()
            }),
        };
        let is_listener = socket.is_listener();
        SocketReport {
            netns: Arc::clone(&self.netns),
            protocol: socket.protocol,
            state: socket.state,
            local: LocalReport::new(&socket.local, &self.interfaces),
            peer: socket.peer.filter(|peer| !is_nobody(peer)),
            accept_queue: is_listener.then_some(AcceptQueue {
                length: socket.receive_queue,
                limit: socket.send_queue,
            }),
            receive_queue_bytes: (!is_listener).then_some(socket.receive_queue),
            send_queue_bytes: (!is_listener).then_some(socket.send_queue),
            timer: socket.timer,
            uid: socket.uid,
            inode: socket.inode,
            cookie: Cookie(socket.cookie),
            mark: socket.mark,
            unit: named.as_ref().and_then(|named| named.unit.clone()),
            cgroup: named.map(|named| named.cgroup),
            owners: held.cloned().unwrap_or_default(),
            owners_complete: owners.is_some_and(|owners| owners.complete),
            tcp_info: socket.info,
            memory: socket.memory,
        }
    }
}

fn is_nobody(peer: &Address) -> bool {
    peer.port == 0 && peer.address.is_unspecified()
}

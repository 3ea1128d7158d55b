//! Rows of sockets, and a report that contains or counts them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{AcceptQueue, EndReport, SocketReport};
use crate::{
    analysis::{Cookie, Finding, incomplete::unfound},
    model::{Incomplete, Netns, OtherSocket, Owners, SocketRow, SocketState, unit_of},
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
    /// Rows that match: sockets, or pairs with `--pairs`. With `--top N` and without `--sort` the
    /// reading ends after N.
    pub count: u64,
    /// How many sockets of them are in each state.
    pub states: BTreeMap<SocketState, u64>,
    /// Of pairs: connections that match and have no other end here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpaired: Option<u64>,
    /// One element per socket. They may be written before the other members.
    pub sockets: Vec<SocketReport>,
}

is_report!(SocketsReport, "sockets/v1");

impl SocketsReport {
    pub fn count(&mut self, row: &SocketReport) {
        self.count += 1;
        for end in row.each_end() {
            *self.states.entry(end.state).or_default() += 1;
        }
    }

    /// Adds why some of these sockets have no known owner.
    pub fn note_owners(&mut self, owners: &Owners, held: usize, ownerless: usize) {
        self.incomplete
            .extend(unfound(owners, held, ownerless, "sockdiag sockets"));
    }
}

/// Makes rows of the report. What many sockets share is kept once.
#[derive(Debug, Default)]
pub struct Describer {
    netns: Arc<Netns>,
    interfaces: BTreeMap<u32, String>,
    /// Cgroups by their id…
    by_id: HashMap<u64, Option<Named>>,
    /// … and by the process that is in them.
    by_pid: HashMap<u32, Option<Named>>,
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
        let named = self.named(socket, owners, cgroup);
        let is_listener = socket.is_listener();
        SocketReport {
            netns: Arc::clone(&self.netns),
            protocol: socket.protocol,
            kind: None,
            state: socket.state,
            local: EndReport::local(&socket.local, &self.interfaces),
            peer: socket
                .peer
                .filter(|peer| !peer.is_nobody())
                .map(EndReport::Peer),
            v6only: socket.v6only,
            accept_queue: is_listener.then_some(AcceptQueue {
                length: socket.receive_queue,
                limit: socket.send_queue,
            }),
            receive_queue_bytes: (!is_listener).then_some(socket.receive_queue),
            send_queue_bytes: (!is_listener).then_some(socket.send_queue),
            timer: socket.timer,
            uid: socket.user(),
            inode: socket.inode,
            cookie: (socket.cookie != 0).then_some(Cookie(socket.cookie)),
            mark: socket.mark,
            unit: named.as_ref().and_then(|named| named.unit.clone()),
            cgroup: named.map(|named| named.cgroup),
            owners: Owners::of(owners, socket.inode).to_vec(),
            owners_complete: owners.is_some_and(|owners| owners.complete),
            command_lines: None,
            tcp_info: socket.info,
            memory: socket.memory,
            self_connected: None,
            other_end: None,
        }
    }

    /// The unit alone.
    pub fn unit(
        &mut self,
        socket: &SocketRow,
        owners: Option<&Owners>,
        cgroup: impl FnOnce(u64) -> Option<String>,
    ) -> Option<Arc<str>> {
        self.named(socket, owners, cgroup)?.unit
    }

    fn named(
        &mut self,
        socket: &SocketRow,
        owners: Option<&Owners>,
        cgroup: impl FnOnce(u64) -> Option<String>,
    ) -> Option<Named> {
        self.of_owner(socket.inode, owners).or_else(|| {
            let known = self.by_id.entry(socket.cgroup_id?);
            let id = *known.key();
            known
                .or_insert_with(|| cgroup(id).as_deref().map(Named::new))
                .clone()
        })
    }

    /// The cgroup of the first owner.
    fn of_owner(&mut self, inode: u32, owners: Option<&Owners>) -> Option<Named> {
        let owner = Owners::of(owners, inode).first()?;
        let known = self.by_pid.entry(owner.pid);
        let path = || owners?.cgroups.get(&owner.pid);
        known
            .or_insert_with(|| path().map(|path| Named::new(path)))
            .clone()
    }

    /// The same for a socket of another family than the internet's.
    pub fn describe_other(
        &mut self,
        socket: &OtherSocket,
        owners: Option<&Owners>,
    ) -> SocketReport {
        let named = self.of_owner(socket.inode, owners);
        let is_listener = socket.state == SocketState::Listen;
        let queues = socket.receive_queue.zip(socket.send_queue);
        let end = |end, is_peer| EndReport::other(end, is_peer, &self.interfaces);
        let mut peer = socket.peer.as_ref().map(|peer| end(peer, true));
        if let Some(EndReport::Unix {
            inode, owners: of, ..
        }) = &mut peer
        {
            *of = Owners::of(owners, *inode).to_vec();
        }
        SocketReport {
            netns: Arc::clone(&self.netns),
            protocol: socket.protocol,
            kind: socket.kind,
            state: socket.state,
            local: end(&socket.local, false),
            peer,
            v6only: None,
            accept_queue: queues
                .filter(|_| is_listener)
                .map(|(length, limit)| AcceptQueue { length, limit }),
            receive_queue_bytes: socket.receive_queue.filter(|_| !is_listener),
            send_queue_bytes: socket.send_queue.filter(|_| !is_listener),
            timer: None,
            uid: socket.uid,
            inode: socket.inode,
            cookie: socket.cookie.map(Cookie),
            mark: None,
            unit: named.as_ref().and_then(|named| named.unit.clone()),
            cgroup: named.map(|named| named.cgroup),
            owners: Owners::of(owners, socket.inode).to_vec(),
            owners_complete: owners.is_some_and(|owners| owners.complete),
            command_lines: None,
            tcp_info: None,
            memory: socket.memory,
            self_connected: None,
            other_end: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::incomplete::out_of_time,
        model::{OtherEnd, SocketProtocol},
    };

    #[test]
    fn a_queue_that_the_kernel_does_not_report_is_unknown() {
        let socket = |state| OtherSocket {
            protocol: SocketProtocol::Vsock,
            kind: None,
            state,
            local: OtherEnd::Vsock { cid: 2, port: 1024 },
            peer: None,
            receive_queue: None,
            send_queue: None,
            uid: None,
            inode: 8,
            cookie: None,
            memory: None,
        };
        for state in [SocketState::Listen, SocketState::Close] {
            let row = Describer::default().describe_other(&socket(state), None);
            assert_eq!(row.accept_queue, None);
            assert_eq!(
                (row.receive_queue_bytes, row.send_queue_bytes),
                (None, None)
            );
        }
        let known = OtherSocket {
            receive_queue: Some(0),
            send_queue: Some(5),
            ..socket(SocketState::Listen)
        };
        let row = Describer::default().describe_other(&known, None);
        let queue = AcceptQueue {
            length: 0,
            limit: 5,
        };
        assert_eq!(
            (row.accept_queue, row.send_queue_bytes),
            (Some(queue), None)
        );
    }

    #[test]
    fn a_search_that_ran_out_of_time_goes_on_by_this_command() {
        let mut report = SocketsReport::default();
        report.note_owners(&out_of_time::owners(), 2, 0);
        out_of_time::assert_names(&report.incomplete, "sockdiag sockets");
    }
}

//! A network namespace, and who listens there.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use crate::model::{
    Address, Endpoint, ListenAddresses, Listener, Local, Netns, Protocol, Queue, SocketRow,
    snapshot::ServiceEnd,
};

/// A namespace, and who listens there.
#[derive(Debug, Default)]
pub struct Services {
    pub netns: Netns,
    pub interfaces: BTreeMap<u32, String>,
    /// `ip_local_port_range`.
    ephemeral: Option<RangeInclusive<u16>>,
    listeners: Vec<Listener>,
    /// The sockets that listen at an address, with the length of their accept queues: several where
    /// they share it by SO_REUSEPORT.
    members: HashMap<Endpoint, Vec<(u32, u32)>>,
    listening: Option<ListenAddresses>,
}

impl Services {
    pub fn new(
        netns: Netns,
        interfaces: BTreeMap<u32, String>,
        ephemeral: Option<RangeInclusive<u16>>,
    ) -> Self {
        Services {
            netns,
            interfaces,
            ephemeral,
            ..Services::default()
        }
    }

    pub fn listen(&mut self, socket: &SocketRow) {
        if let Local::Inet(at) = socket.local {
            let members = self.members.entry(at).or_default();
            members.push((socket.inode, socket.receive_queue));
        }
        self.listeners.push(listener(socket));
    }

    /// The listener that a connection with this local end came in at.
    pub fn listener(&mut self, local: &Endpoint) -> Option<Endpoint> {
        self.listening().serving(local).map(|at| at.endpoint())
    }

    /// The end of a connection that many others share.
    pub fn service(&mut self, local: &Endpoint, peer: Address) -> ServiceEnd {
        let ephemeral = self.ephemeral.clone();
        ServiceEnd::of(local, peer, self.listening(), ephemeral.as_ref())
    }

    /// The sockets that listen at an address.
    pub fn members(&self, at: &Endpoint) -> impl Iterator<Item = u32> {
        let members = self.members.get(at).into_iter().flatten();
        members.map(|(inode, _)| *inode)
    }

    /// Those of them in whose accept queues connections wait.
    pub fn waited_for(&self, at: &Endpoint) -> impl Iterator<Item = u32> {
        let members = self.members.get(at).into_iter().flatten();
        let waited_for = members.filter(|(_, waiting)| *waiting > 0);
        waited_for.map(|(inode, _)| *inode)
    }

    fn listening(&mut self) -> &ListenAddresses {
        self.listening
            .get_or_insert_with(|| ListenAddresses::of(&self.listeners))
    }
}

fn listener(socket: &SocketRow) -> Listener {
    Listener {
        protocol: Protocol::Tcp,
        local: socket.local.clone(),
        v6only: socket.v6only,
        queue: Queue::Accept {
            length: socket.receive_queue,
            limit: socket.send_queue,
        },
        drops: None,
        uid: Some(socket.uid),
        inode: socket.inode,
        cookie: socket.cookie,
        cgroup_id: socket.cgroup_id,
    }
}

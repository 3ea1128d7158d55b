//! What samples show of network namespaces and sockets that are gone at the last reading.

use std::collections::{HashMap, HashSet};

use super::Scope;
use crate::model::{Listener, Local, NetnsSnapshot, Protocol, Queue, Snapshot};

/// As they were seen last.
#[derive(Debug, Default)]
pub struct Seen {
    /// By inode, with their counters and nothing else.
    namespaces: HashMap<Option<u64>, NetnsSnapshot>,
    /// Namespaces in which packets can be dropped at a socket.
    receiving: HashSet<Option<u64>>,
    /// TCP listeners and UDP sockets by cookie.
    sockets: HashMap<u64, Listener>,
}

impl Seen {
    pub fn add(&mut self, namespace: &NetnsSnapshot) {
        let inode = namespace.netns.inode;
        let seen = self.namespaces.entry(inode).or_default();
        seen.netns.clone_from(&namespace.netns);
        // Samples of the listeners alone have no counters.
        if !namespace.counters.values.is_empty() {
            seen.counters.clone_from(&namespace.counters);
        }
        for socket in namespace.sockets().iter().filter(|socket| receives(socket)) {
            self.receiving.insert(inode);
            match self.sockets.get_mut(&socket.cookie) {
                Some(seen) => seen.drops = socket.drops,
                None => _ = self.sockets.insert(socket.cookie, socket.clone()),
            }
        }
    }

    /// Namespaces that closed, or could not be read again: all, or those with receiving sockets.
    pub fn closed_namespaces(&self, now: &Snapshot, only_receiving: bool) -> Vec<NetnsSnapshot> {
        let is_meant = |inode: &Option<u64>| !only_receiving || self.receiving.contains(inode);
        let seen = self.namespaces.iter();
        seen.filter(|(inode, seen)| is_meant(inode) && now.namespace(&seen.netns).is_none())
            .map(|(_, seen)| seen.clone())
            .collect()
    }

    /// Whether a namespace in which packets can be dropped closed, or could not be read again.
    pub fn has_closed(&self, now: &Snapshot) -> bool {
        !self.closed_namespaces(now, true).is_empty()
    }

    /// Sockets that closed and are, or may have been, in the scope. Who owned one is unknown; only
    /// of listeners is it worth a doubt, as clients open and close UDP sockets all the time.
    pub fn closed_sockets(&self, now: &Snapshot, scope: &Scope) -> Vec<&Listener> {
        let there = now.namespaces.iter().flat_map(NetnsSnapshot::sockets);
        let there: HashSet<u64> = there.map(|socket| socket.cookie).collect();
        let may_be_meant = |socket: &&Listener| {
            let port = match &socket.local {
                Local::Inet(endpoint) => Some(endpoint.port),
                Local::Unix(_) => None,
            };
            let is_listener = matches!(socket.queue, Queue::Accept { .. });
            scope.has_port(port) && (is_listener || !scope.needs_owners())
        };
        let seen = self.sockets.values();
        seen.filter(|socket| !there.contains(&socket.cookie))
            .filter(may_be_meant)
            .collect()
    }
}

fn receives(socket: &Listener) -> bool {
    socket.protocol != Protocol::Unix
}

//! What samples show of network namespaces and sockets that are gone at the last reading.

use std::collections::{HashMap, HashSet};

use super::{Kind, Plan, Scope};
use crate::model::{
    CounterId, Counters, Listener, Local, NetnsSnapshot, Protocol, Queue, Snapshot,
};

/// As they were seen last.
#[derive(Debug, Default)]
pub struct Seen {
    /// By inode, with their counters and nothing else.
    namespaces: HashMap<Option<u64>, NetnsSnapshot>,
    /// Namespaces in which packets can be dropped at a socket.
    receiving: HashSet<Option<u64>>,
    /// TCP listeners and UDP sockets by cookie, where a check is restricted to such ones.
    sockets: HashMap<u64, Listener>,
}

impl Seen {
    pub fn add(&mut self, namespace: &NetnsSnapshot, plan: &Plan) {
        let inode = namespace.netns.inode;
        let seen = self.namespaces.entry(inode).or_default();
        seen.netns.clone_from(&namespace.netns);
        renew(&mut seen.counters, &namespace.counters);
        let checks = plan.checks.iter();
        let checks = checks.filter(|check| check.kind == Kind::Drops && !check.scope.is_all());
        for socket in namespace.sockets().iter().filter(|socket| receives(socket)) {
            self.receiving.insert(inode);
            match self.sockets.get_mut(&socket.cookie) {
                Some(seen) => seen.drops = socket.drops,
                None if checks.clone().any(|one| may_be_meant(&one.scope, socket)) => {
                    self.sockets.insert(socket.cookie, socket.clone());
                }
                None => {}
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

    /// Sockets that closed and are, or may have been, in the scope.
    pub fn closed_sockets(&self, now: &Snapshot, scope: &Scope) -> Vec<&Listener> {
        let there = now.namespaces.iter().flat_map(NetnsSnapshot::sockets);
        let there: HashSet<u64> = there.map(|socket| socket.cookie).collect();
        let seen = self.sockets.values();
        seen.filter(|socket| !there.contains(&socket.cookie))
            .filter(|socket| may_be_meant(scope, socket))
            .collect()
    }
}

/// Samples of the listeners alone have no counter but ListenOverflows; each overflow is a listen drop,
/// too.
fn renew(seen: &mut Counters, now: &Counters) {
    const OVERFLOWS: &str = "ListenOverflows";
    const DROPS: &str = "ListenDrops";
    if now.value("TcpExt", DROPS).is_some() {
        seen.clone_from(now);
    } else if let Some(overflows) = now.value("TcpExt", OVERFLOWS) {
        let more = overflows - seen.value("TcpExt", OVERFLOWS).unwrap_or(0);
        for name in [OVERFLOWS, DROPS] {
            let id = CounterId::new("TcpExt", name);
            match seen.values.iter_mut().find(|(other, _)| *other == id) {
                Some((_, value)) => *value += more,
                None => seen.values.push((id, more)),
            }
        }
    }
}

/// Who owned a socket is unknown once it has closed; only of listeners is that worth a doubt, as
/// clients open and close UDP sockets all the time.
fn may_be_meant(scope: &Scope, socket: &Listener) -> bool {
    let port = match &socket.local {
        Local::Inet(endpoint) => Some(endpoint.port),
        Local::Unix(_) => None,
    };
    let is_listener = matches!(socket.queue, Queue::Accept { .. });
    scope.has_port(port) && (is_listener || !scope.needs_owners())
}

fn receives(socket: &Listener) -> bool {
    socket.protocol != Protocol::Unix
}

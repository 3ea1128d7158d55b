//! Groups of flows, and who probably opened them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use super::{Flow, GroupReport, InferredFrom, Kept, Namespace, Selection, Side, key::key};
use crate::model::{Address, ListenAddress, Owner, Owners};

/// What identifies a group in its namespace.
pub type Name = (Option<String>, Option<Side>);

pub fn groups<'a>(
    namespace: &'a Namespace<'_>,
    selection: &Selection,
) -> BTreeMap<Name, (Kept, Vec<&'a Flow>)> {
    let mut groups: BTreeMap<Name, (Kept, Vec<&Flow>)> = BTreeMap::new();
    let flows = namespace.flows.iter();
    for (flow, kept) in flows.filter(|(flow, _)| selection.shows(flow)) {
        let name = (key(flow, selection.by, namespace), flow.side);
        let (all, flows) = groups.entry(name).or_default();
        all.merge(kept);
        flows.push(flow);
    }
    groups
}

pub fn row(
    (key, side): Name,
    kept: &Kept,
    flows: &[&Flow],
    namespace: &Namespace<'_>,
    holders: &Holders<'_>,
) -> GroupReport {
    let sockets = holders.sockets_of(flows);
    let likely_owners = holders.of(&sockets);
    let inferred_from = match side {
        _ if likely_owners.is_empty() => None,
        Some(Side::Server) => Some(InferredFrom::Listener),
        _ => Some(InferredFrom::LiveSocket),
    };
    GroupReport {
        netns: namespace.snapshot.netns.clone(),
        key,
        side,
        count: kept.left.count(),
        median_left_seconds: kept.left.median(),
        has_sockets: !sockets.is_empty(),
        likely_owners,
        inferred_from,
        ..GroupReport::default()
    }
}

/// Sorts the largest first.
pub fn size(group: &GroupReport) -> impl Ord + use<> {
    let (netns, key) = (group.netns.clone(), group.key.clone());
    (Reverse(group.count), netns, key, group.side)
}

/// The owners of the listeners and live connections of a namespace.
pub struct Holders<'a> {
    owners: Option<&'a Owners>,
    listeners: HashMap<ListenAddress, Vec<u32>>,
    live: HashMap<Address, Vec<u32>>,
}

impl<'a> Holders<'a> {
    /// The sockets of each listener, and a live connection to each destination: the one that the
    /// snapshot names or, where all holders of ports were read, the oldest.
    pub fn new(namespace: &'a Namespace<'_>, owners: Option<&'a Owners>) -> Self {
        let mut listeners: HashMap<ListenAddress, Vec<u32>> = HashMap::new();
        for listener in namespace.snapshot.sockets() {
            if let Some(address) = ListenAddress::of(listener) {
                listeners.entry(address).or_default().push(listener.inode);
            }
        }
        let mut live: HashMap<Address, Vec<u32>> = HashMap::new();
        let ports = namespace.snapshot.port_holders.iter();
        for (key, tuple) in ports.flat_map(|ports| &ports.tuples) {
            let (address, port) = (key.destination, key.port);
            let oldest = tuple.sockets.inodes().first();
            let inodes = live.entry(Address { address, port }).or_default();
            inodes.extend(oldest);
        }
        for (to, inode) in &namespace.time_waits.live {
            live.insert(*to, vec![*inode]);
        }
        Holders {
            owners,
            listeners,
            live,
        }
    }

    fn of(&self, inodes: &BTreeSet<u32>) -> Vec<Owner> {
        let owners = |inode| self.owners?.by_inode.get(inode);
        let owners = inodes.iter().filter_map(owners);
        owners.flatten().cloned().collect()
    }

    fn sockets_of(&self, flows: &[&Flow]) -> BTreeSet<u32> {
        let sockets = flows.iter().flat_map(|flow| self.sockets(flow));
        sockets.copied().collect()
    }

    fn sockets(&self, flow: &Flow) -> &[u32] {
        let at_listener = flow.listener.and_then(|at| self.listeners.get(&at));
        let live = || self.live.get(&flow.destination()?);
        at_listener.or_else(live).map_or(&[], Vec::as_slice)
    }
}

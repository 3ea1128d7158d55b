//! Flows under a common name, and who probably made them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use super::{By, Flow, GroupReport, InferredFrom, NamespaceReading, Side, key::key, tally::Kept};
use crate::{
    analysis::attribute::Place,
    model::{Owner, Owners},
};

/// A group's name in its namespace.
pub type Name = (Option<String>, Option<Side>);

/// Counts the flows of each name.
pub fn groups(namespace: &NamespaceReading, by: By) -> BTreeMap<Name, (Kept, Vec<&Flow>)> {
    let mut groups: BTreeMap<Name, (Kept, Vec<&Flow>)> = BTreeMap::new();
    for (flow, kept) in namespace.tally.flows() {
        let name = (key(flow, by, namespace), flow.side);
        let (all, flows) = groups.entry(name).or_default();
        all.merge(kept);
        flows.push(flow);
    }
    groups
}

/// A group's line.
pub fn row(
    (key, side): Name,
    kept: &Kept,
    flows: &[&Flow],
    namespace: &NamespaceReading,
    holders: &Holders<'_>,
) -> GroupReport {
    let likely_owners = holders.of(flows);
    let inferred_from = match side {
        _ if likely_owners.is_empty() => None,
        Some(Side::Server) => Some(InferredFrom::Listener),
        _ => Some(InferredFrom::LiveSocket),
    };
    GroupReport {
        netns: namespace.netns.clone(),
        key,
        side,
        count: kept.left.count(),
        median_left_seconds: kept.left.median(),
        likely_owners,
        inferred_from,
        ..GroupReport::default()
    }
}

/// Sorts the largest first.
pub fn size(group: &GroupReport) -> impl Ord + use<> {
    (
        Reverse(group.count),
        group.netns.clone(),
        group.key.clone(),
        group.side,
    )
}

/// Who holds the listeners and live connections of a namespace.
pub struct Holders<'a> {
    owners: Option<&'a Owners>,
    listeners: HashMap<Place, Vec<u32>>,
    namespace: &'a NamespaceReading,
}

impl<'a> Holders<'a> {
    /// Finds the sockets of each listener.
    pub fn new(namespace: &'a NamespaceReading, owners: Option<&'a Owners>) -> Self {
        let mut listeners: HashMap<Place, Vec<u32>> = HashMap::new();
        for listener in &namespace.listeners {
            if let Some(place) = Place::of(listener) {
                listeners.entry(place).or_default().push(listener.inode);
            }
        }
        Holders {
            owners,
            listeners,
            namespace,
        }
    }

    fn of(&self, flows: &[&Flow]) -> Vec<Owner> {
        let sockets = flows.iter().flat_map(|flow| self.sockets(flow));
        let inodes: BTreeSet<u32> = sockets.copied().collect();
        let owners = inodes
            .iter()
            .filter_map(|inode| self.owners?.by_inode.get(inode));
        owners.flatten().cloned().collect()
    }

    fn sockets(&self, flow: &Flow) -> &[u32] {
        let at_listener = flow.listener.and_then(|place| self.listeners.get(&place));
        let live = || {
            flow.destination()
                .and_then(|to| self.namespace.live.get(&to))
        };
        match at_listener {
            Some(inodes) => inodes,
            None => live().map_or(&[], std::slice::from_ref),
        }
    }
}

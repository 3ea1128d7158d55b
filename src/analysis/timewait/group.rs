//! Flows under a common name, and who probably made them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use super::{By, Flow, GroupReport, InferredFrom, NamespaceReading, Side, key::key, tally::Kept};
use crate::{
    analysis::attribute::Place,
    model::{Family, Owner, Owners},
};

/// A group's name in its namespace.
pub type Name = (Option<String>, Option<Side>);

/// What is asked of the flows.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// What makes a line.
    pub by: By,
    /// Only this family, by the address.
    pub family: Option<Family>,
}

impl Question {
    fn wants(self, flow: &Flow) -> bool {
        let family = match flow.peer.is_ipv4() {
            true => Family::V4,
            false => Family::V6,
        };
        self.family.is_none_or(|wanted| wanted == family)
    }
}

/// Counts the flows of each name.
pub fn groups(
    namespace: &NamespaceReading,
    question: Question,
) -> BTreeMap<Name, (Kept, Vec<&Flow>)> {
    let mut groups: BTreeMap<Name, (Kept, Vec<&Flow>)> = BTreeMap::new();
    let flows = namespace.tally.flows();
    for (flow, kept) in flows.filter(|(flow, _)| question.wants(flow)) {
        let name = (key(flow, question.by, namespace), flow.side);
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
    let sockets = holders.sockets_of(flows);
    let likely_owners = holders.of(&sockets);
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
        has_sockets: !sockets.is_empty(),
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

    fn of(&self, inodes: &BTreeSet<u32>) -> Vec<Owner> {
        let owners = inodes
            .iter()
            .filter_map(|inode| self.owners?.by_inode.get(inode));
        owners.flatten().cloned().collect()
    }

    fn sockets_of(&self, flows: &[&Flow]) -> BTreeSet<u32> {
        let sockets = flows.iter().flat_map(|flow| self.sockets(flow));
        sockets.copied().collect()
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

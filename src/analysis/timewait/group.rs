//! Flows under a common name, and who probably made them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{By, Flow, GroupReport, InferredFrom, NamespaceReading, Side, key::key, tally::Kept};
use crate::{
    analysis::attribute::Place,
    model::{Owner, Owners},
};

/// A group's name in its namespace.
pub type Name = (Option<String>, Option<Side>);

/// Groups as they are counted.
pub struct Group<'a> {
    /// All that is kept.
    pub kept: Kept,
    /// The flow that most of it is of.
    largest: (&'a Flow, u64),
}

/// Counts the flows of each name.
pub fn groups(namespace: &NamespaceReading, by: By) -> BTreeMap<Name, Group<'_>> {
    let mut groups: BTreeMap<Name, Group> = BTreeMap::new();
    for (flow, kept) in namespace.tally.flows() {
        let count = kept.left.count();
        let group = groups
            .entry((key(flow, by, namespace), flow.side))
            .or_insert_with(|| Group {
                kept: Kept::default(),
                largest: (flow, 0),
            });
        group.kept.merge(kept);
        if count > group.largest.1 {
            group.largest = (flow, count);
        }
    }
    groups
}

/// Its line.
pub fn row(
    (key, side): Name,
    group: &Group<'_>,
    namespace: &NamespaceReading,
    holders: &Holders<'_>,
) -> GroupReport {
    let (likely_owners, inferred_from) = holders.of(group.largest.0);
    GroupReport {
        netns: namespace.netns.clone(),
        key,
        side,
        count: group.kept.left.count(),
        median_left_seconds: group.kept.left.median(),
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

    fn of(&self, flow: &Flow) -> (Vec<Owner>, Option<InferredFrom>) {
        let at_listener = flow.listener.and_then(|place| self.listeners.get(&place));
        let live = flow
            .destination()
            .and_then(|to| self.namespace.live.get(&to));
        let (inodes, from) = match (at_listener, live) {
            (Some(inodes), _) => (&inodes[..], InferredFrom::Listener),
            (None, Some(inode)) => (std::slice::from_ref(inode), InferredFrom::LiveSocket),
            (None, None) => return (Vec::new(), None),
        };
        let owners = inodes
            .iter()
            .filter_map(|inode| self.owners?.by_inode.get(inode));
        let owners: Vec<Owner> = owners.flatten().cloned().collect();
        let inferred = (!owners.is_empty()).then_some(from);
        (owners, inferred)
    }
}

//! One tuple's line: what it holds against what there is, and against the reading before.

use std::{borrow::Cow, time::Duration};

use super::{
    Blocked, Namespace, Pressure, States, Tuple, TupleKey, TupleReport,
    inferred::{Choice, choices},
    outlook::outlook,
};
use crate::model::{Address, Owner, Owners, PortSet, snapshot::Oldest};

/// What bind(2) probably gave to connections of a namespace, and how each tuple's ports were chosen.
pub struct Taken {
    choices: Vec<Choice>,
    /// The ports that it gave.
    pub ports: PortSet,
    /// What is blocked for sure, and those.
    pub blocked: Blocked,
}

impl Taken {
    /// Judges every tuple.
    pub fn new(namespace: &Namespace<'_>) -> Self {
        let choices = choices(namespace.holders, &namespace.capacity);
        let mut ports = PortSet::default();
        for choice in &choices {
            if let Choice::BoundFirst(bound) = choice {
                ports.extend(bound.iter());
            }
        }
        let mut blocked = namespace.capacity.blocked.clone();
        blocked.add(&ports);
        Taken {
            choices,
            ports,
            blocked,
        }
    }
}

/// A line for each tuple, in order.
pub fn rows(
    now: &Namespace<'_>,
    before: Option<(&Namespace<'_>, Duration)>,
    taken: &Taken,
    owners: Option<&Owners>,
) -> Vec<TupleReport> {
    let tuples = now.holders.tuples.iter().zip(&taken.choices);
    tuples
        .map(|((key, tuple), choice)| {
            let mut row = row(now, key, tuple, choice, taken);
            if let Some((earlier, elapsed)) = before {
                let then = earlier.holders.get(key);
                let outlook = outlook(tuple, then, elapsed, &row);
                row.delta = Some(outlook.delta);
                row.per_second = outlook.per_second;
                row.full_in_seconds = outlook.full_in_seconds;
            }
            if let Some(owners) = owners {
                row.owners = holders(&tuple.sockets, Some(owners));
                row.owners_complete = Some(owners.complete && tuple.sockets.are_all());
            }
            row
        })
        .collect()
}

/// The line of a tuple, without what is known by comparison.
pub fn row(
    namespace: &Namespace<'_>,
    key: &TupleKey,
    tuple: &Tuple,
    choice: &Choice,
    taken: &Taken,
) -> TupleReport {
    let capacity = &namespace.capacity;
    let usable = capacity.usable();
    let held = collides_with(namespace, key, tuple);
    let free = capacity.blocked.free(&held);
    let free_likely = taken.blocked.free(&held);
    let (bound_first, window) = match choice {
        Choice::Connect => (Some(0), None),
        Choice::Untold => (None, None),
        Choice::BoundFirst(bound) => (Some(bound.len() as u64), None),
        Choice::Window(window) => (Some(0), Some(*window)),
    };
    let reusable = capacity.reusable(key, tuple, &taken.blocked);
    // Of an odd number of ports each connect(2) overlooks one.
    let sure = free_likely.saturating_sub(capacity.size() % 2);
    TupleReport {
        netns: namespace.snapshot.netns.clone(),
        source: Some(key.source),
        destination: Some(Address {
            address: key.destination,
            port: key.port,
        }),
        interface: interface(namespace, key.interface),
        tuples: 1,
        state: Pressure::of(usable, free, sure, reusable),
        used: tuple.used(),
        free,
        free_likely,
        reusable: reusable.count(),
        used_ratio: used_ratio(usable, free),
        states: States::of(tuple),
        bound_first,
        window,
        ..TupleReport::default()
    }
}

/// A socket that is bound to a device gets no port that an unbound one has towards the same end.
fn collides_with<'a>(
    namespace: &Namespace<'_>,
    key: &TupleKey,
    tuple: &'a Tuple,
) -> Cow<'a, PortSet> {
    if key.interface == 0 {
        return Cow::Borrowed(&tuple.ports);
    }
    let unbound = namespace.holders.get(&TupleKey {
        interface: 0,
        ..*key
    });
    let mut ports = tuple.ports.clone();
    ports.extend(unbound.into_iter().flat_map(|tuple| tuple.ports.iter()));
    Cow::Owned(ports)
}

fn interface(namespace: &Namespace<'_>, index: u32) -> Option<String> {
    let name = || namespace.snapshot.interfaces.get(&index).cloned();
    (index != 0).then(|| name().unwrap_or_else(|| format!("if{index}")))
}

/// Of no port at all, all are used.
pub fn used_ratio(usable: u64, free: u64) -> f64 {
    match usable {
        0 => 1.0,
        _ => usable.saturating_sub(free) as f64 / usable as f64,
    }
}

/// Who holds these, as far as it was found.
pub fn holders(sockets: &Oldest, owners: Option<&Owners>) -> Vec<Owner> {
    let found = sockets.inodes().iter();
    let found = found.filter_map(|inode| owners?.by_inode.get(inode));
    found.flatten().cloned().collect()
}

//! Tuples to rows: ports in use compared with the ports there are, and with the previous reading.

use super::{
    Blocked, Namespace, Pressure, States, Tuple, TupleKey, TupleReport, collides_with,
    inferred::{Choice, choices},
    outlook::outlook,
};
use crate::{
    analysis::{Previous, interface},
    model::{Address, Owner, Owners, PortSet, snapshot::Oldest},
};

/// How each tuple's ports were probably chosen, and what that takes from all tuples.
pub struct Taken {
    choices: Vec<Choice>,
    /// Ports that bind(2) probably gave to connections.
    pub ports: PortSet,
    /// What is blocked for sure, and `ports`.
    pub blocked: Blocked,
}

impl Taken {
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

/// A row for each tuple, in order.
pub fn rows(
    now: &Namespace<'_>,
    before: Previous<'_, Namespace<'_>>,
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

/// Rows of tuples that used ports at the previous reading and use none now. They count for the
/// change of their group and for nothing else.
pub fn gone(now: &Namespace<'_>, before: &Namespace<'_>, taken: &Taken) -> Vec<TupleReport> {
    let then = before.holders.tuples.iter();
    then.filter(|(key, _)| now.holders.get(key).is_none())
        .map(|(key, tuple)| TupleReport {
            tuples: 0,
            delta: Some(-(tuple.used() as i64)),
            per_second: Some(0.0),
            ..row(now, key, &Tuple::default(), &Choice::Connect, taken)
        })
        .collect()
}

/// The row of a tuple, without changes.
fn row(
    namespace: &Namespace<'_>,
    key: &TupleKey,
    tuple: &Tuple,
    choice: &Choice,
    taken: &Taken,
) -> TupleReport {
    let capacity = &namespace.capacity;
    let usable = capacity.usable();
    let held = collides_with(namespace.holders, key, tuple);
    let free = capacity.blocked.free(&held);
    let free_likely = taken.blocked.free(&held);
    let (bound_first, window) = match choice {
        Choice::Connect => (Some(0), None),
        Choice::Unknown => (None, None),
        Choice::BoundFirst(bound) => (Some(bound.len() as u64), None),
        Choice::Window(window) => (Some(0), Some(*window)),
    };
    let (address, port) = (key.destination, key.port);
    let destination = Address { address, port };
    let reusable = capacity.reusable(key, tuple, &taken.blocked);
    let sure = free_likely - taken.blocked.skipped(&held);
    TupleReport {
        netns: namespace.snapshot.netns.clone(),
        source: Some(key.source),
        destination: Some(destination),
        interface: interface(key.interface, &namespace.snapshot.interfaces),
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

/// Where no port is usable, all are used.
pub fn used_ratio(usable: u64, free: u64) -> f64 {
    match usable {
        0 => 1.0,
        _ => usable.saturating_sub(free) as f64 / usable as f64,
    }
}

pub fn holders(sockets: &Oldest, owners: Option<&Owners>) -> Vec<Owner> {
    let found = |inode| owners?.by_inode.get(inode);
    let found = sockets.inodes().iter().filter_map(found);
    found.flatten().cloned().collect()
}

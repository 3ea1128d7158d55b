//! Tuples that have an end or a process in common, as one row.

use std::{collections::HashMap, net::IpAddr, ops::Add};

use super::{ProcessReport, TupleReport};
use crate::model::{Address, Netns};

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Source, destination and its port.
    #[default]
    Tuple,
    /// Destination and its port.
    Destination,
    /// Source.
    Source,
    /// The owner of the sockets.
    Process,
}

/// What identifies a row of a report.
pub type Key = (
    Netns,
    Option<IpAddr>,
    Option<Address>,
    Option<ProcessReport>,
    Option<String>,
);

/// Joins the rows that `by` makes one.
pub fn fold(rows: Vec<TupleReport>, by: By) -> Vec<TupleReport> {
    if by == By::Tuple {
        return rows;
    }
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut groups: Vec<TupleReport> = Vec::new();
    for mut row in rows {
        forget(&mut row, by);
        let place = *places.entry(key(&row)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => join(group, row),
            None => groups.push(row),
        }
    }
    groups
}

/// Keeps what the group has in common.
fn forget(row: &mut TupleReport, by: By) {
    if by != By::Source {
        row.source = None;
    }
    if by != By::Destination {
        row.destination = None;
    }
    if by == By::Process {
        row.interface = None;
    }
}

pub fn key(row: &TupleReport) -> Key {
    (
        row.netns.clone(),
        row.source,
        row.destination,
        row.process.clone(),
        row.interface.clone(),
    )
}

/// Adds up what can be added, and takes the rest from the fuller row.
fn join(group: &mut TupleReport, row: TupleReport) {
    group.tuples += row.tuples;
    group.used += row.used;
    for (state, count) in row.states.each() {
        group.states.add(state, count);
    }
    group.bound_first = sum(group.bound_first, row.bound_first);
    group.window = group.window.or(row.window);
    group.delta = sum(group.delta, row.delta);
    group.per_second = sum(group.per_second, row.per_second);
    let sooner = [group.full_in_seconds, row.full_in_seconds];
    group.full_in_seconds = sooner.into_iter().flatten().reduce(f64::min);
    if row.room() < group.room() {
        group.state = row.state;
        group.free = row.free;
        group.free_likely = row.free_likely;
        group.reusable = row.reusable;
        group.used_ratio = row.used_ratio;
        group.owners = row.owners;
    }
}

fn sum<T: Add<Output = T>>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.zip(other).map(|(one, other)| one + other)
}

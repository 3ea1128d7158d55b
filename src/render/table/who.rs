//! Processes in cells.

use std::collections::BTreeSet;

use sockdiag::model::Owner;

use super::{Cell, Value};

/// `caddy (811)`, `api ×4 (4121…)`, `systemd (1), api (733)`; for programs name, process id and
/// descriptor of each, joined by colons.
pub fn owners(owners: &[Owner]) -> Cell {
    let mut groups: Vec<(&str, BTreeSet<u32>)> = Vec::new();
    for owner in owners {
        match groups.iter_mut().find(|(name, _)| *name == owner.name) {
            Some((_, pids)) => _ = pids.insert(owner.pid),
            None => groups.push((&owner.name, BTreeSet::from([owner.pid]))),
        }
    }
    if groups.is_empty() {
        return Value::Missing.into();
    }
    let group = |(name, pids): &(&str, BTreeSet<u32>)| {
        let first = pids.first().copied().unwrap_or_default();
        match pids.len() {
            1 => format!("{name} ({first})"),
            count => format!("{name} ×{count} ({first}…)"),
        }
    };
    let groups: Vec<String> = groups.iter().map(group).collect();
    let one = |owner: &Owner| format!("{}:{}:{}", owner.name, owner.pid, owner.fd);
    let raw: Vec<String> = owners.iter().map(one).collect();
    Cell::name(groups.join(", "), raw.join(" "))
}

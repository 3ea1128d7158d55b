//! Processes in cells.

use sockdiag::model::Owner;

use super::{Cell, Value};

/// `caddy (811)`, `api ×4 (4121…)`, `systemd (1), api (733)`; for programs name, process id and
/// descriptor of each, joined by colons.
pub fn owners(owners: &[Owner]) -> Cell {
    cell(owners, |pids| pids.iter().min())
}

/// The same with the first process id of each name instead of the lowest: `api ×4 (4124…)`.
pub fn owners_in_order(owners: &[Owner]) -> Cell {
    cell(owners, |pids| pids.first())
}

fn cell(owners: &[Owner], named: fn(&[u32]) -> Option<&u32>) -> Cell {
    let mut groups: Vec<(&str, Vec<u32>)> = Vec::new();
    for owner in owners {
        match groups.iter_mut().find(|(name, _)| *name == owner.name) {
            Some((_, pids)) if pids.contains(&owner.pid) => {}
            Some((_, pids)) => pids.push(owner.pid),
            None => groups.push((&owner.name, vec![owner.pid])),
        }
    }
    if groups.is_empty() {
        return Value::Missing.into();
    }
    let group = |(name, pids): &(&str, Vec<u32>)| {
        let pid = named(pids).copied().unwrap_or_default();
        let tail = match pids.len() {
            1 => format!("({pid})"),
            count => format!("×{count} ({pid}…)"),
        };
        ((*name).to_owned(), tail)
    };
    let all = groups.iter().map(group).collect();
    let one = |owner: &Owner| format!("{}:{}:{}", owner.name, owner.pid, owner.fd);
    let raw: Vec<String> = owners.iter().map(one).collect();
    let raw = raw.join(" ");
    Value::Processes { all, raw }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_processes_with_one_name_one_is_named() {
        let owner = |(pid, name): (u32, &str)| Owner {
            pid,
            name: name.to_owned(),
            fd: 3,
        };
        let all = [(12, "b"), (30, "a"), (11, "b"), (12, "b")].map(owner);
        let shown = |cell: Cell| cell.value.shown();
        assert_eq!(shown(owners(&all)), "b ×2 (11…), a (30)");
        assert_eq!(shown(owners_in_order(&all)), "b ×2 (12…), a (30)");
        assert_eq!(owners(&all).value.raw(), "b:12:3 a:30:3 b:11:3 b:12:3");
        assert_eq!(owners(&[]).value, Value::Missing);
    }
}

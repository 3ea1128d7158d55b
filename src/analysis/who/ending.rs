//! How to end the processes that have a socket open.

use std::collections::{BTreeMap, BTreeSet};

use super::HolderReport;
use crate::{
    analysis::{LocalReport, finding::in_shell, sockets::EndReport},
    model::{Owner, Owners, unit_of},
};

/// Lines that name processes; of further processes the number is given.
const LINES: usize = 3;

/// One line for each set of processes that must end together.
pub fn end(rows: &[&HolderReport], owners: Option<&Owners>) -> Vec<String> {
    let mut lines: Vec<(String, BTreeSet<u32>)> = Vec::new();
    for row in rows {
        let line = line(row, owners);
        let pids = || row.owners.iter().map(|owner| owner.pid).collect();
        if let Some(line) = line.filter(|line| !lines.iter().any(|(known, _)| known == line)) {
            lines.push((line, pids()));
        }
    }
    let pids = |lines: &[(String, BTreeSet<u32>)]| -> BTreeSet<u32> {
        lines.iter().flat_map(|(_, pids)| pids).copied().collect()
    };
    let named = pids(&lines[..lines.len().min(LINES)]);
    let more = match pids(&lines).difference(&named).count() {
        0 => None,
        1 => Some("end 1 more process that holds the port".to_owned()),
        more => Some(format!("end {more} more processes that hold the port")),
    };
    let lines = lines.into_iter().map(|(line, _)| line).take(LINES);
    lines.chain(more).collect()
}

fn line(row: &HolderReport, owners: Option<&Owners>) -> Option<String> {
    let cgroup = |owner: &Owner| Some(owners?.cgroups.get(&owner.pid)?.as_str());
    let all = row.owners.iter().map(|owner| (owner, cgroup(owner)));
    let (managers, others): (Vec<_>, Vec<_>) =
        all.partition(|(owner, cgroup)| Manager::of(owner, *cgroup).is_some());
    let mut managers = managers.into_iter();
    let released = managers.find_map(|(owner, cgroup)| {
        let manager = Manager::of(owner, cgroup)?;
        Some(manager.release(owner, &row.local))
    });
    let unseen = match row.owners_complete {
        true => "",
        false => " (others may have it open, too)",
    };
    let steps: Vec<String> = released.into_iter().chain(ended(&others)).collect();
    (!steps.is_empty()).then(|| steps.join("; then ") + unseen)
}

fn ended(owners: &[(&Owner, Option<&str>)]) -> Option<String> {
    let (first, _) = owners.first()?;
    let pids: BTreeSet<u32> = owners.iter().map(|(owner, _)| owner.pid).collect();
    let who = match pids.len() {
        1 => format!("end {} ({})", first.name, first.pid),
        // The socket is open until the last has closed it.
        shared => format!("end all {shared} processes that have it open"),
    };
    Some(format!("{who}: {}", commands(owners)))
}

/// Units are stopped by the manager that would restart them, other processes by a signal.
fn commands(owners: &[(&Owner, Option<&str>)]) -> String {
    let mut units = BTreeMap::<_, BTreeSet<String>>::new();
    let mut pids = BTreeSet::new();
    for (owner, cgroup) in owners {
        match cgroup.and_then(managed_unit) {
            Some((user, unit)) => {
                units.entry(user).or_default().insert(in_shell(&unit));
            }
            None => {
                pids.insert(owner.pid.to_string());
            }
        }
    }
    let joined = |words: BTreeSet<String>| words.into_iter().collect::<Vec<_>>().join(" ");
    let stopped = units.into_iter().map(|(user, units)| match user {
        None => format!("systemctl stop {}", joined(units)),
        Some(user) => format!("systemctl --user stop {} (as uid {user})", joined(units)),
    });
    let stopped: Vec<String> = stopped.collect();
    let killed = (!pids.is_empty()).then(|| format!("kill {}", joined(pids)));
    stopped
        .into_iter()
        .chain(killed)
        .collect::<Vec<_>>()
        .join("; ")
}

/// The unit, and the user whose manager it belongs to.
fn managed_unit(cgroup: &str) -> Option<(Option<&str>, String)> {
    let unit = unit_of(cgroup)?;
    let is_managed = unit.ends_with(".service") || unit.ends_with(".socket");
    // A process in none of the units of a user's manager would take the manager along.
    if !is_managed || unit.starts_with("user@") {
        return None;
    }
    let user = below_user_manager(cgroup)
        .filter(|(_, below)| below.split('/').any(|part| part == unit))
        .map(|(user, _)| user);
    Some((user, unit))
}

/// The user id, and the path below `user@UID.service`.
fn below_user_manager(cgroup: &str) -> Option<(&str, &str)> {
    let (_, path) = cgroup.split_once("/user@")?;
    path.split_once(".service/")
}

/// A process that is not to be ended.
enum Manager<'a> {
    /// systemd as process 1, which holds sockets until a unit that it starts for them takes them.
    System,
    /// systemd of a user.
    User(&'a str),
    /// Process 1 of a container, or another init.
    First,
    /// A part of Docker, in the unit of Docker, which forwards one port to a container.
    Proxy,
}

impl<'a> Manager<'a> {
    fn of(owner: &Owner, cgroup: Option<&'a str>) -> Option<Self> {
        match (owner.pid, owner.name.as_str()) {
            (1, "systemd") => Some(Manager::System),
            (1, _) => Some(Manager::First),
            (_, "docker-proxy") => Some(Manager::Proxy),
            (_, "systemd") => match cgroup.and_then(below_user_manager)? {
                (user, "init.scope") => Some(Manager::User(user)),
                _ => None,
            },
            _ => None,
        }
    }

    fn release(&self, owner: &Owner, local: &EndReport) -> String {
        let Owner { name, pid, .. } = owner;
        match self {
            Manager::System => format!(
                "{name} ({pid}) holds it for socket activation: systemctl list-sockets names the \
                 unit, systemctl stop NAME.socket closes it"
            ),
            Manager::User(user) => format!(
                "{name} ({pid}) holds it for socket activation: systemctl --user list-sockets names \
                 the unit, systemctl --user stop NAME.socket closes it (as uid {user})"
            ),
            Manager::First => format!(
                "{name} ({pid}) is process 1, which ends with its container or host: stop the \
                 container, or make {name} close the port"
            ),
            Manager::Proxy => {
                let filter = match local {
                    EndReport::Inet(LocalReport::Inet { port, .. }) => {
                        format!(" --filter publish={port}")
                    }
                    _ => String::new(),
                };
                format!(
                    "{name} ({pid}) forwards it to a container: docker ps{filter} names the \
                     container, docker stop NAME closes it"
                )
            }
        }
    }
}

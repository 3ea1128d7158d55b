//! Processes and their descriptors.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
};

use crate::{
    Result,
    model::{
        Address, Families, FdPeer, Filter, Holder, Incomplete, ProcessFds, Snapshot, StateSet,
        snapshot::Processes, unit_of,
    },
    source::{FdQuestion, Found, Kernel, LimitFiles, SockDiag, may_read_all},
};

#[derive(Debug, Clone, Copy, Default)]
pub struct Closely {
    /// What their descriptors are.
    pub types: bool,
    /// Where their limits come from.
    pub limits: bool,
}

pub fn read(kernel: &Kernel, question: &FdQuestion, snapshot: &mut Snapshot) -> Result<()> {
    let system = kernel.system_descriptors().unwrap_or_else(|error| {
        let missing = Incomplete::new("system", error.to_string());
        snapshot.incomplete.push(missing);
        Default::default()
    });
    let found = kernel.descriptors(question)?;
    snapshot.incomplete.extend(unseen(&found));
    snapshot.processes = Some(Processes {
        system,
        processes: found.processes,
        ..Processes::default()
    });
    Ok(())
}

fn unseen(found: &Found) -> Vec<Incomplete> {
    let mut missing = Vec::new();
    if found.hidden {
        let why = "/proc is mounted with hidepid, which hides other users' processes (sudo)";
        missing.push(Incomplete::new("processes", why));
    }
    if found.refused > 0 {
        let why = "/proc does not let this user read them (sudo)";
        missing.push(Incomplete::counted("processes", why, found.refused));
    }
    if found.unseen > 0 {
        let why = "needs CAP_SYS_PTRACE (sudo) to see the namespaces of these processes";
        missing.push(Incomplete::counted("netns", why, found.unseen));
    }
    missing
}

pub fn examine(
    kernel: &Kernel,
    snapshot: &mut Snapshot,
    pids: &[u32],
    closely: Closely,
) -> Result<()> {
    let Some(processes) = &mut snapshot.processes else {
        return Ok(());
    };
    if closely.types {
        let chosen = processes.processes.iter_mut();
        let chosen = chosen.filter(|process| pids.contains(&process.pid));
        let refused = kernel.read_types(chosen)?;
        name_peers(&mut processes.processes)?;
        let elsewhere = sockets_elsewhere(kernel, &processes.processes);
        if elsewhere > 0 {
            let why = "their sockets are in other network namespaces than this program";
            let missing = Incomplete::counted("peers", why, elsewhere);
            snapshot.incomplete.push(missing);
        }
        if refused > 0 {
            let why = match may_read_all() {
                true => "a security policy or another user namespace forbids reading these",
                false => "needs CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (sudo)",
            };
            snapshot
                .incomplete
                .push(Incomplete::counted("types", why, refused));
        }
    }
    if closely.limits {
        snapshot
            .incomplete
            .extend(ancestors(kernel, processes, pids)?);
    }
    Ok(())
}

/// Number of processes with TCP sockets that are in another network namespace, or in one that is not
/// visible.
fn sockets_elsewhere(kernel: &Kernel, processes: &[ProcessFds]) -> u64 {
    let own = kernel.own_namespace().id.inode;
    let is_elsewhere = |process: &&ProcessFds| {
        let types = process.types.as_ref();
        types.is_some_and(|types| !types.inodes.is_empty()) && kernel.netns_of(process.pid) != own
    };
    processes.iter().filter(is_elsewhere).count() as u64
}

/// Finds the peers of TCP sockets in one scan of all.
fn name_peers(processes: &mut [ProcessFds]) -> Result<()> {
    let types = || {
        processes
            .iter()
            .filter_map(|process| process.types.as_ref())
    };
    let wanted: HashSet<u32> = types()
        .flat_map(|types| types.inodes.iter().copied())
        .collect();
    let mut peers: HashMap<u32, Address> = HashMap::new();
    if !wanted.is_empty() {
        SockDiag::open()?.walk(Families::BOTH, StateSet::HOLDERS, &Filter::ALL, |holder| {
            if let Holder::Connection(connection) = holder
                && wanted.contains(&connection.inode)
            {
                let (address, port) = (connection.peer.to_canonical(), connection.peer_port);
                peers.insert(connection.inode, Address { address, port });
            }
        })?;
    }
    for types in processes
        .iter_mut()
        .filter_map(|process| process.types.as_mut())
    {
        let ends = types.inodes.iter().filter_map(|inode| peers.get(inode));
        types.peers = most_frequent(ends);
    }
    Ok(())
}

/// Clients come from a port each, which is not named.
fn most_frequent<'a>(ends: impl Iterator<Item = &'a Address>) -> Vec<FdPeer> {
    const MOST_NAMED: usize = 3;
    let mut counts: BTreeMap<Address, u64> = BTreeMap::new();
    ends.for_each(|end| *counts.entry(*end).or_default() += 1);
    let mut singles: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for (end, _) in counts.iter().filter(|(_, count)| **count == 1) {
        *singles.entry(end.address).or_default() += 1;
    }
    let is_alone = |end: &Address, count: u64| count > 1 || singles.get(&end.address) == Some(&1);
    let named = counts.iter().filter(|(end, count)| is_alone(end, **count));
    let named = named.map(|(end, count)| FdPeer {
        address: end.address,
        port: Some(end.port),
        count: *count,
    });
    let clients = singles.iter().filter(|(_, count)| **count > 1);
    let clients = clients.map(|(address, count)| FdPeer {
        address: *address,
        port: None,
        count: *count,
    });
    let mut all: Vec<FdPeer> = named.chain(clients).collect();
    all.sort_by_key(|peer| (Reverse(peer.count), peer.address, peer.port));
    all.truncate(MOST_NAMED);
    all
}

fn ancestors(
    kernel: &Kernel,
    processes: &mut Processes,
    pids: &[u32],
) -> Result<Option<Incomplete>> {
    let mut relatives = kernel.relatives()?;
    let mut files = LimitFiles::of(kernel);
    let mut unreadable = 0;
    for pid in pids {
        let mut chain = relatives.of(*pid)?;
        for relative in &mut chain {
            let cgroup = relative.cgroup.as_deref();
            let unit = cgroup.and_then(unit_of);
            relative.configured = files.configured(unit.as_deref(), cgroup, relative.uid);
        }
        unreadable += u64::from(chain.iter().any(|relative| relative.configured.unreadable));
        processes.ancestors.insert(*pid, chain);
    }
    let why = "files that may set the limits of these processes could not be read (sudo)";
    Ok((unreadable > 0).then(|| Incomplete::counted("why", why, unreadable)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_with_its_port_and_clients_without() {
        let end = |text: &str| {
            let end: std::net::SocketAddr = text.parse().unwrap();
            let (address, port) = (end.ip(), end.port());
            Address { address, port }
        };
        let ends = [
            "10.0.0.9:5432",
            "10.0.0.9:5432",
            "10.0.0.9:5432",
            "10.0.0.9:6379",
            "10.0.0.9:6379",
            "10.0.0.1:50001",
            "10.0.0.1:50002",
            "10.0.0.1:50003",
            "10.0.0.1:50004",
            "10.0.0.7:443",
        ]
        .map(end);
        let found = most_frequent(ends.iter());
        let found: Vec<_> = found.iter().map(|peer| (peer.port, peer.count)).collect();
        assert_eq!(found, [(None, 4), (Some(5432), 3), (Some(6379), 2)]);
        let alone = most_frequent([end("10.0.0.7:443")].iter());
        assert_eq!((alone[0].port, alone[0].count), (Some(443), 1));
    }
}

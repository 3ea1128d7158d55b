//! A process and its packet sockets, from /proc; who has a socket open, as the library finds it.

use std::fs;

use sockdiag::model::Owners;
use sockdiag::source::{BpfUse, Kernel, OwnerSearch, Wanted};

/// Every process that has one of these sockets open.
pub fn owners(bpf: BpfUse, inodes: &[u32]) -> Owners {
    let wanted = Wanted {
        inodes: inodes.iter().copied().collect(),
        ..Wanted::default()
    };
    let kernel = Kernel::new().with_bpf(bpf);
    kernel.owners(&wanted, OwnerSearch::All)
}

/// A line of /proc/PID/status, empty when the process is gone.
pub fn process_status(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_owned()
}

/// Whether a process has packet sockets, and all of them receive.
pub fn packet_sockets_receive(pid: u32, packets: &str) -> bool {
    let own = inodes(pid);
    let table = fs::read_to_string(packets).unwrap_or_default();
    let rows = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    // sk RefCnt Type Proto Iface R Rmem User Inode
    let running: Vec<bool> = rows
        .filter(|row| {
            row.get(8)
                .is_some_and(|inode| own.contains(&inode.to_string()))
        })
        .map(|row| row[5] == "1")
        .collect();
    !running.is_empty() && running.iter().all(|running| *running)
}

fn inodes(pid: u32) -> Vec<String> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect()
}

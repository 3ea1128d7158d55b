//! The descriptors of all processes, by BPF.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use rustix::param::clock_ticks_per_second;

use super::scan::{Found, Holder};
use crate::{
    Result,
    source::{Kernel, bpf::SocketReader, process::Unread},
};

const NANOSECONDS: u64 = 1_000_000_000;

/// The processes that have these sockets open, as far as time allows.
pub fn holders(kernel: &Kernel, inodes: &HashSet<u32>, deadline: Option<Instant>) -> Result<Found> {
    let mut sockets = SocketReader::load()?.sockets()?;
    let mut by_process: HashMap<(u32, u64), Vec<(u32, u32)>> = HashMap::new();
    let mut found = Found::default();
    while !found.out_of_time
        && let Some(some) = sockets.next()?
    {
        for held in some.filter(|held| inodes.contains(&held.inode)) {
            let process = by_process.entry((held.pid, held.started)).or_default();
            process.push((held.inode, held.fd));
        }
        found.out_of_time = deadline.is_some_and(|deadline| Instant::now() >= deadline);
    }
    for ((pid, started), mut held) in by_process {
        // Threads with descriptors of their own may have the same ones.
        held.sort_unstable();
        held.dedup();
        found.note(holder(kernel, pid, started, held));
    }
    Ok(found)
}

/// `None` when the process has ended: its id may belong to another one, which started later.
fn holder(
    kernel: &Kernel,
    pid: u32,
    started: u64,
    held: Vec<(u32, u32)>,
) -> std::result::Result<Option<Holder>, Unread> {
    let process = kernel.process(pid)?;
    let ticks = started / (NANOSECONDS / clock_ticks_per_second());
    if process.began() != Some(ticks) {
        return Ok(None);
    }
    Ok(Some(Holder {
        pid,
        name: process.name().unwrap_or_default(),
        cgroup: process.cgroup(),
        held,
    }))
}

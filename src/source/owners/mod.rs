//! Which processes have a socket open: `/proc/PID/fd` (fs/proc/fd.c), or a BPF iterator over the
//! descriptors of all processes.
//!
//! Reading a descriptor in /proc takes microseconds and a host may have millions, so the search has
//! two rounds. The first reads the low descriptors of every process, where listeners nearly always
//! are, and takes milliseconds. The second reads the rest until everything is read or the time limit
//! is reached: by BPF where that is permitted and there are many, else in /proc, likely owners first,
//! on all cores.

mod everywhere;
mod scan;
mod sockets_of;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use rustix::thread::{CapabilitySet, capabilities};

use super::{Kernel, bpf::BpfUse, regular::cause};
use crate::{
    Result,
    model::{Owner, OwnerSource, Owners},
};
use scan::{Found, Holder, Scan, descriptors};

/// With fewer descriptors than this beyond the low ones, /proc is as fast: it takes 3.7 µs of a core
/// for each, BPF 0.4 µs after 10 ms in which the kernel's types are read (x86-64, Linux 6.18).
const MANY: u64 = 5_000;
const BY_BPF: Duration = Duration::from_nanos(400);

#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub inodes: HashSet<u32>,
    /// Cgroups whose processes are likely owners; they only affect the order of the search.
    pub cgroups: HashSet<String>,
}

/// How far to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerSearch {
    All,
    /// Until this time has passed; the low descriptors of every process are always read.
    Within(Duration),
}

/// How to go on after the first round.
enum Second {
    Proc,
    Bpf,
    /// There is no time to read everything, and each socket has an owner already.
    Skip,
}

impl Kernel {
    /// Finds the processes that have the wanted sockets open.
    pub fn owners(&self, wanted: &Wanted, search: OwnerSearch) -> Owners {
        let found = self.search(wanted, search, Instant::now());
        found.unwrap_or_else(|error| Owners {
            failed: Some(format!("{error}: {}", error.io())),
            ..Owners::default()
        })
    }

    fn search(&self, wanted: &Wanted, search: OwnerSearch, started: Instant) -> Result<Owners> {
        let scan = Scan::new(self, &wanted.inodes)?;
        let (mut found, mut rest) = (Found::default(), Vec::new());
        for pid in self.process_ids()? {
            if scan.low(pid, &mut found) {
                rest.push(pid);
            }
        }
        let deadline = match search {
            OwnerSearch::All => None,
            OwnerSearch::Within(budget) => Some(started + budget),
        };
        let (mut second, mut found_by) = (
            self.second(wanted, &found, &rest, deadline),
            OwnerSource::Proc,
        );
        if let Second::Bpf = second {
            second = match everywhere::holders(self, &wanted.inodes, deadline) {
                Ok(all) => {
                    found_by = OwnerSource::Bpf;
                    found.replace(all);
                    Second::Skip
                }
                Err(_) => Second::Proc,
            };
        } else if let Second::Skip = second {
            found.out_of_time = true;
        }
        if let Second::Proc = second {
            self.likely_first(&mut rest, wanted, &found.holders);
            found.add(scan.all(&rest, deadline));
        }
        let seen_all = found.unreadable == 0 && !found.out_of_time && found.failed.is_none();
        Ok(Owners {
            complete: seen_all && !self.hides_others()?,
            unreadable: found.unreadable,
            may_read_all: may_read_all(),
            out_of_time: found.out_of_time,
            found_by,
            failed: found.failed.map(|errno| cause(errno).to_string()),
            ..described(found.holders)
        })
    }

    fn second(
        &self,
        wanted: &Wanted,
        found: &Found,
        rest: &[u32],
        deadline: Option<Instant>,
    ) -> Second {
        let is_needed = !rest.is_empty() || found.unreadable > 0;
        if !is_needed || !self.may_use_bpf() {
            return Second::Proc;
        }
        let number = |pid: &u32| descriptors(self.proc_root(), *pid);
        let left: u64 = rest.iter().map(number).sum();
        // Before Linux 6.2 their number is not known, and then this is 0.
        let takes = BY_BPF.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX));
        let is_late = deadline.is_some_and(|deadline| Instant::now() + takes > deadline);
        match self.bpf {
            _ if is_late && found.has_each(&wanted.inodes) => Second::Skip,
            BpfUse::WhereItSaves if left < MANY && left > 0 && found.unreadable == 0 => {
                Second::Proc
            }
            _ => Second::Bpf,
        }
    }

    /// First owners found so far and members of the sockets' cgroups, and within each group the
    /// processes with few descriptors, so that the time covers as many processes as possible.
    fn likely_first(&self, pids: &mut [u32], wanted: &Wanted, found: &[Holder]) {
        let holders: HashSet<u32> = found.iter().map(|holder| holder.pid).collect();
        let is_member = |pid| {
            let cgroup = self.process(pid).ok().and_then(|process| process.cgroup());
            cgroup.is_some_and(|cgroup| wanted.cgroups.contains(&cgroup))
        };
        pids.sort_by_cached_key(|pid| {
            let unlikely = !holders.contains(pid) && !is_member(*pid);
            (unlikely, descriptors(self.proc_root(), *pid))
        });
    }
}

fn described(mut holders: Vec<Holder>) -> Owners {
    holders.sort_unstable_by_key(|holder| holder.pid);
    let mut owners = Owners::default();
    for Holder {
        pid,
        name,
        cgroup,
        held,
    } in holders
    {
        owners.cgroups.extend(cgroup.map(|cgroup| (pid, cgroup)));
        for (inode, fd) in held {
            let name = name.clone();
            let found = owners.by_inode.entry(inode).or_default();
            found.push(Owner { pid, name, fd });
        }
    }
    for found in owners.by_inode.values_mut() {
        found.sort_unstable_by_key(|owner| (owner.pid, owner.fd));
        found.dedup();
    }
    owners
}

/// Why the descriptors of a process may not be read.
pub fn why_unreadable() -> &'static str {
    match may_read_all() {
        true => "a security policy or another user namespace forbids it",
        false => "needs CAP_SYS_PTRACE (sudo)",
    }
}

/// Whether this process may read the descriptors of all users, which takes CAP_SYS_PTRACE together
/// with CAP_DAC_READ_SEARCH.
pub fn may_read_all() -> bool {
    let needed = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
    capabilities(None).is_ok_and(|own| own.effective.contains(needed))
}

//! `/proc/PID/fd`: which processes have a socket open (fs/proc/fd.c).
//!
//! Reading a descriptor takes microseconds and a host may have millions, so the search has two
//! rounds. The first reads the low descriptors of every process, where listeners nearly always are,
//! and takes milliseconds. The second reads the rest, likely owners first, on all cores, until
//! everything is read or the time limit is reached.

mod scan;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use rustix::thread::{CapabilitySet, capabilities};

use super::{Kernel, regular::cause};
use crate::{
    Result,
    model::{Owner, Owners},
};
use scan::{Found, Holder, Scan, descriptors};

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
        self.likely_first(&mut rest, wanted, &found.holders);
        let deadline = match search {
            OwnerSearch::All => None,
            OwnerSearch::Within(budget) => Some(started + budget),
        };
        found.add(scan.all(&rest, deadline));
        let seen_all = found.unreadable == 0 && !found.out_of_time && found.failed.is_none();
        Ok(Owners {
            complete: seen_all && !self.hides_others()?,
            unreadable: found.unreadable,
            may_read_all: may_read_all(),
            out_of_time: found.out_of_time,
            failed: found.failed.map(|errno| cause(errno).to_string()),
            ..described(found.holders)
        })
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
    }
    owners
}

/// Whether this process may read the descriptors of all users, which takes CAP_SYS_PTRACE together
/// with CAP_DAC_READ_SEARCH.
pub fn may_read_all() -> bool {
    let needed = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
    capabilities(None).is_ok_and(|own| own.effective.contains(needed))
}

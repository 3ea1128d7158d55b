//! `/proc/PID/fd`: which processes have a socket open (fs/proc/fd.c).
//!
//! Reading a descriptor takes microseconds and a host may have millions, so the search has two
//! rounds. The first reads the low descriptors of every process, where listeners nearly always are,
//! and takes milliseconds. The second reads the rest, likely owners first, on all cores, until
//! everything is read or the time limit is reached.

mod scan;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use rustix::thread::{CapabilitySet, capabilities};

use super::{Kernel, process};
use crate::model::{Owner, Owners};
use scan::{Holder, Scan, Unread, descriptors};

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
        let started = Instant::now();
        let scan = Scan::new(self.proc_root(), &wanted.inodes);
        let (mut holders, mut rest, mut unreadable) = (Vec::new(), Vec::new(), 0);
        for pid in process::pids(self.proc_root()) {
            match scan.low(pid, &mut holders) {
                Ok(true) | Err(Unread::Gone | Unread::Late) => {}
                Ok(false) => rest.push(pid),
                Err(Unread::Refused) => unreadable += 1,
            }
        }
        self.likely_first(&mut rest, wanted, &holders);
        let deadline = match search {
            OwnerSearch::All => None,
            OwnerSearch::Within(budget) => Some(started + budget),
        };
        let out_of_time = !scan.all(&rest, deadline, &mut holders);
        let hidden = self.hides_others();
        Owners {
            complete: !out_of_time && unreadable == 0 && !hidden,
            unreadable,
            may_read_all: may_read_all(),
            out_of_time,
            ..self.describe(holders)
        }
    }

    /// First owners found so far and members of the sockets' cgroups, and within each group the
    /// processes with few descriptors, so that the time covers as many processes as possible.
    fn likely_first(&self, pids: &mut [u32], wanted: &Wanted, found: &[Holder]) {
        let holders: HashSet<u32> = found.iter().map(|holder| holder.pid).collect();
        let is_member = |pid| {
            let cgroup = self.process_cgroup(pid);
            cgroup.is_some_and(|cgroup| wanted.cgroups.contains(&cgroup))
        };
        pids.sort_by_cached_key(|pid| {
            let unlikely = !holders.contains(pid) && !is_member(*pid);
            (unlikely, descriptors(self.proc_root(), *pid))
        });
    }

    fn describe(&self, mut holders: Vec<Holder>) -> Owners {
        holders.sort_unstable();
        holders.dedup();
        holders.retain(|holder| !self.is_path_only(holder.pid, holder.fd));
        let mut names: HashMap<u32, String> = HashMap::new();
        let mut owners = Owners::default();
        for Holder { inode, pid, fd } in holders {
            let name = names.entry(pid).or_insert_with(|| {
                let cgroup = self.process_cgroup(pid);
                owners.cgroups.extend(cgroup.map(|cgroup| (pid, cgroup)));
                self.process_name(pid).unwrap_or_default()
            });
            let name = name.clone();
            let found = owners.by_inode.entry(inode).or_default();
            found.push(Owner { pid, name, fd });
        }
        owners
    }
}

/// Whether this process may read the descriptors of all users, which takes CAP_SYS_PTRACE together
/// with CAP_DAC_READ_SEARCH.
pub fn may_read_all() -> bool {
    let needed = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
    capabilities(None).is_ok_and(|own| own.effective.contains(needed))
}

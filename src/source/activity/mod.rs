//! What processes are doing: `/proc/PID/task/TID`, their cgroups and `/proc/pressure`.

mod calls;
mod cgroups;
mod pressure;
mod threads;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    FdQuestion, Kernel, mount,
    process::{ProcessDir, Unread},
    since_boot, stat,
};
use crate::{
    Error, Result,
    model::{HostPressure, Owner, ProcessActivity, ProcessFds},
};
use cgroups::Cgroups;
use threads::Threads;

/// The processes, and how many could not be read.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    pub processes: Vec<ProcessActivity>,
    /// Processes that /proc lists but does not let us read (`hidepid=1`).
    pub refused: u64,
}

impl Kernel {
    /// What the owners of listeners are doing, by the listeners' inodes. A process that ends
    /// meanwhile is left out.
    pub fn activity(&self, listeners: &BTreeMap<u32, Vec<Owner>>) -> Result<Activity> {
        let owners = listeners.values().flatten();
        let pids: BTreeSet<u32> = owners.map(|owner| owner.pid).collect();
        if pids.is_empty() {
            return Ok(Activity::default());
        }
        let inodes: BTreeSet<u32> = listeners.keys().copied().collect();
        let fds = self.descriptors(&FdQuestion {
            pids: Some(pids.iter().copied().collect()),
            netns: None,
            began: true,
        })?;
        let mounts = self.mounts()?;
        let mounts: Vec<mount::Mount> = mount::parse(&mounts).collect();
        let cgroups = Cgroups::new(self, &mounts);
        let mut activity = Activity::default();
        for pid in pids {
            match self.one_activity(pid, &inodes, &fds.processes, &cgroups) {
                Ok(process) => activity.processes.push(process),
                Err(Unread::Gone) => {}
                Err(Unread::Refused) => activity.refused += 1,
                Err(Unread::Failed(errno)) => return Err(self.failed(pid, errno)),
            }
        }
        Ok(activity)
    }

    fn one_activity(
        &self,
        pid: u32,
        inodes: &BTreeSet<u32>,
        fds: &[ProcessFds],
        cgroups: &Cgroups<'_>,
    ) -> std::result::Result<ProcessActivity, Unread> {
        let process = self.process(pid)?;
        let began = began(&process)?;
        let at = since_boot();
        let threads = Threads::of(&process, inodes)?;
        // The folder of descriptors is that of this process only if it began at the same time.
        let mut fds = fds.iter();
        let fds = fds.find(|other| other.pid == pid && other.began == began);
        let groups = process.read("cgroup").unwrap_or_default();
        Ok(ProcessActivity {
            pid,
            name: process.name()?,
            began,
            at,
            threads: threads.read,
            threads_unread: threads.unread,
            io_uring: threads.io_uring,
            open: fds.and_then(|fds| fds.open),
            has_free: fds.and_then(|fds| fds.has_free),
            limits: fds.and_then(|fds| fds.limits),
            ..cgroups.of(&groups)
        })
    }

    /// How long tasks of the whole host were stalled; `None` on kernels without it.
    pub fn pressure(&self) -> Result<Option<HostPressure>> {
        let folder = self.proc_root().join("pressure");
        let read = |resource: &str| {
            let path = folder.join(resource);
            match self.read_if_present(&path) {
                Ok(text) => Ok(text.as_deref().and_then(pressure::parse)),
                // Switched off at boot (`psi=0`).
                Err(Error::File(_, error)) if pressure::is_off(&error) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let pressure = HostPressure {
            cpu: read("cpu")?,
            memory: read("memory")?,
            io: read("io")?,
        };
        Ok((pressure != HostPressure::default()).then_some(pressure))
    }
}

/// Zombies and kernel threads do nothing.
fn began(process: &ProcessDir) -> std::result::Result<Option<u64>, Unread> {
    let stat = match process.read("stat").map_err(Unread::from) {
        Err(Unread::Refused) => return Ok(None),
        read => stat::parse(&read?),
    };
    if stat.is_some_and(|stat| stat.kernel_thread || stat.is_dead()) {
        return Err(Unread::Gone);
    }
    Ok(stat.map(|stat| stat.began))
}

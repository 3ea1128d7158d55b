//! Processes and their descriptors.

use crate::{
    Result,
    model::{Incomplete, Snapshot, snapshot::Processes, unit_of},
    source::{FdQuestion, Found, Kernel, LimitFiles, may_read_all},
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

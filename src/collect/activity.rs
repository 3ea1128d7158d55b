//! What the owners of listeners are doing.

use std::collections::BTreeMap;

use crate::{
    Result,
    model::{Incomplete, Owner, ProcessActivity, Snapshot},
    source::{Kernel, may_read_all},
};

pub fn read(
    kernel: &Kernel,
    snapshot: &mut Snapshot,
    listeners: &BTreeMap<u32, Vec<Owner>>,
) -> Result<()> {
    let found = kernel.activity(listeners)?;
    if found.refused > 0 {
        let why = "/proc does not let this user read them (sudo)";
        let missing = Incomplete::counted("activity", why, found.refused);
        snapshot.incomplete.push(missing);
    }
    let is_hidden =
        |process: &&ProcessActivity| process.threads.iter().any(|thread| thread.doing.is_none());
    let hidden = found.processes.iter().filter(is_hidden).count() as u64;
    if hidden > 0 {
        let why = match may_read_all() {
            true => {
                "a security policy or another user namespace forbids reading the system calls of these processes"
            }
            false => {
                "needs CAP_SYS_PTRACE (sudo) to see in which system calls these processes wait"
            }
        };
        let missing = Incomplete::counted("activity", why, hidden);
        snapshot.incomplete.push(missing);
    }
    let unread: u64 = found
        .processes
        .iter()
        .map(|process| process.threads_unread)
        .sum();
    if unread > 0 {
        let why = "threads beyond the first 4096 of a process are not read";
        snapshot
            .incomplete
            .push(Incomplete::counted("threads", why, unread));
    }
    snapshot.activity = found.processes;
    snapshot.pressure = kernel.pressure().unwrap_or_else(|error| {
        let why = format!("{error}: {}", error.io());
        snapshot.incomplete.push(Incomplete::new("pressure", why));
        None
    });
    Ok(())
}

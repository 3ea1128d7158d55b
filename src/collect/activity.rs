//! What the owners of listeners are doing.

use std::collections::BTreeMap;

use crate::{
    Result,
    model::{Incomplete, Owner, ProcessActivity, Snapshot},
    source::{Activity, Kernel, may_read_all},
};

pub fn read(
    kernel: &Kernel,
    snapshot: &mut Snapshot,
    listeners: &BTreeMap<u32, Vec<Owner>>,
) -> Result<()> {
    let found = kernel.activity(listeners)?;
    snapshot.incomplete.extend(unseen(&found));
    snapshot.activity = found.processes;
    snapshot.pressure = kernel.pressure().unwrap_or_else(|error| {
        let why = format!("{error}: {}", error.io());
        snapshot.incomplete.push(Incomplete::new("pressure", why));
        None
    });
    Ok(())
}

fn unseen(found: &Activity) -> impl Iterator<Item = Incomplete> {
    let of = |is_it: &dyn Fn(&&ProcessActivity) -> bool| {
        found.processes.iter().filter(is_it).count() as u64
    };
    let is_hidden = |process: &&ProcessActivity| {
        let mut threads = process.threads.iter();
        threads.all(|thread| thread.doing.is_none())
    };
    let is_large = |process: &&ProcessActivity| process.io_uring.is_none() && !is_hidden(process);
    let hidden = match may_read_all() {
        true => {
            "a security policy or another user namespace forbids reading the system calls of these processes"
        }
        false => "needs CAP_SYS_PTRACE (sudo) to see in which system calls these processes wait",
    };
    let unread = found.processes.iter().map(|process| process.threads_unread);
    let counts = [
        (
            "activity",
            "/proc does not let this user read them (sudo)",
            found.refused,
        ),
        ("activity", hidden, of(&is_hidden)),
        (
            "activity",
            "the descriptors of these processes may not be read, or are more than 16384",
            of(&is_large),
        ),
        (
            "threads",
            "threads beyond the first 4096 of a process are not read",
            unread.sum(),
        ),
    ];
    let some = counts.into_iter().filter(|(.., count)| *count > 0);
    some.map(|(what, why, count)| Incomplete::counted(what, why, count))
}

//! The sockets of a process or a unit.

use std::{collections::HashSet, io::ErrorKind};

use sockdiag::{
    model::{Incomplete, is_process, is_unit},
    source::{Kernel, why_unreadable},
};

use crate::command::OwnedByArgs;

/// What the processes that are named have open.
#[derive(Debug, Default)]
pub struct Chosen {
    pub inodes: HashSet<u32>,
    /// Processes whose descriptors may not be read.
    unreadable: u64,
}

impl Chosen {
    /// `None` where neither a process nor a unit is named.
    pub fn read(owned_by: &OwnedByArgs, kernel: &Kernel) -> anyhow::Result<Option<Self>> {
        if owned_by.process.is_none() && owned_by.unit.is_none() {
            return Ok(None);
        }
        let mut chosen = Chosen::default();
        let mut read = 0;
        for (pid, name) in kernel.processes()? {
            if !is_named(owned_by, kernel, pid, &name) {
                continue;
            }
            match kernel.sockets_of(pid) {
                Ok(open) => {
                    chosen
                        .inodes
                        .extend(open.into_iter().map(|(inode, _)| inode));
                    read += 1;
                }
                // It has ended.
                Err(error) if error.io().kind() == ErrorKind::NotFound => {}
                Err(error) if error.io().kind() == ErrorKind::PermissionDenied => {
                    chosen.unreadable += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        anyhow::ensure!(
            read > 0 || chosen.unreadable == 0,
            "reading the descriptors of the process: permission denied; {}",
            why_unreadable()
        );
        Ok(Some(chosen))
    }

    pub fn missing(&self) -> Option<Incomplete> {
        let why = format!("their descriptors may not be read: {}", why_unreadable());
        let count = self.unreadable;
        (count > 0).then(|| Incomplete::counted("processes", why, count))
    }
}

fn is_named(owned_by: &OwnedByArgs, kernel: &Kernel, pid: u32, name: &str) -> bool {
    let by_process = owned_by.process.as_ref();
    let by_unit = owned_by.unit.as_ref();
    by_process.is_none_or(|wanted| is_process(pid, name, wanted))
        && by_unit.is_none_or(|wanted| {
            let unit = kernel.unit_of_process(pid);
            unit.is_some_and(|unit| is_unit(&unit, wanted))
        })
}

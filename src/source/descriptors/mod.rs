//! `/proc/PID/fd` and `/proc/PID/limits`: how many descriptors each process has open and how many it
//! may (fs/proc/fd.c, fs/proc/base.c); `/proc/sys/fs` for the host.
//!
//! Since 6.2 the size of `/proc/PID/fd` is the number of open descriptors, which any user may read
//! without listing them. Older kernels say 0; there they are counted.

mod count;
mod limits;
mod reader;
mod relatives;
mod stat;
mod threads;
mod types;

use std::{fs, io};

use super::{Kernel, process};
use crate::{
    Error, Result,
    model::{ProcessFds, SystemFds},
};
use reader::{Reader, Skipped};
pub use relatives::Relatives;

/// Which processes are asked, and for what.
#[derive(Debug, Clone, Default)]
pub struct FdQuestion {
    /// These only; `None` for all.
    pub pids: Option<Vec<u32>>,
    /// Those in the network namespace of this inode only.
    pub netns: Option<u64>,
    /// When each began, which only a comparison needs.
    pub began: bool,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Kernel threads and zombies, which have no descriptors, are left out.
    pub processes: Vec<ProcessFds>,
    /// Processes that /proc lists and does not let us look at (`hidepid=1`).
    pub refused: u64,
    /// Processes whose network namespace may not be seen, where one was asked for.
    pub unseen: u64,
    /// /proc hides the processes of other users (`hidepid=2`).
    pub hidden: bool,
}

impl Kernel {
    /// Counts the open descriptors of each process. A process that ends meanwhile is left out.
    pub fn descriptors(&self, question: &FdQuestion) -> Result<Found> {
        let mut reader = self.reader()?;
        let mut found = Found {
            hidden: process::hides_others(self.proc_root()),
            ..Found::default()
        };
        let asked = |pid: &u32| question.pids.as_ref().is_none_or(|pids| pids.contains(pid));
        for pid in process::pids(self.proc_root()).into_iter().filter(asked) {
            match reader.process(pid, question) {
                Ok(process) => found.processes.push(process),
                Err(Skipped::Refused) => found.refused += 1,
                Err(Skipped::Unseen) => found.unseen += 1,
                Err(Skipped::Gone) => {}
            }
        }
        Ok(found)
    }

    /// Reads what the descriptors of these processes are. Returns how many processes refused.
    pub fn read_types<'a>(
        &self,
        processes: impl IntoIterator<Item = &'a mut ProcessFds>,
    ) -> Result<u64> {
        let mut reader = self.reader()?;
        let mut refused = 0;
        for process in processes {
            let types = reader.types(process.pid);
            refused += u64::from(types == Err(Skipped::Refused));
            process.types = types.ok();
        }
        Ok(refused)
    }

    /// Looks up ancestors of processes and their limits.
    pub fn relatives(&self) -> Result<Relatives> {
        Ok(Relatives::new(self.reader()?))
    }

    fn reader(&self) -> Result<Reader> {
        Reader::new(self.proc_root()).map_err(Error::file(self.proc_root()))
    }

    /// What bounds the descriptors of the host.
    pub fn system_descriptors(&self) -> Result<SystemFds> {
        let file_nr = self.numbers("sys/fs/file-nr")?;
        let first = |numbers: Vec<u64>| numbers.first().copied();
        Ok(SystemFds {
            open: file_nr.first().copied(),
            limit: first(self.numbers("sys/fs/file-max")?).or(file_nr.get(2).copied()),
            nr_open: first(self.numbers("sys/fs/nr_open")?),
        })
    }

    /// None when the file is not there.
    fn numbers(&self, file: &str) -> Result<Vec<u64>> {
        let path = self.proc_root().join(file);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text
                .split_whitespace()
                .map_while(|word| word.parse().ok())
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::file(path)(error)),
        }
    }
}

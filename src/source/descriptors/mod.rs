//! `/proc/PID/fd` and `/proc/PID/limits`: how many descriptors each process has open and may open
//! (fs/proc/fd.c, fs/proc/base.c); `/proc/sys/fs` for the host.
//!
//! Since 6.2 the size of `/proc/PID/fd` is the number of open descriptors, which any user may read
//! without listing them. Older kernels report 0; there the descriptors are counted.

mod count;
mod limits;
mod reader;
mod types;

use std::collections::HashMap;

use rustix::{fd::BorrowedFd, io};

use super::{
    Kernel,
    cores::{Pieces, on_all},
};
use crate::{
    Error, Result,
    model::{ProcessFds, Relative, SystemFds},
};
use reader::{Reader, Skipped};

const MOST_ANCESTORS: usize = 64;
/// Processes that a core reads at a time. Starting a thread takes about as long.
const PIECE: usize = 16;

#[derive(Debug, Clone, Default)]
pub struct FdQuestion {
    /// Only these; `None` for all.
    pub pids: Option<Vec<u32>>,
    /// Only processes in the network namespace of this inode.
    pub netns: Option<u64>,
    /// Whether start times are read, which only a comparison needs.
    pub began: bool,
}

/// The entries of a folder that are numbers, as those of `fd` and `task`.
pub fn each_number(root: BorrowedFd<'_>, folder: &str) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    count::each(&count::open(root, folder)?, |name| {
        numbers.extend(name.to_str().ok().and_then(|name| name.parse::<u32>().ok()));
    })?;
    Ok(numbers)
}

/// Where a link leads; bytes that are not UTF-8 are replaced.
pub fn link(root: BorrowedFd<'_>, path: &str) -> io::Result<String> {
    let link = rustix::fs::readlinkat(root, path, Vec::new())?;
    Ok(link.to_string_lossy().into_owned())
}

/// The processes, and how many could not be read.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Kernel threads and zombies, which have no descriptors, are left out.
    pub processes: Vec<ProcessFds>,
    /// Processes that /proc lists but does not let us read (`hidepid=1`).
    pub refused: u64,
    /// Processes whose network namespace is not visible, where one was asked for.
    pub unseen: u64,
    /// /proc hides the processes of other users (`hidepid=2`).
    pub hidden: bool,
}

impl Found {
    fn add(&mut self, other: Found) {
        self.processes.extend(other.processes);
        self.refused += other.refused;
        self.unseen += other.unseen;
        self.hidden |= other.hidden;
    }
}

impl Kernel {
    /// The open descriptors of each process. A process that ends meanwhile is left out.
    pub fn descriptors(&self, question: &FdQuestion) -> Result<Found> {
        let asked = |pid: &u32| question.pids.as_ref().is_none_or(|pids| pids.contains(pid));
        let pids: Vec<u32> = self.process_ids()?.into_iter().filter(asked).collect();
        let mut all = Found {
            hidden: self.hides_others()?,
            ..Found::default()
        };
        for found in on_all(&pids, PIECE, |pids| self.read_processes(pids, question)) {
            all.add(found?);
        }
        all.processes.sort_unstable_by_key(|process| process.pid);
        Ok(all)
    }

    fn read_processes(&self, pids: &Pieces<u32>, question: &FdQuestion) -> Result<Found> {
        let mut reader = self.reader()?;
        let mut found = Found::default();
        while let Some(pids) = pids.take() {
            for pid in pids {
                match reader.process(*pid, question) {
                    Ok(process) => found.processes.push(process),
                    Err(Skipped::Refused) => found.refused += 1,
                    Err(Skipped::Unseen) => found.unseen += 1,
                    Err(Skipped::Gone) => {}
                    Err(Skipped::Failed(errno)) => return Err(self.failed(*pid, errno)),
                }
            }
        }
        Ok(found)
    }

    /// Fills in the descriptor types of these processes. Returns how many may not be read.
    pub fn read_types<'a>(
        &self,
        processes: impl IntoIterator<Item = &'a mut ProcessFds>,
    ) -> Result<u64> {
        let mut reader = self.reader()?;
        let mut refused = 0;
        for process in processes {
            process.types = match reader.types(process.pid) {
                Err(Skipped::Failed(errno)) => return Err(self.failed(process.pid, errno)),
                types => {
                    refused += u64::from(types == Err(Skipped::Refused));
                    types.ok()
                }
            };
        }
        Ok(refused)
    }

    /// Finds ancestors of processes and their limits.
    pub fn relatives(&self) -> Result<Relatives<'_>> {
        Ok(Relatives {
            kernel: self,
            reader: self.reader()?,
            known: HashMap::new(),
        })
    }

    fn reader(&self) -> Result<Reader> {
        Reader::new(self.proc_root()).map_err(Error::file(self.proc_root()))
    }

    /// What bounds the descriptors of the host.
    pub fn system_descriptors(&self) -> Result<SystemFds> {
        let file_nr = self.numbers("file-nr")?;
        Ok(SystemFds {
            open: file_nr.first().copied(),
            limit: self
                .numbers("file-max")?
                .first()
                .or(file_nr.get(2))
                .copied(),
            nr_open: self.numbers("nr_open")?.first().copied(),
        })
    }

    /// Empty when the file does not exist.
    fn numbers(&self, file: &str) -> Result<Vec<u64>> {
        let text = self.read_if_present(&self.proc_root().join("sys/fs").join(file))?;
        let text = text.unwrap_or_default();
        Ok(text
            .split_whitespace()
            .map_while(|word| word.parse().ok())
            .collect())
    }
}

/// Finds ancestors. Caches each process, as many processes share their ancestors.
pub struct Relatives<'a> {
    kernel: &'a Kernel,
    reader: Reader,
    known: HashMap<u32, Option<Relative>>,
}

impl Relatives<'_> {
    /// The process, its parent, and so on, as far as they are visible.
    pub fn of(&mut self, pid: u32) -> Result<Vec<Relative>> {
        let mut chain: Vec<Relative> = Vec::new();
        let mut next = pid;
        while chain.len() < MOST_ANCESTORS {
            let Some(relative) = self.relative(next)? else {
                break;
            };
            next = relative.parent;
            chain.push(relative);
        }
        Ok(chain)
    }

    fn relative(&mut self, pid: u32) -> Result<Option<Relative>> {
        if let Some(known) = self.known.get(&pid) {
            return Ok(known.clone());
        }
        let relative = match self.reader.relative(pid) {
            Err(Skipped::Failed(errno)) => return Err(self.kernel.failed(pid, errno)),
            relative => relative.ok(),
        };
        self.known.insert(pid, relative.clone());
        Ok(relative)
    }
}

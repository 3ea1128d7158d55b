//! Subcommands: their flags, what they read, which analysis they ask. What they share is the
//! [`Session`]: it reads, reports and waits, in a loop where one is wanted.

pub mod counters;
pub mod describe;
pub mod fds;
mod options;
pub mod ports;
pub mod queues;
mod session;
pub mod timewait;
pub mod trace;
mod wait;

pub use options::{FamilyArgs, FormatArgs, OutputArgs, OwnerArgs, PlaceArgs, TimeArgs, seconds};
pub use session::{Host, Purpose, Session};

use std::{fmt, io};

use anyhow::anyhow;
use sockdiag::{
    collect::{Collector, Needs},
    model::Snapshot,
    source::Kernel,
};

use crate::render::NoSuchColumn;

/// Wrong usage that only shows once the command line is understood: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error of wrong usage.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// The same of a column that was named and is none.
pub fn no_such_column(NoSuchColumn(key): NoSuchColumn) -> anyhow::Error {
    usage(format!("no column {key:?}; --columns help lists them"))
}

/// Takes a snapshot; `doing` is what an error says that the program was doing.
pub fn collect(collector: &mut Collector, doing: &'static str) -> anyhow::Result<Snapshot> {
    collector.collect().map_err(|error| failed(error, doing))
}

/// The same for other parts than usual.
pub fn collect_only(
    collector: &mut Collector,
    needs: &Needs,
    doing: &'static str,
) -> anyhow::Result<Snapshot> {
    let snapshot = collector.collect_only(needs);
    snapshot.map_err(|error| failed(error, doing))
}

fn failed(error: sockdiag::Error, doing: &'static str) -> anyhow::Error {
    with_way_in(anyhow::Error::from(error).context(doing))
}

/// Adds what helps where a namespace may not be entered.
pub fn with_way_in(error: anyhow::Error) -> anyhow::Error {
    let refused = match error.downcast_ref() {
        Some(error @ sockdiag::Error::Namespace { .. }) => {
            error.io().kind() == io::ErrorKind::PermissionDenied
        }
        _ => false,
    };
    if refused {
        anyhow!("{error:#}; to enter it needs CAP_SYS_ADMIN (sudo)")
    } else {
        error
    }
}

/// The processes and users that a person names must be there when the program starts.
pub fn ensure_process(kernel: &Kernel, process: Option<&String>) -> anyhow::Result<()> {
    if let Some(process) = process {
        let there = kernel.has_process(process);
        anyhow::ensure!(there, "--process {process}: no such process");
    }
    Ok(())
}

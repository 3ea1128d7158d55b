//! Subcommands: their flags, what they read, which analysis they ask. What they share is the
//! [`Session`]: it reads, reports and waits, in a loop where one is wanted.

pub mod counters;
pub mod fds;
mod options;
mod outcome;
pub mod ports;
pub mod queues;
mod session;
mod subcommand;
pub mod timewait;
pub mod trace;
mod wait;

pub use options::{
    FamilyArgs, FormatArgs, NameArgs, OutputArgs, OwnedByArgs, OwnerArgs, PlaceArgs, TimeArgs,
    duration, wants_columns,
};
pub use outcome::Outcome;
pub use session::{Purpose, Session, this_host};
pub use subcommand::{Described, Subcommand};

use std::{fmt, io};

use anyhow::anyhow;
use sockdiag::{
    collect::{Collector, Needs},
    model::{NetnsSnapshot, Snapshot},
};

use crate::render::NoSuchColumn;

/// Wrong usage that clap cannot see: exit code 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Usage error for an unknown `--columns` or `--sort` key.
pub fn no_such_column(NoSuchColumn(key): NoSuchColumn) -> anyhow::Error {
    usage(format!("no column {key:?}; --columns help lists them"))
}

/// Takes a snapshot. Errors say that the program was `doing` this.
pub fn collect(collector: &mut Collector, doing: &'static str) -> anyhow::Result<Snapshot> {
    collector.collect().map_err(|error| failed(error, doing))
}

/// Fails where a part that the report is made of could not be read in any namespace, so that it is
/// not reported as 0.
pub fn ensure_read(
    snapshot: Snapshot,
    is_read: impl Fn(&NetnsSnapshot) -> bool,
) -> anyhow::Result<Snapshot> {
    let namespaces = &snapshot.namespaces;
    let why = "net.ipv4.ip_local_port_range cannot be read";
    anyhow::ensure!(namespaces.is_empty() || namespaces.iter().any(is_read), why);
    Ok(snapshot)
}

/// Takes a snapshot of other parts than the collector's usual ones.
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

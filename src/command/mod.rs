//! Subcommands: their flags, what they read, and which analysis they call. They share the
//! [`Session`], which reads, reports and waits, in a loop with `--watch`.

pub mod buffers;
pub mod check;
mod connections;
pub mod counters;
pub mod doctor;
mod examination;
pub mod explain;
pub mod fds;
pub mod keepalive;
pub mod leaks;
mod options;
pub mod ports;
pub mod queues;
mod reader;
mod session;
pub mod sockets;
pub mod states;
mod subcommand;
pub mod timewait;
pub mod trace;
pub mod tune;
mod wait;
pub mod who;

pub use options::{
    FamilyArgs, FormatArgs, NameArgs, OwnedByArgs, OwnerArgs, PlaceArgs, ReportArgs, RowArgs,
    SsArgs, duration, has_process, has_unit, wants_columns,
};
pub use reader::Reader;
pub use session::{Purpose, Reading, SCAN_EVERY, Session, this_host};
pub use subcommand::{Described, Outcome, Subcommand, Title};

use std::{ffi::OsString, fmt, io};

use anyhow::anyhow;
use sockdiag::{
    analysis::finding::in_shell,
    model::{NetnsSnapshot, Snapshot},
};

use crate::render::{ColumnError, Readings, text};

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

/// Usage error for a `--columns` or `--sort` key.
pub fn no_such_column(error: ColumnError) -> anyhow::Error {
    match error {
        ColumnError::Unknown(key) => usage(format!("no column {key:?}; --columns help lists them")),
        ColumnError::Empty(key, Readings::Many) => usage(format!(
            "--sort {key}: sorts by samples, of which there are none: add --for DURATION"
        )),
        ColumnError::Empty(key, _) => usage(format!(
            "--sort {key}: a single reading has no changes and rates: add --watch or --for DURATION"
        )),
    }
}

/// The command line as it was typed, for the head of a screen.
pub fn typed() -> String {
    let word = |word: OsString| in_shell(&text::escape(&word.to_string_lossy()));
    let words = std::env::args_os().skip(1).map(word);
    std::iter::once("sockdiag".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Fails if a part of the report could not be read in any namespace, so that it is
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

/// Adds the capability that is missing where a namespace may not be entered.
pub fn with_way_in(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(refused @ sockdiag::Error::Namespace { .. })
            if refused.io().kind() == io::ErrorKind::PermissionDenied =>
        {
            anyhow!("{error:#}; to enter it needs CAP_SYS_ADMIN (sudo)")
        }
        _ => error,
    }
}

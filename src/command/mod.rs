//! Subcommands: their flags, what they read, which analysis they ask. What they share is the
//! [`Session`]: it reads, reports and waits, in a loop where one is wanted.

pub mod counters;
pub mod describe;
pub mod fds;
mod options;
mod owners;
mod pace;
mod places;
pub mod ports;
pub mod queues;
mod session;
pub mod timewait;
pub mod trace;
mod wait;
mod walks;

pub use options::{FamilyArgs, FormatArgs, OutputArgs, PlaceArgs, TimeArgs, seconds};
pub use owners::{OwnerArgs, OwnerHunt, OwnersArg};
pub use places::{Places, with_way_in};
pub use session::{Host, Purpose, Session};

use std::fmt;

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

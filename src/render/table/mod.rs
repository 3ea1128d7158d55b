//! What each report shows: its columns, its rows or stream of rows, its notes and metrics.

mod abilities;
pub mod buffers;
mod cell;
mod columns;
pub mod counters;
mod draw;
mod ends;
pub mod fds;
mod fit;
mod groups;
mod growing;
pub mod keepalive;
pub mod leaks;
mod owners;
mod page;
mod plain;
pub mod ports;
pub mod queues;
pub mod sockets;
pub mod states;
#[cfg(test)]
mod tests;
pub mod timewait;
pub mod trace;
pub mod tune;
mod who;

pub use cell::{Cell, Value};
pub use columns::{
    Align, Column, ColumnError, Readings, age_note, column, column_help, columns, keys, named,
    order, several,
};
pub use draw::lay_out;
pub use growing::Growing;
pub use page::Page;

use std::io;

use serde::Serialize;
use sockdiag::analysis::Report;

#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// There is, or will be, a previous reading to compare with.
    pub changes: bool,
    pub sampled: bool,
    /// Each SO_REUSEPORT group is one row.
    pub folded: bool,
    /// Show all rows on a terminal.
    pub all: bool,
    /// Resolve names of hosts, services and users.
    pub names: bool,
    /// Show the timers of sockets.
    pub timers: bool,
    /// Each row has both ends of a connection.
    pub pairs: bool,
    /// What TCP knows of each socket was read.
    pub info: bool,
    /// The memory of each socket was read.
    pub memory: bool,
    /// The command lines of owners were read.
    pub commands: bool,
    /// Columns of the terminal, if there is one.
    pub width: Option<usize>,
}

/// Steps that make a table narrower. Keys are separated by spaces; each is a step of its own.
pub enum Narrower {
    Drop(&'static str),
    /// Shortens addresses in the middle.
    Shorten(&'static str),
    /// Drops columns once the last one cannot be shortened further.
    LastResort(&'static str),
    /// Two columns become one.
    Join([&'static str; 2], &'static str),
}

/// A report that every format can write: rows of one type, and a summary of them.
pub trait Tabular: Report + 'static {
    type Row: Serialize + 'static;

    const COLUMNS: &'static [Column<Self::Row>];

    /// What gives way on a narrow terminal, first to last. If that is not enough, the last column
    /// is shortened.
    const NARROWER: &'static [Narrower];

    /// The columns of CSV, unless others are asked for.
    fn for_programs(_: &View) -> Vec<&'static Column<Self::Row>> {
        Self::COLUMNS.iter().collect()
    }

    /// Lines below the table: what the numbers alone do not show.
    fn notes(&self, _: &View) -> Vec<String> {
        Vec::new()
    }

    fn write_metrics(&self, out: &mut dyn io::Write) -> io::Result<()>;
}

pub trait Listed: Tabular {
    /// The last column is not made narrower than this before others are dropped.
    const NARROWEST_LAST: usize = 10;

    fn rows(&self) -> &[Self::Row];

    fn rows_mut(&mut self) -> &mut Vec<Self::Row>;

    /// The columns shown unless others are asked for.
    fn shown(&self, view: &View) -> Vec<&'static str>;

    /// Identifies a row across readings.
    fn identity(row: &Self::Row) -> String;

    /// What a row without a problem is called: such rows give way where a table is higher than the
    /// terminal.
    const QUIET: &'static str = "idle";

    fn is_quiet(row: &Self::Row) -> bool;

    /// Lines above the table: what applies to all rows.
    fn heading(&self, _: &View) -> Vec<String> {
        Vec::new()
    }

    /// Replaces a table without rows; empty where the heading says it.
    fn nothing(&self) -> String;
}

/// A report whose rows are written as they occur.
pub trait Streamed: Tabular {
    /// The usual width of some columns, so that they need not grow.
    fn usual() -> &'static [(&'static str, usize)];

    /// The last column, which is written below the line where it does not fit.
    fn note() -> Option<&'static str>;

    fn details(row: &Self::Row) -> Vec<String>;
}

//! What a subcommand is: the flags that clap derives, and what the registry needs beside them.

use clap::Args;
use sockdiag::analysis::{Report, doctor::Verdict};

use crate::render::{Column, Tabular, column_help, schema};

/// A subcommand, as a struct of its flags.
pub trait Subcommand: Args {
    const NAME: &'static str;
    /// One line of help.
    const ABOUT: &'static str;
    const REPORT: Option<Described> = None;

    fn run(self) -> anyhow::Result<Outcome>;
}

/// The end of a run without an error, from which `main` makes the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    /// The exit code states how well the host is.
    Judged(Verdict),
    /// All is well, but the command that `check` ran failed: the exit code that says so.
    CommandFailed(u8),
}

pub type Title = (&'static str, &'static str, &'static str);

pub struct Described {
    pub schema: fn() -> schemars::Schema,
    /// What `--columns help` prints.
    pub columns: fn() -> String,
    /// Key, header and meaning of each column.
    pub titles: fn() -> Vec<Title>,
}

impl Described {
    /// A report without a table.
    pub const fn without_rows<R: Report + 'static>() -> Option<Self> {
        Some(Described {
            schema: schema::<R>,
            columns: String::new,
            titles: Vec::new,
        })
    }

    pub const fn of<R: Tabular>() -> Option<Self> {
        Some(Described {
            schema: schema::<R>,
            columns: || column_help(R::COLUMNS),
            titles: || {
                let columns = R::COLUMNS.iter();
                let title = |column: &Column<R::Row>| (column.key, column.title, column.help);
                columns.map(title).collect()
            },
        })
    }
}

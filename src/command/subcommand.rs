//! What a subcommand is: the flags that clap derives, and what the registry needs beside them.

use clap::Args;

use super::Outcome;
use crate::render::{Tabular, column_help, schema};

/// A subcommand, as a struct of its flags.
pub trait Subcommand: Args {
    /// What is typed.
    const NAME: &'static str;
    /// One line of help.
    const ABOUT: &'static str;
    /// What it reports, if it is a report.
    const REPORT: Option<Described> = None;

    /// Does its work.
    fn run(self) -> anyhow::Result<Outcome>;
}

/// How a type of report describes itself.
pub struct Described {
    /// Its JSON Schema.
    pub schema: fn() -> schemars::Schema,
    /// What `--columns help` prints.
    pub columns: fn() -> String,
}

impl Described {
    /// Of a report of this type.
    pub const fn of<R: Tabular>() -> Option<Self> {
        Some(Described {
            schema: schema::<R>,
            columns: || column_help(R::COLUMNS),
        })
    }
}

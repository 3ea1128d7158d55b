//! The subcommands. Command line, help, manual pages, completions, schemas and lists of columns
//! follow from their entries here.

use clap::{ArgMatches, Command};

use super::describe::{CompletionsArgs, ManArgs, SchemaArgs};
use crate::command::{
    Described, Outcome, Subcommand, counters::CountersArgs, fds::FdsArgs, ports::PortsArgs,
    queues::QueuesArgs, timewait::TimewaitArgs, trace::TraceArgs,
};

/// In the order of the help.
pub static REGISTRY: [Entry; 9] = [
    Entry::of::<QueuesArgs>(),
    Entry::of::<CountersArgs>(),
    Entry::of::<PortsArgs>(),
    Entry::of::<TimewaitArgs>(),
    Entry::of::<FdsArgs>(),
    Entry::of::<TraceArgs>(),
    Entry::of::<CompletionsArgs>(),
    Entry::of::<ManArgs>(),
    Entry::of::<SchemaArgs>(),
];

/// A subcommand, without its type.
pub struct Entry {
    pub name: &'static str,
    about: &'static str,
    flags: fn(Command) -> Command,
    pub run: fn(&ArgMatches) -> anyhow::Result<Outcome>,
    pub report: Option<Described>,
}

impl Entry {
    const fn of<S: Subcommand>() -> Self {
        Entry {
            name: S::NAME,
            about: S::ABOUT,
            flags: S::augment_args,
            run: |matches| S::from_arg_matches(matches)?.run(),
            report: S::REPORT,
        }
    }

    /// Its flags are put together only when it is the chosen one.
    pub fn command(&self) -> Command {
        Command::new(self.name).about(self.about).defer(self.flags)
    }
}

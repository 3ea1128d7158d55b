//! The subcommands. Command line, help, manual pages, completions, schemas and lists of columns
//! follow from their entries here.

use clap::{ArgMatches, Command};
use sockdiag::analysis::explain::Column;

use super::{
    candidates::offer,
    describe::{CompletionsArgs, ManArgs, SchemaArgs},
};
use crate::command::{
    Described, Outcome, Subcommand, buffers::BuffersArgs, check::CheckArgs, counters::CountersArgs,
    doctor::DoctorArgs, explain::ExplainArgs, fds::FdsArgs, keepalive::KeepaliveArgs,
    leaks::LeaksArgs, ports::PortsArgs, queues::QueuesArgs, sockets::SocketsArgs,
    states::StatesArgs, timewait::TimewaitArgs, trace::TraceArgs, tune::TuneArgs, who::WhoArgs,
};

/// In the order of `--help`.
pub static REGISTRY: &[Entry] = &[
    Entry::of::<DoctorArgs>(),
    Entry::of::<QueuesArgs>(),
    Entry::of::<CountersArgs>(),
    Entry::of::<PortsArgs>(),
    Entry::of::<TimewaitArgs>(),
    Entry::of::<FdsArgs>(),
    Entry::of::<SocketsArgs>(),
    Entry::of::<StatesArgs>(),
    Entry::of::<LeaksArgs>(),
    Entry::of::<WhoArgs>(),
    Entry::of::<KeepaliveArgs>(),
    Entry::of::<BuffersArgs>(),
    Entry::of::<TuneArgs>(),
    Entry::of::<CheckArgs>(),
    Entry::of::<TraceArgs>(),
    Entry::of::<ExplainArgs>(),
    Entry::of::<CompletionsArgs>(),
    Entry::of::<ManArgs>(),
    Entry::of::<SchemaArgs>(),
];

/// A [`Subcommand`] with its type erased.
pub struct Entry {
    pub name: &'static str,
    pub about: &'static str,
    flags: fn(Command) -> Command,
    pub run: fn(&ArgMatches) -> anyhow::Result<Outcome>,
    pub report: Option<Described>,
}

/// The columns of every report.
pub fn columns() -> Vec<Column> {
    let reports = REGISTRY.iter();
    let reports = reports.filter_map(|entry| Some((entry.name, entry.report.as_ref()?)));
    let columns = reports.flat_map(|(report, described)| {
        let titles = (described.titles)().into_iter();
        titles.map(move |(key, header, help)| Column {
            report,
            key,
            header,
            help,
        })
    });
    columns.collect()
}

impl Entry {
    const fn of<S: Subcommand>() -> Self {
        Entry {
            name: S::NAME,
            about: S::ABOUT,
            flags: |command| offer(S::augment_args(command), S::REPORT.as_ref()),
            run: |matches| S::from_arg_matches(matches)?.run(),
            report: S::REPORT,
        }
    }

    /// Builds the flags only if this subcommand is chosen.
    pub fn command(&self) -> Command {
        Command::new(self.name).about(self.about).defer(self.flags)
    }
}

//! Values that a shell offers: columns of a report, and what there is on this host.

use std::{collections::BTreeSet, fs, path::Path};

use clap::{Command, builder::StyledStr};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use sockdiag::{
    analysis::{check::rules_named, counters::groups, explain::Articles, tune},
    source::{Kernel, interfaces},
};

use super::registry;
use crate::command::{Described, Title};

type Candidates = Vec<CompletionCandidate>;
type Values = (&'static str, fn() -> Candidates);

/// An argument by its id, and what it may name.
const VALUES: [Values; 10] = [
    ("fail_on", || {
        all(rules_named("*").map(|rule| rule.id.to_owned()))
    }),
    ("interface", || all(interfaces().into_values())),
    ("netns", network_namespaces),
    ("pid", processes_by_id),
    ("process", || {
        all(processes().into_iter().map(|(_, name)| name))
    }),
    ("unit", || {
        all(Kernel::default().units().unwrap_or_default())
    }),
    ("user", || all(first_fields(Path::new("/etc/passwd")))),
    ("names", counters),
    ("settings", || all(tune::names().map(str::to_owned))),
    ("term", terms),
];

/// Adds to the arguments of a subcommand what they may name.
pub fn offer(mut command: Command, report: Option<&'static Described>) -> Command {
    let mut add = |id: &str, values: ArgValueCandidates| {
        if command
            .get_arguments()
            .any(|argument| argument.get_id() == id)
        {
            let described = std::mem::take(&mut command);
            command = described.mut_arg(id, |argument| argument.add(values));
        }
    };
    for (id, values) in VALUES {
        add(id, ArgValueCandidates::new(values));
    }
    for id in ["columns", "sort"] {
        if let Some(report) = report {
            add(id, ArgValueCandidates::new(|| columns(report)));
        }
    }
    command
}

fn columns(report: &Described) -> Candidates {
    let column =
        |(key, _, help): Title| CompletionCandidate::new(key).help(Some(StyledStr::from(help)));
    (report.titles)().into_iter().map(column).collect()
}

fn all(names: impl IntoIterator<Item = String>) -> Candidates {
    let unique: BTreeSet<String> = names.into_iter().collect();
    unique.into_iter().map(CompletionCandidate::new).collect()
}

/// A shell has no place for an error.
fn processes() -> Vec<(u32, String)> {
    Kernel::default().processes().unwrap_or_default()
}

fn processes_by_id() -> Candidates {
    let processes = processes().into_iter();
    let process = |(pid, name): (u32, String)| {
        CompletionCandidate::new(pid.to_string()).help(Some(StyledStr::from(name)))
    };
    processes.map(process).collect()
}

/// What `ip netns` lists, and all.
fn network_namespaces() -> Candidates {
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    all(names.chain(["all".to_owned()]))
}

fn counters() -> Candidates {
    let counters = Kernel::default().counters().unwrap_or_default();
    let names = counters
        .values
        .into_iter()
        .map(|(id, _)| id.name.to_string());
    all(names.chain(groups().into_iter().map(str::to_owned)))
}

fn terms() -> Candidates {
    let articles = Articles::new(&registry::columns());
    let terms = articles.all().iter().map(|article| {
        CompletionCandidate::new(&article.term).help(Some(StyledStr::from(&article.title)))
    });
    terms.collect()
}

/// What stands before the first colon of each line.
fn first_fields(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, _)| name.to_owned()).collect()
}

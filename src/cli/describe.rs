//! Self-description: help, completions, manual pages, JSON Schemas, lists of columns.

use std::io::{self, Write, stdout};

use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser};
use clap_complete::{
    Shell,
    env::{self, EnvCompleter},
};
use sockdiag::analysis::explain::{Articles, ExplainReport};

use super::{
    COMPLETE, man, program,
    registry::{self, Entry, REGISTRY},
};
use crate::command::{Described, Outcome, Subcommand, explain::ExplainArgs};

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell to print the script for
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Subcommand to describe (default: sockdiag itself)
    #[arg(value_name = "CMD", value_parser = one_of(REGISTRY))]
    command: Option<String>,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Report to describe (default: list all reports)
    #[arg(value_name = "NAME", value_parser = one_of(reports()))]
    name: Option<String>,
}

impl Subcommand for CompletionsArgs {
    const NAME: &'static str = "completions";
    const ABOUT: &'static str = "Print a completion script for a shell";

    fn run(self) -> anyhow::Result<Outcome> {
        print(&completion_script(self.shell).context("writing the script")?)
    }
}

impl Subcommand for ManArgs {
    const NAME: &'static str = "man";
    const ABOUT: &'static str = "Print a manual page, in roff";

    fn run(self) -> anyhow::Result<Outcome> {
        let wanted = match &self.command {
            None => "sockdiag.1".to_owned(),
            Some(command) => format!("sockdiag-{command}.1"),
        };
        let pages = man::pages(program()).context("writing manual pages")?;
        let page = pages.into_iter().find(|(name, _)| *name == wanted);
        let (_, text) = page.with_context(|| format!("there is no {wanted}"))?;
        print(&text)
    }
}

impl Subcommand for SchemaArgs {
    const NAME: &'static str = "schema";
    const ABOUT: &'static str = "Print the JSON Schema of a report, or list the reports";

    fn run(self) -> anyhow::Result<Outcome> {
        let Some(name) = self.name else {
            let names: String = reports().map(|entry| format!("{}\n", entry.name)).collect();
            return print(names.as_bytes());
        };
        let entry = reports().find(|entry| entry.name == name);
        let report = entry.and_then(|entry| entry.report.as_ref());
        let report = report.with_context(|| format!("there is no report {name}"))?;
        let schema = serde_json::to_string_pretty(&(report.schema)());
        let schema = schema.context("writing the schema")?;
        print(format!("{schema}\n").as_bytes())
    }
}

/// Declared here because columns have articles, too, and only the registry knows all of them.
impl Subcommand for ExplainArgs {
    const NAME: &'static str = "explain";
    const ABOUT: &'static str =
        "Explain a finding, counter, sysctl, state, column or term, and what to do about it";
    const REPORT: Option<Described> = Described::without_rows::<ExplainReport>();

    fn run(self) -> anyhow::Result<Outcome> {
        self.answer(&Articles::new(&registry::columns()))
    }
}

fn reports() -> impl Iterator<Item = &'static Entry> {
    REGISTRY.iter().filter(|entry| entry.report.is_some())
}

fn one_of(entries: impl IntoIterator<Item = &'static Entry>) -> PossibleValuesParser {
    PossibleValuesParser::new(entries.into_iter().map(|entry| entry.name))
}

/// Prints what `--columns` and `--sort` may name.
pub fn columns(report: &Described) -> anyhow::Result<Outcome> {
    print((report.columns)().as_bytes())
}

fn print(text: &[u8]) -> anyhow::Result<Outcome> {
    let mut out = stdout().lock();
    let written = out.write_all(text).and_then(|()| out.flush());
    written.context("writing to stdout")?;
    Ok(Outcome::Answered)
}

/// The script with which a shell asks this program for completions.
pub fn completion_script(shell: Shell) -> io::Result<Vec<u8>> {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &env::Bash,
        Shell::Elvish => &env::Elvish,
        Shell::Fish => &env::Fish,
        Shell::PowerShell => &env::Powershell,
        Shell::Zsh => &env::Zsh,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let mut script = Vec::new();
    shell.write_registration(COMPLETE, "sockdiag", "sockdiag", "sockdiag", &mut script)?;
    Ok(script)
}

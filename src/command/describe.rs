//! The program's word on itself: help, completions, manual pages, JSON Schemas, lists of columns.

use std::io::{self, Write, stdout};

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;
use sockdiag::analysis::{
    counters::CountersReport, fds::FdsReport, ports::PortsReport, queues::QueueReport,
    timewait::TimewaitReport, trace::TraceReport,
};

use crate::render::{self, Tabular, table::Column, table_help};

/// Reports that have a schema.
const REPORTS: [&str; 6] = ["queues", "counters", "ports", "timewait", "fds", "trace"];

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The subcommand (default: the program)
    #[arg(value_name = "CMD", value_parser = ["queues", "counters", "ports", "timewait", "fds", "trace", "completions", "man", "schema"])]
    command: Option<String>,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The report (default: list the names)
    #[arg(value_name = "NAME", value_parser = REPORTS)]
    name: Option<String>,
}

/// Prints a completion script.
pub fn completions(args: &CompletionsArgs, program: Command) -> anyhow::Result<()> {
    print(&completion_script(args.shell, program))
}

/// Prints a manual page.
pub fn man(args: &ManArgs, program: Command) -> anyhow::Result<()> {
    let wanted = match &args.command {
        None => "sockdiag.1".to_owned(),
        Some(command) => format!("sockdiag-{command}.1"),
    };
    let pages = man_pages(program).context("writing manual pages")?;
    let page = pages.into_iter().find(|(name, _)| *name == wanted);
    let (_, text) = page.with_context(|| format!("there is no {wanted}"))?;
    print(&text)
}

/// Prints a JSON Schema, or which there are.
pub fn schema(args: &SchemaArgs) -> anyhow::Result<()> {
    let schema = match args.name.as_deref() {
        None => return print(REPORTS.join("\n").as_bytes()).and_then(|()| print(b"\n")),
        Some("counters") => render::schema::<CountersReport>(),
        Some("ports") => render::schema::<PortsReport>(),
        Some("timewait") => render::schema::<TimewaitReport>(),
        Some("fds") => render::schema::<FdsReport>(),
        Some("trace") => render::schema::<TraceReport>(),
        Some(_) => render::schema::<QueueReport>(),
    };
    let mut text = serde_json::to_vec_pretty(&schema).context("writing the schema")?;
    text.push(b'\n');
    print(&text)
}

/// Prints what `--columns` and `--sort` may name.
pub fn columns<R: Tabular>() -> anyhow::Result<()> {
    columns_of(R::columns())
}

/// The same for a stream of lines.
pub fn columns_of<R>(columns: &[Column<R>]) -> anyhow::Result<()> {
    print(table_help(columns).as_bytes())
}

/// Prints the program's help.
pub fn help(mut program: Command) -> anyhow::Result<()> {
    program.print_help().context("writing help")
}

fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .context("writing to stdout")
}

/// A completion script for the program.
pub fn completion_script(shell: Shell, mut program: Command) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "sockdiag", &mut script);
    script
}

/// Every page, by file name.
pub fn man_pages(mut root: Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    root.build();
    let described = root
        .get_subcommands()
        .filter(|command| command.get_name() != "help");
    let commands = std::iter::once(&root).chain(described);
    commands
        .map(|command| {
            let name = match command.get_name() {
                "sockdiag" => "sockdiag".to_owned(),
                subcommand => format!("sockdiag-{subcommand}"),
            };
            let title = command.clone().display_name(name.clone());
            let mut page = Vec::new();
            clap_mangen::Man::new(title).render(&mut page)?;
            let page = String::from_utf8(page).map_err(io::Error::other)?;
            Ok((format!("{name}.1"), with_examples(page).into_bytes()))
        })
        .collect()
}

/// Gives examples a section of their own, in which lines stay lines.
fn with_examples(page: String) -> String {
    let Some((before, after)) = page.split_once(".SH EXTRA\nExamples:\n") else {
        return page;
    };
    match after.split_once("\n\n") {
        Some((examples, notes)) => {
            format!("{before}.SH EXAMPLES\n.nf\n{examples}\n.fi\n.SH NOTES\n{notes}")
        }
        None => format!("{before}.SH EXAMPLES\n.nf\n{after}\n.fi\n"),
    }
}

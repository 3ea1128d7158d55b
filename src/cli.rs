//! The command line: `sockdiag COMMAND …`.

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use crate::command::{
    self, counters::CountersArgs, describe, fds::FdsArgs, ports::PortsArgs, queues::QueuesArgs,
    timewait::TimewaitArgs, trace::TraceArgs, usage,
};

/// Tell why connections fail: queues, SYN drops, ports and descriptors that run out, and who owns them
#[derive(Debug, Parser)]
#[command(name = "sockdiag", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  sockdiag queues                  which listener is in trouble, worst first
  sockdiag queues -w :8080         one port, redrawn every 2 seconds
  sockdiag queues --for 60s        shortest, mean and longest queues, 50 looks a second
  sockdiag counters --why          which kernel counters tell of trouble, and why drops
  sockdiag ports                   which destination runs out of ephemeral ports
  sockdiag timewait                who makes the TIME_WAITs, and whether they matter
  sockdiag fds --top 10            which processes are near their descriptor limit
  sockdiag trace --failed          handshakes that fail, as they fail, and why
  sockdiag queues --json | jq      for programs; `sockdiag schema queues` describes it

Exit codes: 0 answered, 1 could not answer, 2 wrong usage.")]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

// Only the chosen subcommand's flags are put together. They come late, so that a doc comment on
// their struct would replace the help text here.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    /// Show which listener is filling or dropping: accept queue, SYN queue, drops, owner
    Queues(QueuesArgs),
    /// Show which kernel counters moved, how fast, and what each means
    Counters(CountersArgs),
    /// Show how near each source and destination are to running out of ephemeral ports
    Ports(PortsArgs),
    /// Show who makes the TIME_WAITs, how fast they drain, and how near their limit they are
    Timewait(TimewaitArgs),
    /// Show which process is near its descriptor limit, and how near the host is to its own
    Fds(FdsArgs),
    /// Show every TCP handshake on the wire or in a capture file: outcome, times, retransmissions
    Trace(Box<TraceArgs>),
    /// Print a completion script for a shell
    Completions(describe::CompletionsArgs),
    /// Print a manual page, in roff
    Man(describe::ManArgs),
    /// Print the JSON Schema of a report, or the names of all
    Schema(describe::SchemaArgs),
}

impl Cli {
    /// Reads the command line. The value of `--watch` needs its `=`, so that a filter may follow;
    /// fingers still type `-w2`, and `--watch 2`, which gets the right spelling for an answer.
    pub fn read() -> anyhow::Result<Self> {
        let arguments: Vec<OsString> = std::env::args_os().map(spelt).collect();
        if let Some(seconds) = lone_seconds(&arguments) {
            return Err(usage(format!("--watch {seconds}: write --watch={seconds}")));
        }
        Ok(Self::try_parse_from(arguments)?)
    }

    /// Runs the chosen subcommand. Without one there is nothing to answer yet, so help is shown.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Some(Command::Queues(args)) => command::queues::run(&args),
            Some(Command::Counters(args)) => command::counters::run(&args),
            Some(Command::Ports(args)) => command::ports::run(&args),
            Some(Command::Timewait(args)) => command::timewait::run(&args),
            Some(Command::Fds(args)) => command::fds::run(&args),
            Some(Command::Trace(args)) => command::trace::run(&args),
            Some(Command::Completions(args)) => describe::completions(&args, Cli::command()),
            Some(Command::Man(args)) => describe::man(&args, Cli::command()),
            Some(Command::Schema(args)) => describe::schema(&args),
            None => describe::help(Cli::command()),
        }
    }
}

/// `-w2` as clap wants it.
fn spelt(argument: OsString) -> OsString {
    let seconds = argument.to_str().and_then(|text| text.strip_prefix("-w"));
    match seconds.filter(|text| is_number(text)) {
        Some(seconds) => format!("--watch={seconds}").into(),
        None => argument,
    }
}

/// A number behind a bare `--watch`, which would name nothing.
fn lone_seconds(arguments: &[OsString]) -> Option<&str> {
    let is_watch = |argument: &OsString| argument == "--watch" || argument == "-w";
    let mut pairs = arguments.windows(2);
    let pair = pairs.find(|pair| is_watch(&pair[0]) && pair[1].to_str().is_some_and(is_number))?;
    pair[1].to_str()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok() || command::seconds(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    use clap::ValueEnum;
    use clap_complete::Shell;
    use describe::{completion_script, man_pages};

    /// `SOCKDIAG_BLESS=1 cargo test` writes the files anew.
    fn is_current(folder: &str, name: &str, text: &[u8]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(folder)
            .join(name);
        if std::env::var_os("SOCKDIAG_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let committed = fs::read(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} is out of date: SOCKDIAG_BLESS=1 cargo test",
            path.display()
        );
    }

    #[test]
    fn committed_completions_are_current() {
        for shell in Shell::value_variants() {
            let name = clap_complete::Generator::file_name(shell, "sockdiag");
            is_current(
                "completions",
                &name,
                &completion_script(*shell, Cli::command()),
            );
        }
    }

    #[test]
    fn committed_manual_pages_are_current() {
        for (name, text) in man_pages(Cli::command()).unwrap() {
            is_current("man", &name, &text);
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}

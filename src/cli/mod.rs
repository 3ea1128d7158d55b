//! The command line: `sockdiag COMMAND …`.

mod candidates;
mod describe;
mod man;
#[cfg(test)]
mod quoted;
mod registry;
mod ss;

use std::ffi::OsString;

use anyhow::Context;
use clap::Command;
use clap_complete::CompleteEnv;
use sockdiag::source::check_stdout;

use crate::command::{
    Outcome, Subcommand as _, check::CheckArgs, doctor::DoctorArgs, duration, usage, wants_columns,
};
use registry::{Entry, REGISTRY};

/// The variable in which a shell's completion script names the shell.
const COMPLETE: &str = "SOCKDIAG_COMPLETE";

const ABOUT: &str = "Find out why TCP connections fail: full accept queues, SYN drops, exhausted \
    ports and descriptors, failed handshakes, and the processes behind them";

const EXAMPLES: &str = "\
Examples:
  sockdiag                         what is wrong on this host, why, and what to do
  sockdiag queues                  listeners, the ones with a problem first
  sockdiag queues -w :8080         one port, refreshed every 2 seconds
  sockdiag queues --for 60s        min/mean/p95/max queue length, 50 samples per second
  sockdiag counters --why          problem counters that are not zero, and causes of drops
  sockdiag ports                   destinations that run out of ephemeral ports
  sockdiag timewait                where TIME_WAIT sockets come from, and the limit
  sockdiag fds --top 10            processes nearest to their descriptor limit
  sockdiag check queues -c 99%     thresholds and exit codes for CI and monitoring
  sockdiag trace --failed          failed handshakes as they happen, with the reason
  sockdiag explain TIME_WAIT       what a term means, and what to do about it
  sockdiag queues --json | jq      JSON; `sockdiag schema queues` describes it

Exit codes: 0 answered, 1 could not answer, 2 wrong usage; `check` and `doctor --exit-code`: 0 OK, \
    1 WARNING, 2 CRITICAL, 3 UNKNOWN.";

/// Exit codes of a run that did not answer.
#[derive(Debug, Clone, Copy)]
pub struct FailureCodes {
    pub usage: u8,
    pub other: u8,
}

/// Where the exit code is a verdict, 1 and 2 have other meanings.
pub fn failure_codes(typed: &[OsString]) -> FailureCodes {
    let own = typed.iter().take_while(|argument| *argument != "--");
    let is_verdict = is_check(typed) || own.into_iter().any(|argument| argument == "--exit-code");
    match is_verdict {
        true => FailureCodes { usage: 3, other: 3 },
        false => FailureCodes { usage: 2, other: 1 },
    }
}

fn is_check(typed: &[OsString]) -> bool {
    typed.get(1).is_some_and(|name| name == CheckArgs::NAME)
}

/// Runs the chosen subcommand, or `doctor`.
pub fn run(typed: Vec<OsString>) -> anyhow::Result<Outcome> {
    let folder = std::env::current_dir().ok();
    // A shell asks for candidates through the environment.
    if CompleteEnv::with_factory(program)
        .var(COMPLETE)
        .try_complete(&typed, folder.as_deref())?
    {
        return Ok(Outcome::Answered);
    }
    let arguments = meant(typed)?;
    let matches = program().try_get_matches_from(&arguments);
    let matches = matches.map_err(|error| ss::answer(error, &arguments))?;
    check_stdout().context("writing to stdout")?;
    let (name, matches) = matches.subcommand().expect("a subcommand is required");
    let entry = REGISTRY.iter().find(|entry| entry.name == name);
    let entry = entry.expect("clap accepts only the registered subcommands");
    match &entry.report {
        Some(report) if wants_columns(matches) => describe::columns(report),
        _ => (entry.run)(matches),
    }
}

/// The arguments as clap takes them. Those of `check` have another -w, and a command's among them.
fn meant(typed: Vec<OsString>) -> anyhow::Result<Vec<OsString>> {
    if is_check(&typed) {
        return Ok(typed);
    }
    let mut arguments: Vec<OsString> = typed.into_iter().map(spelt).collect();
    if is_without_command(&arguments) {
        arguments.insert(1, DoctorArgs::NAME.into());
    }
    match lone_seconds(&arguments) {
        Some(seconds) => Err(usage(format!("--watch {seconds}: write --watch={seconds}"))),
        None => Ok(arguments),
    }
}

fn program() -> Command {
    Command::new("sockdiag")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(EXAMPLES)
        .max_term_width(100)
        .subcommand_required(true)
        .subcommands(REGISTRY.iter().map(Entry::command))
}

/// Without a command `doctor` is meant, with flags of its own or without any. Other short flags are
/// those of `ss`.
fn is_without_command(arguments: &[OsString]) -> bool {
    let first = arguments.get(1);
    first.is_none_or(|first| match first.as_encoded_bytes() {
        b"--help" | b"--version" => false,
        [b'-', b'-' | b'o' | b'q' | b'v', ..] => true,
        _ => false,
    })
}

/// The value of `--watch` needs its `=`, so that a filter may follow. `-w2` is accepted, too…
fn spelt(argument: OsString) -> OsString {
    let seconds = argument.to_str().and_then(|text| text.strip_prefix("-w"));
    match seconds.filter(|text| is_number(text)) {
        Some(seconds) => format!("--watch={seconds}").into(),
        None => argument,
    }
}

/// … while `--watch 2` is refused: the number would be taken for a filter.
fn lone_seconds(arguments: &[OsString]) -> Option<&str> {
    let is_watch = |argument: &OsString| argument == "--watch" || argument == "-w";
    let mut pairs = arguments.windows(2);
    let pair = pairs.find(|pair| is_watch(&pair[0]) && pair[1].to_str().is_some_and(is_number))?;
    pair[1].to_str()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok() || duration(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    use clap::ValueEnum;
    use clap_complete::Shell;
    use describe::completion_script;
    use sockdiag::analysis::explain::{Articles, Kind};

    /// `SOCKDIAG_BLESS=1 cargo test` rewrites the files.
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
            is_current("completions", &name, &completion_script(*shell).unwrap());
        }
    }

    #[test]
    fn committed_manual_pages_are_current() {
        for (name, text) in man::pages(program()).unwrap() {
            is_current("man", &name, &text);
        }
    }

    #[test]
    fn manual_pages_refer_only_to_pages_that_are_shipped() {
        let pages = man::pages(program()).unwrap();
        let shipped: Vec<&str> = pages
            .iter()
            .map(|(name, _)| name.trim_end_matches(".1"))
            .collect();
        for (name, text) in &pages {
            let text = String::from_utf8_lossy(text).replace("\\-", "-");
            let own = text.split("sockdiag-").skip(1);
            let own = own.filter_map(|rest| rest.split_once("(1)").map(|(command, _)| command));
            for command in own.filter(|command| command.len() < 20) {
                assert!(
                    shipped.contains(&format!("sockdiag-{command}").as_str()),
                    "{name}: {command}"
                );
            }
            let is_report = ["queues", "counters", "ports", "timewait", "fds", "trace"];
            let is_report = is_report
                .iter()
                .any(|report| *name == format!("sockdiag-{report}.1"));
            for section in ["SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"] {
                assert!(
                    text.contains(&format!(".SH {section}\n")),
                    "{name}: {section}"
                );
            }
            for section in ["COLUMNS", "EXAMPLES", "FILES"] {
                assert!(
                    !is_report || text.contains(&format!(".SH {section}\n")),
                    "{name}: {section}"
                );
            }
        }
    }

    #[test]
    fn every_column_has_an_article_and_every_file_of_one_its_column() {
        let columns = registry::columns();
        let articles = Articles::new(&columns);
        for column in &columns {
            for name in [column.key, column.header] {
                let found = articles.find(&format!("column {name}"));
                let found = found.map(|article| (article.kind, article.text.contains(column.help)));
                let is_own = matches!(found, Some((Kind::Column, _)));
                assert!(is_own, "{} {name}", column.report);
                assert!(
                    name != column.key || found == Some((Kind::Column, true)),
                    "{name}"
                );
            }
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/analysis/explain/columns");
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let key = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(columns.iter().any(|column| column.key == key), "{key}");
        }
    }

    #[test]
    fn articles_refer_to_articles_that_there_are() {
        let articles = Articles::new(&registry::columns());
        let mut wrong = Vec::new();
        for article in articles.all() {
            for other in &article.see_also {
                let found = articles.find(other);
                if found.is_none_or(|found| found == article) {
                    wrong.push(format!("{}: see {other}", article.term));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn the_command_line_is_sound() {
        program().debug_assert();
    }
}

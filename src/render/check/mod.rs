//! What `check` prints: a line with performance data for monitoring, and what CI systems read.

mod github;
mod junit;
mod line;
mod tap;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, IsTerminal, Write, stderr, stdout},
    path::Path,
    time::Duration,
};

use clap::ValueEnum;
use sockdiag::analysis::{
    Report,
    check::{CheckReport, CommandEnd},
};

use super::{Host, json, sink::Moment, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// One line with performance data, as of a monitoring plugin
    Text,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// Annotations of GitHub Actions
    Github,
    /// Test Anything Protocol 14
    Tap,
}

/// Where the output goes.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The output goes there, and the line of text where the output would go.
    pub file: Option<&'a Path>,
    /// Standard output is left to the command.
    pub is_command_on_stdout: bool,
}

pub fn write(
    report: &CheckReport,
    format: CheckFormat,
    to: &Destination,
    host: &Host,
    elapsed: Duration,
) -> io::Result<()> {
    let output = output(report, format, host, elapsed)?;
    let Some(path) = to.file else {
        return print(&output, to, format);
    };
    let written = File::create(path).and_then(|mut file| file.write_all(output.as_bytes()));
    written
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    print(&line::line(report), to, CheckFormat::Text)
}

fn print(output: &str, to: &Destination, format: CheckFormat) -> io::Result<()> {
    let is_terminal = match to.is_command_on_stdout {
        true => stderr().is_terminal(),
        false => stdout().is_terminal(),
    };
    let shown = match (is_terminal, format) {
        (false, _) => output.to_owned(),
        (true, CheckFormat::Json) => text::escape_json(output),
        (true, _) => text::escape_lines(output),
    };
    match to.is_command_on_stdout {
        true => stderr().write_all(shown.as_bytes()),
        false => {
            let mut out = stdout().lock();
            out.write_all(shown.as_bytes()).and_then(|()| out.flush())
        }
    }
}

fn output(
    report: &CheckReport,
    format: CheckFormat,
    host: &Host,
    elapsed: Duration,
) -> io::Result<String> {
    Ok(match format {
        CheckFormat::Text => line::line(report),
        CheckFormat::Junit => junit::document(report, elapsed),
        CheckFormat::Github => github::annotations(report),
        CheckFormat::Tap => tap::document(report),
        CheckFormat::Json => {
            let common = (report.incomplete(), report.findings());
            let (mut line, moment) = (Vec::new(), Moment::now(Some(elapsed)));
            json::write::<CheckReport, _>(&mut line, host, report, common, &moment)?;
            String::from_utf8(line).map_err(io::Error::other)?
        }
    })
}

/// `the command exited with 3`; `None` where it succeeded.
fn failure(command: Option<CommandEnd>) -> Option<String> {
    let command = command.filter(|command| !command.is_success())?;
    Some(match (command.exit_code, command.signal) {
        (Some(code), _) => format!("the command exited with {code}"),
        (None, Some(signal)) => format!("signal {signal} ended the command"),
        (None, None) => "the command failed".to_owned(),
    })
}

//! `sockdiag`: finds out why TCP connections fail on a Linux host.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod cli;
mod command;
mod render;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use cli::FailureCodes;
use command::{Outcome, Usage};
use sockdiag::{analysis::doctor::Verdict, source::check_stdout};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let failure = cli::failure_codes(&arguments);
    match cli::run(arguments) {
        Ok(Outcome::Answered | Outcome::Judged(Verdict::Ok)) => ExitCode::SUCCESS,
        Ok(Outcome::Judged(Verdict::Warning)) => ExitCode::from(1),
        Ok(Outcome::Judged(Verdict::Critical)) => ExitCode::from(2),
        Ok(Outcome::Judged(Verdict::Unknown)) => ExitCode::from(3),
        Ok(Outcome::CommandFailed(code)) => ExitCode::from(code),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(refused) => refuse(&refused, failure),
            Err(error) => fail(&error, failure),
        },
    }
}

fn fail(error: &anyhow::Error, failure: FailureCodes) -> ExitCode {
    say(&format!("sockdiag: {error:#}"));
    let is_usage = error.is::<Usage>();
    ExitCode::from(if is_usage {
        failure.usage
    } else {
        failure.other
    })
}

/// Help and version are answers; the rest is wrong usage.
fn refuse(refused: &clap::Error, failure: FailureCodes) -> ExitCode {
    if refused.use_stderr() {
        let text = refused.render().to_string();
        say(&format!(
            "sockdiag: {}",
            text.trim_start_matches("error: ").trim_end()
        ));
        return ExitCode::from(failure.usage);
    }
    match check_stdout().and_then(|()| refused.print()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("sockdiag: writing to stdout: {error}"));
            ExitCode::from(failure.other)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// The reader of the report has closed the pipe: `sockdiag queues --watch | head -1`. Errors of the
/// library are of other pipes.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    !error.is::<sockdiag::Error>()
        && error.chain().any(|cause| {
            let cause = cause.downcast_ref::<io::Error>();
            cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
        })
}

/// Arguments and names in it may be anybody's. Where stderr is full or gone, the exit code still tells.
fn say(text: &str) {
    _ = writeln!(io::stderr(), "{}", render::text::escape_lines(text));
}

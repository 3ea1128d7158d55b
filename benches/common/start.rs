//! How each bench begins: it runs again in a network namespace of its own.

use std::process::ExitCode;

use clap::{Args, Parser};

use crate::namespace;

/// Flags that nobody types.
#[derive(Args)]
pub struct Start {
    /// Said by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// The process is in its own namespace by now
    #[arg(long, hide = true)]
    inside: bool,
}

pub fn words() -> Vec<String> {
    std::env::args().skip(1).collect()
}

/// Runs the bench inside.
pub fn run<O: Parser>(
    words: &[String],
    start: fn(&O) -> &Start,
    bench: fn(&O) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // `cargo test --benches` and test listers start the bench too, without this word.
    if !words.iter().any(|word| word == "--bench") {
        return Ok(());
    }
    let options = O::parse();
    match start(&options).inside {
        true => bench(&options),
        false => namespace::reenter(words),
    }
}

/// Says on stderr what failed.
pub fn exit_code(name: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

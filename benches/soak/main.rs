//! `cargo bench --bench soak`: every command that goes on without end, beside connections,
//! listeners and processes that come and go, and whether its memory and descriptors stay flat.
//!
//! The bench enters a network namespace of its own. It needs `ip` (iproute2) and `unshare`
//! (util-linux), Linux 5.3, and no root. It fails when memory or descriptors of a command still
//! grow after the warm-up, a third of the time, and when a command ends early or says nothing.
//!
//! A quick try: `cargo bench --bench soak -- --minutes 1`.

// A bench talks to people; nothing in it passes through the program's render module.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/format.rs"]
mod format;
#[path = "../common/handshakes.rs"]
mod handshakes;
#[path = "../common/held.rs"]
mod held;
#[path = "../common/idle.rs"]
mod idle;
#[path = "../common/limit.rs"]
mod limit;
#[path = "../common/machine.rs"]
mod machine;
#[path = "../common/namespace.rs"]
mod namespace;
#[path = "../common/start.rs"]
mod start;

mod churn;
mod course;
mod table;
mod watched;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;

use churn::{Churn, Made};
use start::Start;
use watched::{Ended, Watched};

/// What goes on without end. The intervals are short: what leaks does so at every reading.
const COMMANDS: [&str; 7] = [
    "sockdiag queues --watch=0.1 --json",
    "sockdiag ports --watch=0.2 --json",
    "sockdiag timewait --watch=0.2 --json",
    "sockdiag fds --watch=0.2 --json",
    "sockdiag counters --watch=0.1 --json",
    TRACE,
    "sockdiag trace --summary --json",
];

const TRACE: &str = "sockdiag trace --json";
/// A trace remembers 114,688 connections. Once it has told of more, its memory has its size.
const FIRST: u64 = 150_000;
const FIRST_PER_SECOND: u32 = 5_000;
/// Where the machine is too slow for that many, a trace loses some.
const FIRST_SECONDS: u32 = 300;
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Run the watches and traces of sockdiag beside churn, and see that they do not grow
#[derive(Parser)]
#[command(name = "soak", bin_name = "cargo bench --bench soak --")]
struct Options {
    /// How long, the warm-up (a third) included
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// Connections to open and close a second
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(2..=20_000))]
    rate: u32,
    #[command(flatten)]
    start: Start,
}

fn main() -> ExitCode {
    let words = start::words();
    let result = match words.first().map(String::as_str) {
        Some(idle::WAIT) => idle::wait(),
        _ => start::run(&words, |options: &Options| &options.start, bench),
    };
    start::exit_code("soak", result)
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let machine = machine::Machine::read()?;
    namespace::raise_loopback()?;
    handshakes::prepare()?;
    let (made, ended) = soak(options)?;
    println!(
        "{machine}; {} minutes, a third of them to warm up; {made}.\n",
        options.minutes
    );
    println!("{}\n", table::courses(&ended));
    let limits: Vec<_> = ended.iter().flat_map(course::limits).collect();
    println!("{}", limit::limits(&limits));
    held::ensure_held(&limits)
}

fn soak(options: &Options) -> anyhow::Result<(Made, Vec<Ended>)> {
    let started = COMMANDS.into_iter().map(Watched::start);
    let mut all = started.collect::<anyhow::Result<Vec<_>>>()?;
    fill(&all)?;
    let seconds = 60 * options.minutes;
    eprintln!("{} minutes of churn", options.minutes);
    let churn = Churn::begin(options.rate, seconds);
    let until = Instant::now() + Duration::from_secs(seconds.into());
    while Instant::now() < until {
        thread::sleep(SAMPLE_EVERY);
        all.iter_mut().try_for_each(Watched::sample)?;
    }
    let made = churn.end()?;
    let ended = all.into_iter().map(Watched::end);
    Ok((made, ended.collect::<anyhow::Result<_>>()?))
}

/// Makes connections until the traces have all that they remember.
fn fill(all: &[Watched]) -> anyhow::Result<()> {
    eprintln!("{} connections at first", format::count(FIRST));
    let trace = all.iter().find(|watched| watched.name == TRACE);
    let trace = trace.context("one of the commands is a trace")?;
    for _ in 0..FIRST_SECONDS {
        handshakes::make(FIRST_PER_SECOND, 1)?;
        if trace.lines() >= FIRST {
            return Ok(());
        }
    }
    bail!(
        "a trace has seen only {} of {} connections",
        format::count(trace.lines()),
        format::count(u64::from(FIRST_PER_SECOND * FIRST_SECONDS))
    );
}

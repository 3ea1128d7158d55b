//! `cargo bench --bench peers`: `sockdiag` side by side with `ss`, `nstat` and what people make of
//! them with `awk`, on a host that holds a million TCP sockets, and whether the limits this project
//! sets itself hold there.
//!
//! The bench makes that host itself: it enters a network namespace of its own, starts holder
//! processes that connect to themselves over loopback, measures every command once per round (A B
//! C, A B C, …: whatever else the machine does meets all of them alike), prints two Markdown tables
//! and ends the holders. TIME_WAITs are made when their turn comes, as they last a minute. It needs
//! `ip`, `ss` and `nstat` (iproute2), `unshare` and `setpriv` (util-linux), Linux 5.3 and, for a
//! million sockets, about 4 GB of free memory and half an hour. No root.
//!
//! A quick try: `cargo bench --bench peers -- --sockets 20000 --rounds 3`.

// A bench talks to people; nothing in it passes through the program's render module.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/compare.rs"]
mod compare;
#[path = "../common/format.rs"]
mod format;
#[path = "../common/idle.rs"]
mod idle;
#[path = "../common/limit.rs"]
mod limit;
#[path = "../common/machine.rs"]
mod machine;
#[path = "../common/measure.rs"]
mod measure;
#[path = "../common/namespace.rs"]
mod namespace;
#[path = "../common/row.rs"]
mod row;
#[path = "../common/series.rs"]
mod series;
#[path = "../common/start.rs"]
mod start;
#[path = "../common/table.rs"]
mod table;

mod agreement;
mod attribution;
mod cases;
mod closed;
mod crowd;
mod holder;
mod host;
mod limits;
mod load;
mod owners;
mod pipelines;
mod raw_dump;
mod snapshot;
mod watches;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use start::Start;

/// First argument of a holder process.
const HOLD: &str = "--hold";
/// First argument of the process that makes one raw dump.
const RAW_DUMP: &str = "--raw-dump";
/// First argument of the process that takes one snapshot of everything.
const SNAPSHOT: &str = "--snapshot";

/// First argument of the process that finds the owners of every socket.
const OWNERS: &str = "--owners";

/// How many of those there are while descriptors are counted.
const CROWD: u32 = 1000;

/// Measure sockdiag against ss and nstat beside a million sockets
#[derive(Parser)]
#[command(name = "peers", bin_name = "cargo bench --bench peers --")]
struct Options {
    /// Sockets to make, both ends of a connection counted
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(2..=4_000_000))]
    sockets: u32,
    /// How often to measure each command
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// After how many seconds lsof and `ss -tanpH`, measured once, are stopped
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,
    #[command(flatten)]
    start: Start,
}

fn main() -> ExitCode {
    let words = start::words();
    let result = match words.first().map(String::as_str) {
        Some(HOLD) => holder::run(&words[1..]),
        Some(idle::WAIT) => idle::wait(),
        Some(RAW_DUMP) => raw_dump::run(),
        Some(SNAPSHOT) => snapshot::run(),
        Some(OWNERS) => attribution::run(&words[1..]),
        _ => start::run(&words, |options: &Options| &options.start, bench),
    };
    start::exit_code("peers", result)
}

fn bench(options: &Options) -> anyhow::Result<()> {
    namespace::raise_loopback()?;
    let load = load::Load::make(options.sockets)?;
    let host = host::Host::read(&load)?;
    let mut rows = row::measure(options.rounds, &cases::LISTENERS);
    let watches = cases::watch();
    let owners = owners::find(&load);
    rows.extend(row::measure(options.rounds, &cases::OWNERS));
    rows.extend(row::measure(options.rounds, &cases::TUPLES));
    rows.extend(row::measure(options.rounds, &cases::SOCKETS));
    let patience = Duration::from_secs(options.patience);
    for name in [cases::SS_SOCKET_OWNERS, cases::LSOF_TCP] {
        rows.push(row::measure_once(name, patience, measure::count_lines).0);
    }
    closed::make()?;
    rows.extend(row::measure(options.rounds, &cases::CLOSED));
    let mut agreements = vec![agreement::of_ports(), agreement::of_time_waits()];
    let crowd = crowd::Crowd::gather(CROWD)?;
    rows.extend(row::measure(options.rounds, &cases::DESCRIPTORS));
    let (lsof, by_lsof) = row::measure_once(pipelines::LSOF, patience, agreement::read_counts);
    rows.push(lsof);
    agreements.extend(agreement::of_descriptors(&load, by_lsof.flatten()));
    drop(crowd);

    println!("{}\n", host.describe(options.rounds, patience)?);
    let mut costs = table::commands(&rows);
    watches::add(&mut costs, &watches);
    println!("{costs}\n");
    let limits = limits::judge(&rows, &watches, &owners, &agreements);
    println!("{}\n", limit::limits(&limits));
    println!("{}", pipelines::describe());
    host.remark(options.sockets);
    drop(load);
    ensure_measured(&rows, &watches)
}

/// The exit code tells of commands that failed, never of limits that do not hold: this measures, it
/// does not test.
fn ensure_measured(rows: &[row::Row], watches: &[cases::Watch]) -> anyhow::Result<()> {
    let rows = rows.iter().map(|row| (row.name, row.failure()));
    let watches = watches.iter().map(|watch| (watch.name, watch.failure()));
    let failures = rows
        .chain(watches)
        .filter_map(|(name, why)| Some(format!("`{name}`: {}", why?)));
    let failures: Vec<_> = failures.collect();
    anyhow::ensure!(
        failures.is_empty(),
        "not measured, because it fails: {}",
        failures.join("; ")
    );
    Ok(())
}

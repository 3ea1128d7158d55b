//! `cargo bench --bench trace`: `sockdiag trace` side by side with `tcpdump` and `tshark`, live
//! beside 20,000 handshakes a second, from a file of a million packets, and in a flood of SYNs.
//!
//! The bench enters a network namespace of its own and makes all packets there. It needs `tcpdump`,
//! `ip` (iproute2), `unshare` (util-linux), about 400 MB in the directory for temporary files and
//! three minutes; `tshark` where it is installed. No root. It fails when a limit does not hold.
//!
//! A quick try: `cargo bench --bench trace -- --rounds 1 --seconds 2 --packets 100000`.

// A bench talks to people; nothing in it passes through the program's render module.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/compare.rs"]
mod compare;
#[path = "../common/format.rs"]
mod format;
#[path = "../common/handshakes.rs"]
mod handshakes;
#[path = "../common/held.rs"]
mod held;
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
mod capture;
mod cases;
mod costs;
mod file;
mod flood;
mod flows;
mod limits;
mod live;
mod segment;

use std::process::ExitCode;

use clap::Parser;

use start::Start;

/// Measure sockdiag trace against tcpdump and tshark
#[derive(Parser)]
#[command(name = "trace", bin_name = "cargo bench --bench trace --")]
struct Options {
    /// Handshakes to make a second
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    rate: u32,
    /// How long to make them
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Packets in the file
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    packets: u32,
    /// SYNs of the flood
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    flood: u32,
    /// How often to measure each command
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    #[command(flatten)]
    start: Start,
}

fn main() -> ExitCode {
    let words = start::words();
    let result = start::run(&words, |options: &Options| &options.start, bench);
    start::exit_code("trace", result)
}

fn bench(options: &Options) -> anyhow::Result<()> {
    let machine = machine::Machine::read()?;
    namespace::raise_loopback()?;
    handshakes::prepare()?;
    let names = [cases::SUMMARY, cases::JSON];
    let runs = live::measure(options.rounds, &names, options.rate, options.seconds)?;
    let flooded = live::flood(options.flood)?;
    let file = file::CaptureFile::make(options.packets)?;
    let mut rows = row::measure(options.rounds, &cases::READERS);
    let (tshark, _) = row::measure_once(cases::TSHARK, measure::TIME_TO_RUN, measure::count_lines);
    rows.push(tshark);
    let syns = agreement::of_syns(&file)?;

    let (packets, size) = (
        format::count(options.packets.into()),
        format::bytes(file.bytes),
    );
    println!(
        "{machine}; rounds: {}; {}.\n",
        options.rounds,
        cases::describe()
    );
    println!("{}\n", costs::table(&runs, &flooded));
    println!(
        "`FILE` holds {packets} packets, {size}.\n\n{}\n",
        table::commands(&rows)
    );
    let mut limits = limits::of_live(&runs, options.rate);
    limits.extend(limits::of_flood(&flooded));
    limits.extend(limits::of_reading(&rows, &syns));
    println!("{}", limit::limits(&limits));
    ensure_measured(&rows)?;
    held::ensure_held(&limits)
}

/// What is not installed is said in the table; what fails is said here.
fn ensure_measured(rows: &[row::Row]) -> anyhow::Result<()> {
    let failures = rows
        .iter()
        .filter_map(|row| Some(format!("`{}`: {}", row.name, row.failure()?)));
    let failures: Vec<_> = failures.collect();
    anyhow::ensure!(
        failures.is_empty(),
        "not measured, because it fails: {}",
        failures.join("; ")
    );
    Ok(())
}

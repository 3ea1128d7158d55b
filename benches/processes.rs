//! `cargo bench --bench processes`: `sockdiag fds` beside 1,000 idle processes, which it starts
//! itself and ends again, and whether the limit this project sets itself holds there.

// A bench talks to people; nothing in it passes through the program's render module.
#![allow(clippy::print_stdout)]

use std::{
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

const PROCESSES: usize = 1000;
const ROUNDS: usize = 15;
/// For `sockdiag fds`.
const LIMIT: Duration = Duration::from_millis(50);

/// Ends its process when dropped.
struct Idle(Child);

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> ExitCode {
    let idle = || Command::new("sleep").arg("600").spawn().map(Idle);
    let started: Result<Vec<Idle>, _> = (0..PROCESSES).map(|_| idle()).collect();
    let _there = started.expect("sleep(1) starts, and as many processes are allowed");
    let mut holds = true;
    println!("| command | median of {ROUNDS} | fastest |\n|---|---|---|");
    for args in [
        &["fds"][..],
        &["fds", "--json"],
        &["fds", "--why"],
        &["fds", "--types"],
    ] {
        let times = measure(args);
        let median = times[ROUNDS / 2];
        println!(
            "| `sockdiag {}` | {median:.1?} | {:.1?} |",
            args.join(" "),
            times[0]
        );
        holds &= args != ["fds"] || median <= LIMIT;
    }
    let verdict = if holds { "holds" } else { "does NOT hold" };
    println!("\nlimit of {LIMIT:?} for `sockdiag fds` beside {PROCESSES} processes: {verdict}");
    ExitCode::SUCCESS
}

/// Wall-clock times, the fastest first.
fn measure(args: &[&str]) -> Vec<Duration> {
    let run = |_| {
        let begun = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sockdiag"));
        let status = command.args(args).stdout(Stdio::null()).status();
        assert!(status.expect("the program starts").success(), "{args:?}");
        begun.elapsed()
    };
    let mut times: Vec<Duration> = (0..ROUNDS).map(run).collect();
    times.sort_unstable();
    times
}

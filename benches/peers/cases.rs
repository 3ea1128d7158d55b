//! Which commands are measured, against which, and what came out.

use std::cmp::Ordering;
use std::io;
use std::process::{ChildStdout, Command};
use std::time::Duration;

use anyhow::ensure;

use crate::RAW_DUMP;
use crate::measure::{self, Cost, TooSlow};
use crate::pipelines;

pub const QUEUES_BARE: &str = "sockdiag queues --no-owners --no-syn";
pub const QUEUES_NO_OWNERS: &str = "sockdiag queues --no-owners";
pub const QUEUES: &str = "sockdiag queues";
pub const QUEUES_ALL_OWNERS: &str = "sockdiag queues --owners all";
pub const COUNTERS: &str = "sockdiag counters";
pub const COUNTERS_ALL: &str = "sockdiag counters --all";
pub const PORTS_NO_OWNERS: &str = "sockdiag ports --no-owners";
pub const PORTS: &str = "sockdiag ports";
pub const TIMEWAIT: &str = "sockdiag timewait --no-owners";
pub const FDS: &str = "sockdiag fds";
pub const VERSION: &str = "sockdiag --version";
pub const SS: &str = "ss -lntH";
pub const SS_MEMORY: &str = "ss -lntmH state listening";
pub const SS_OWNERS: &str = "ss -lntpH";
pub const SS_VERSION: &str = "ss --version";
pub const NSTAT: &str = "nstat -az";
/// The same without its history file.
pub const NSTAT_NO_HISTORY: &str = "nstat -asz";
pub const RAW: &str = "raw SYN_RECV dump, both families";

/// A command, and those its time is set against.
pub type Case = (&'static str, &'static [&'static str]);

/// They take turns in this order: what needs seconds comes last, so that nothing of milliseconds
/// runs on caches that were swept just before.
pub const LISTENERS: [Case; 14] = [
    (QUEUES_NO_OWNERS, &[RAW, SS]),
    (RAW, &[]),
    (SS, &[]),
    (QUEUES_BARE, &[SS, SS_MEMORY]),
    (SS_MEMORY, &[]),
    (COUNTERS, &[NSTAT, NSTAT_NO_HISTORY]),
    (COUNTERS_ALL, &[NSTAT, NSTAT_NO_HISTORY]),
    (NSTAT, &[]),
    (NSTAT_NO_HISTORY, &[]),
    (VERSION, &[SS_VERSION]),
    (SS_VERSION, &[]),
    (QUEUES, &[SS_OWNERS]),
    (QUEUES_ALL_OWNERS, &[SS_OWNERS]),
    (SS_OWNERS, &[]),
];

pub const TUPLES: [Case; 3] = [
    (PORTS_NO_OWNERS, &[pipelines::SS_PORTS]),
    (PORTS, &[pipelines::SS_PORTS]),
    (pipelines::SS_PORTS, &[]),
];

pub const CLOSED: [Case; 2] = [
    (TIMEWAIT, &[pipelines::SS_TIMEWAIT]),
    (pipelines::SS_TIMEWAIT, &[]),
];

/// lsof is measured once, as it needs minutes.
pub const DESCRIPTORS: [Case; 2] = [
    (FDS, &[pipelines::LOOP, pipelines::LSOF]),
    (pipelines::LOOP, &[]),
];

pub const WATCH: &str = "sockdiag queues --watch=0.02 --no-owners --json --count 750";
const WATCH_NO_SYN: &str = "sockdiag queues --watch=0.02 --no-owners --no-syn --json --count 750";
const READINGS: usize = 750;

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    pub against: &'static [&'static str],
    pub outcome: Outcome,
}

pub enum Outcome {
    Measured(Series),
    NotInstalled,
    TooSlow,
    Failed(String),
}

impl Outcome {
    fn of(error: &anyhow::Error) -> Self {
        if is_not_found(error) {
            Outcome::NotInstalled
        } else if error.is::<TooSlow>() {
            Outcome::TooSlow
        } else {
            Outcome::Failed(format!("{error:#}"))
        }
    }
}

/// Never empty: a row is `Measured` from its first cost on.
#[derive(Default)]
pub struct Series(Vec<Cost>);

impl Series {
    pub fn wall(&self) -> Duration {
        median(self.0.iter().map(|cost| cost.wall))
    }

    pub fn fastest(&self) -> Duration {
        self.0
            .iter()
            .map(|cost| cost.wall)
            .min()
            .unwrap_or_default()
    }

    /// The median of the rounds' ratios of wall time. Both ran within seconds of each other in each
    /// round, so this hardly moves when the machine gets busier from one round to the next.
    pub fn ratio_to(&self, other: &Series) -> f64 {
        let rounds = self.0.iter().zip(&other.0);
        median(rounds.map(|(mine, its)| mine.wall.as_secs_f64() / its.wall.as_secs_f64()))
    }

    pub fn cpu(&self) -> Duration {
        median(self.0.iter().map(|cost| cost.cpu))
    }

    pub fn peak_bytes(&self) -> u64 {
        self.0
            .iter()
            .map(|cost| cost.peak_bytes)
            .max()
            .unwrap_or_default()
    }
}

fn median<T: Copy + PartialOrd + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Row {
    pub fn series(&self) -> Option<&Series> {
        match &self.outcome {
            Outcome::Measured(series) => Some(series),
            Outcome::NotInstalled | Outcome::TooSlow | Outcome::Failed(_) => None,
        }
    }

    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Failed(why) => Some(why),
            Outcome::NotInstalled | Outcome::TooSlow | Outcome::Measured(_) => None,
        }
    }

    fn measure_once(&mut self) {
        if let Outcome::Measured(series) = &mut self.outcome {
            match command(self.name).and_then(|mut command| measure::run(&mut command)) {
                Ok(cost) => series.0.push(cost),
                Err(error) => self.outcome = Outcome::of(&error),
            }
        }
    }
}

/// The row of that name, if it was measured.
pub fn series<'a>(rows: &'a [Row], name: &str) -> Option<&'a Series> {
    rows.iter().find(|row| row.name == name)?.series()
}

pub fn measure(rounds: u32, cases: &[Case]) -> Vec<Row> {
    eprintln!("trying each of {} commands once", cases.len());
    let rows = cases.iter().map(|&(name, against)| {
        let outcome = outcome_of_trying(name);
        Row {
            name,
            against,
            outcome,
        }
    });
    let mut rows: Vec<Row> = rows.collect();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        rows.iter_mut().for_each(Row::measure_once);
    }
    rows
}

/// Measures a command that is too slow for rounds, and keeps what `read` makes of its answer.
pub fn measure_once<T: Send + 'static>(
    name: &'static str,
    read: impl FnOnce(ChildStdout) -> T + Send + 'static,
) -> (Row, Option<T>) {
    eprintln!("running {name} once");
    let run = command(name).and_then(|mut command| measure::run_into(&mut command, read));
    let (outcome, answer) = match run {
        Ok((cost, answer)) => (Outcome::Measured(Series(vec![cost])), Some(answer)),
        Err(error) => (Outcome::of(&error), None),
    };
    let row = Row {
        name,
        against: &[],
        outcome,
    };
    (row, answer)
}

fn outcome_of_trying(name: &str) -> Outcome {
    match try_once(name) {
        Ok(()) => Outcome::Measured(Series::default()),
        Err(error) => Outcome::of(&error),
    }
}

/// Whether the command succeeds and prints something. It also warms the caches for it.
fn try_once(name: &str) -> anyhow::Result<()> {
    let (_, lines) = measure::run_into(&mut command(name)?, measure::count_lines)?;
    ensure!(lines > 0, "succeeds, but prints nothing");
    Ok(())
}

fn is_not_found(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<io::Error>();
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}

/// A command line as it stands in the table, made runnable.
pub fn command(name: &str) -> anyhow::Result<Command> {
    if name == RAW {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(RAW_DUMP);
        return Ok(command);
    }
    if let Some(command) = pipelines::command(name)? {
        return Ok(command);
    }
    let (program, arguments) = name.split_once(' ').unwrap_or((name, ""));
    let mut command = Command::new(match program {
        "sockdiag" => env!("CARGO_BIN_EXE_sockdiag"),
        other => other,
    });
    command.args(arguments.split_whitespace());
    if name == NSTAT {
        // It would write over the user's.
        let history = format!("sockdiag-bench-{}.nstat", std::process::id());
        command.env("NSTAT_HISTORY", std::env::temp_dir().join(history));
    }
    Ok(command)
}

/// A run that goes on for seconds: what counts is its share of a core.
pub struct Watch {
    pub name: &'static str,
    pub outcome: Result<Cost, String>,
}

impl Watch {
    pub fn failure(&self) -> Option<&str> {
        self.outcome.as_ref().err().map(String::as_str)
    }

    pub fn core_share(&self) -> Option<f64> {
        let cost = self.outcome.as_ref().ok()?;
        Some(cost.cpu.as_secs_f64() / cost.wall.as_secs_f64())
    }
}

/// Measured once: a run is 750 readings already.
pub fn watch() -> [Watch; 2] {
    eprintln!("watching");
    [WATCH, WATCH_NO_SYN].map(|name| {
        let outcome = watch_once(name).map_err(|error| format!("{error:#}"));
        Watch { name, outcome }
    })
}

fn watch_once(name: &str) -> anyhow::Result<Cost> {
    let (cost, lines) = measure::run_into(&mut command(name)?, measure::count_lines)?;
    ensure!(lines == READINGS, "{lines} lines of {READINGS}");
    Ok(cost)
}

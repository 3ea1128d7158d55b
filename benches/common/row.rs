//! Measures commands in turn: A B C, A B C, …, so that whatever else the machine does meets all of
//! them alike.

use std::io;
use std::process::ChildStdout;
use std::time::Duration;

use anyhow::ensure;

use crate::cases::command;
use crate::measure::{self, TooSlow};
use crate::series::Series;

/// A command, and those its time is set against.
pub type Case = (&'static str, &'static [&'static str]);

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    pub against: &'static [&'static str],
    pub outcome: Outcome,
}

pub enum Outcome {
    /// With its first cost the series is no longer empty.
    Measured(Series),
    NotInstalled,
    TooSlow(TooSlow),
    Failed(String),
}

impl Outcome {
    fn of(error: &anyhow::Error) -> Self {
        if is_not_found(error) {
            Outcome::NotInstalled
        } else if let Some(slow) = error.downcast_ref() {
            Outcome::TooSlow(*slow)
        } else {
            Outcome::Failed(format!("{error:#}"))
        }
    }
}

impl Row {
    pub fn series(&self) -> Option<&Series> {
        match &self.outcome {
            Outcome::Measured(series) => Some(series),
            Outcome::NotInstalled | Outcome::TooSlow(_) | Outcome::Failed(_) => None,
        }
    }

    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Failed(why) => Some(why),
            Outcome::NotInstalled | Outcome::TooSlow(_) | Outcome::Measured(_) => None,
        }
    }

    fn measure_once(&mut self) {
        if let Outcome::Measured(series) = &mut self.outcome {
            match command(self.name).and_then(|mut command| measure::run(&mut command)) {
                Ok(cost) => series.push(cost),
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

/// Measures a command that is too slow for rounds, and keeps what `read` makes of its answer. It is
/// stopped after `limit`.
pub fn measure_once<T: Send + 'static>(
    name: &'static str,
    limit: Duration,
    read: impl FnOnce(ChildStdout) -> T + Send + 'static,
) -> (Row, Option<T>) {
    eprintln!("running {name} once");
    let run =
        command(name).and_then(|mut command| measure::run_into_within(limit, &mut command, read));
    let (outcome, answer) = match run {
        Ok((cost, answer)) => {
            let mut series = Series::default();
            series.push(cost);
            (Outcome::Measured(series), Some(answer))
        }
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

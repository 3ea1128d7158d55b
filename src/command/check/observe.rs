//! The readings of a check: over a time, or while a command runs.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    thread::sleep,
    time::{Duration, Instant},
};

use sockdiag::{
    analysis::{
        check::{CommandEnd, Peaks, Plan, Reading, Verdicts, judge},
        finding::{Area, RULES},
    },
    model::{Incomplete, Snapshot},
};

use super::{Settings, child::Running};
use crate::command::{
    PlaceArgs,
    examination::{COUNTS, Examination, Observed, SAMPLE_EVERY},
    session::sample,
};

/// All sockets of the host are read for the other levels.
const LEVELS_EVERY: Duration = Duration::from_secs(1);

pub struct Readings {
    pub verdicts: Vec<Verdicts>,
    pub incomplete: Vec<Incomplete>,
    pub command: Option<CommandEnd>,
    /// From the first reading to the last.
    pub elapsed: Duration,
}

pub fn observe(
    plan: &Plan,
    place: &PlaceArgs,
    settings: &Settings,
    words: &[OsString],
) -> anyhow::Result<Readings> {
    let begun = Instant::now();
    let mut examination = Examination::new(place)?;
    let mut command = Meanwhile::new(words);
    let mut readings = Readings {
        verdicts: Vec::new(),
        incomplete: Vec::new(),
        command: None,
        elapsed: Duration::ZERO,
    };
    // Without a reading in a row to wait for, the whole run of a command is one.
    let is_whole = !words.is_empty() && settings.sustain == 1;
    let time = if is_whole {
        Duration::MAX
    } else {
        settings.watch_for
    };
    while !command.is_over(readings.verdicts.len(), settings.sustain) {
        let mut peaks = Peaks::default();
        let more = (LEVELS_EVERY.min(time / COUNTS), examination.levels());
        let add = |sample: &Snapshot| peaks.add(sample, plan);
        let observed = examination.observe(more, add, |take| command.repeat(time, take));
        if observed.is_err() {
            // A command that still runs is not left behind.
            command.wait()?;
        }
        let (verdicts, incomplete) = judged(plan, &observed?, &peaks, !words.is_empty());
        readings.verdicts.push(verdicts);
        readings.incomplete = incomplete;
    }
    readings.command = command.ended;
    readings.elapsed = begun.elapsed();
    Ok(readings)
}

fn judged(
    plan: &Plan,
    observed: &Observed,
    peaks: &Peaks,
    of_command: bool,
) -> (Verdicts, Vec<Incomplete>) {
    let areas: BTreeSet<Area> = RULES.iter().map(|rule| rule.area).collect();
    let reports = observed.reports();
    let doctor = observed.report(&reports, &areas);
    let reading = Reading {
        now: &observed.now,
        before: observed.before(),
        reports: &reports,
        doctor: &doctor,
        peaks,
        of_command,
    };
    let verdicts = judge(plan, &reading);
    (verdicts, doctor.incomplete)
}

/// What goes on while samples are taken.
struct Meanwhile<'a> {
    words: &'a [OsString],
    running: Option<Running>,
    ended: Option<CommandEnd>,
}

impl<'a> Meanwhile<'a> {
    fn new(words: &'a [OsString]) -> Self {
        Meanwhile {
            words,
            running: None,
            ended: None,
        }
    }

    fn is_over(&self, readings: usize, sustain: usize) -> bool {
        match self.words.is_empty() {
            true => readings == sustain,
            false => self.ended.is_some(),
        }
    }

    /// Takes samples for this long, or until the command ends.
    fn repeat(
        &mut self,
        time: Duration,
        take: &mut dyn FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if self.words.is_empty() {
            return sample(time, SAMPLE_EVERY.min(time / 4), |_| take());
        }
        let running = match &mut self.running {
            Some(running) => running,
            // Only now has the first reading been taken.
            none => none.insert(Running::start(self.words)?),
        };
        let begun = Instant::now();
        while begun.elapsed() < time {
            let due = Instant::now() + SAMPLE_EVERY;
            take()?;
            sleep(due.saturating_duration_since(Instant::now()));
            self.ended = running.end()?;
            if self.ended.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        while let (None, Some(running)) = (self.ended, &mut self.running) {
            self.ended = running.end()?;
            sleep(SAMPLE_EVERY);
        }
        Ok(())
    }
}

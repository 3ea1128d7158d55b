//! The reading loop: read, report, wait, repeat.

use std::{
    io,
    time::{Duration, Instant},
};

use anyhow::Context;
use sockdiag::{
    analysis::Sampling,
    model::{Snapshot, is_at_least},
};

use super::{
    Outcome, no_such_column,
    options::{OutputArgs, ReportArgs, Timing},
    typed, usage,
    wait::{Waiter, Woken, suspend},
};
use crate::render::{Host, Listed, Progress, Sink, View, Writer, elapsed_of, text};

/// The default of `--every` where a sample scans all sockets of the host.
pub const SCAN_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Everything that is shown.
    Report,
    /// Only the numbers that are sampled.
    Sample,
}

/// What a report is made of.
pub trait Reading {
    /// Whether everything that changes are computed from was read again since.
    fn renews(&self, _earlier: &Self) -> bool {
        true
    }
}

impl Reading for Snapshot {
    fn renews(&self, earlier: &Self) -> bool {
        Snapshot::renews(self, earlier)
    }
}

/// A reading to compare with, and the time since then.
type Earlier<'a, T> = (&'a T, Duration);

/// Fails on a kernel that is too old.
pub fn this_host() -> anyhow::Result<Host> {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    // RHEL 8 has 4.18.
    if is_at_least(&release, (4, 18)) == Some(false) {
        return Err(usage(format!(
            "needs Linux 4.18 or later; this is {release}"
        )));
    }
    Ok(Host {
        name: system.nodename().to_string_lossy().into_owned(),
        kernel: release.into_owned(),
    })
}

pub struct Session<R: Listed> {
    sink: Sink<R>,
    timing: Timing,
    host: String,
}

impl<R: Listed> Session<R> {
    /// `sample_every` is the default of `--every`.
    pub fn new(args: &ReportArgs, sample_every: Duration, view: View) -> anyhow::Result<Self> {
        Session::with(&args.output, args.time.timing(sample_every), view)
    }

    pub fn with(output: &OutputArgs, timing: Timing, view: View) -> anyhow::Result<Self> {
        let host = this_host()?;
        let view = View {
            changes: matches!(timing, Timing::Watch { .. } | Timing::Sample { .. }),
            sampled: matches!(timing, Timing::Sample { .. }),
            ..view
        };
        let settings = output.settings()?;
        timing.check(&settings)?;
        Ok(Session {
            host: text::escape(&host.name),
            sink: Sink::of_reports(&settings, view, host).map_err(no_such_column)?,
            timing,
        })
    }

    /// Writes reports in another way than the options for the output say.
    pub fn write_as(&mut self, writer: impl Writer<R> + 'static) {
        self.sink.write_as(writer);
    }

    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Writes one report, or one per interval. None is compared with another.
    pub fn each_reading(
        &mut self,
        mut read: impl FnMut() -> anyhow::Result<R>,
    ) -> anyhow::Result<Outcome>
    where
        R: Reading + Clone,
    {
        match self.timing {
            Timing::Watch { interval, count } => {
                self.watch(|_| read(), |report: &R, _| report.clone(), interval, count)?;
            }
            _ => self.write(read()?, None, "")?,
        }
        Ok(Outcome::Answered)
    }

    /// Writes one report, one per interval, or one on many samples. `read` gets the purpose of the
    /// reading, `report` an earlier one to compare with, if there is one.
    pub fn each_report<T: Reading, S: Sampling<R>>(
        &mut self,
        read: impl FnMut(Purpose) -> anyhow::Result<T>,
        report: impl Fn(&T, Option<Earlier<T>>) -> R,
        samples: S,
    ) -> anyhow::Result<Outcome> {
        let add = |samples: &mut S, now: T, _| samples.add(&report(&now, None));
        let fill = |samples: &mut S, _: &T, last: &mut R| samples.fill(last);
        self.each_report_on(read, &report, samples, add, fill)
    }

    /// [`Session::each_report`] with samples of readings. `add` gets the time since the previous
    /// sample, `fill` the last snapshot and the report on it.
    pub fn each_report_on<T: Reading, S>(
        &mut self,
        mut read: impl FnMut(Purpose) -> anyhow::Result<T>,
        report: impl Fn(&T, Option<Earlier<T>>) -> R,
        mut samples: S,
        add: impl Fn(&mut S, T, Duration),
        fill: impl FnOnce(&mut S, &T, &mut R),
    ) -> anyhow::Result<Outcome> {
        match self.timing {
            Timing::Once => {
                let now = read(Purpose::Report)?;
                self.write(report(&now, None), None, "")?;
            }
            Timing::Watch { interval, count } => self.watch(read, report, interval, count)?,
            Timing::Sample { total, every } => {
                let begun = Instant::now();
                let first = read(Purpose::Sample)?;
                sample(total, every, |since| {
                    add(&mut samples, read(Purpose::Sample)?, since);
                    Ok(())
                })?;
                let elapsed = begun.elapsed();
                let last = read(Purpose::Report)?;
                let mut report = report(&last, Some((&first, elapsed)));
                fill(&mut samples, &last, &mut report);
                self.write(report, Some(elapsed), "")?;
            }
        }
        Ok(Outcome::Answered)
    }

    fn watch<T: Reading>(
        &mut self,
        mut read: impl FnMut(Purpose) -> anyhow::Result<T>,
        report: impl Fn(&T, Option<Earlier<T>>) -> R,
        interval: Duration,
        count: Option<u64>,
    ) -> anyhow::Result<()> {
        // First, so that no signal finds an open screen that nobody closes.
        let waiter = Waiter::new(self.sink.is_for_screen());
        let mut waiter = waiter.context("watching for signals")?;
        self.sink.open_screen().context("opening the screen")?;
        // What is compared may have been read less often than once per interval.
        let (mut before, mut last): (Option<(T, Instant)>, Option<_>) = (None, None);
        let mut renewed = Instant::now();
        for reading in 1.. {
            let taken = Instant::now();
            let now = read(Purpose::Report)?;
            if last.as_ref().is_none_or(|(last, _)| now.renews(last)) {
                before = last.take();
                renewed = taken;
            }
            let earlier = before.as_ref();
            let earlier = earlier.map(|(before, then)| (before, renewed - *then));
            let elapsed = earlier.map(|(_, elapsed)| elapsed);
            let head = self.head(interval, reading);
            self.write(report(&now, earlier), elapsed, &head)?;
            if Some(reading) == count {
                break;
            }
            let redraw = |session: &mut Self| session.write(report(&now, earlier), elapsed, &head);
            if !self.wait(&mut waiter, taken + interval, redraw)? {
                break;
            }
            last = last.or(Some((now, taken)));
        }
        self.sink.close_screen().context("closing the screen")
    }

    fn write(&mut self, report: R, elapsed: Option<Duration>, head: &str) -> anyhow::Result<()> {
        let written = self.sink.report(report, elapsed, head);
        written.context("writing the report")
    }

    /// Waits for the next reading and redraws when the terminal changes; `false` after a stop.
    fn wait(
        &mut self,
        waiter: &mut Waiter,
        deadline: Instant,
        redraw: impl Fn(&mut Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        loop {
            match waiter.until(deadline).context("waiting")? {
                Woken::Time => return Ok(true),
                Woken::Stop => return Ok(false),
                Woken::Resized if self.sink.screen().is_some() => redraw(self)?,
                Woken::Resized => {}
                Woken::Suspend => {
                    self.lend_terminal()?;
                    redraw(self)?;
                }
            }
        }
    }

    fn lend_terminal(&self) -> io::Result<()> {
        let Some(screen) = self.sink.screen() else {
            return Ok(());
        };
        screen.suspend();
        suspend()?;
        screen.resume()
    }

    fn head(&self, interval: Duration, reading: u64) -> String {
        let time = jiff::Zoned::now().strftime("%F %H:%M:%S");
        let every = interval.as_secs_f64();
        let quit = self.sink.screen().map_or("", |_| "; q quits");
        let host = &self.host;
        let typed = typed();
        format!("{typed}  {host}  {time}  every {every}s  (reading {reading}{quit})")
    }
}

/// Calls `read` once, or once per interval until stopped, with the time since the call before.
pub fn repeat(
    timing: Timing,
    mut read: impl FnMut(Option<Duration>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Timing::Watch { interval, count } = timing else {
        return read(None);
    };
    let mut waiter = Waiter::new(false).context("watching for signals")?;
    let mut last: Option<Instant> = None;
    for reading in 1.. {
        let taken = Instant::now();
        read(last.map(|last| taken - last))?;
        last = Some(taken);
        let is_last = Some(reading) == count;
        if is_last || wait_for(&mut waiter, taken + interval)? == Woken::Stop {
            break;
        }
    }
    Ok(())
}

/// Waits for the deadline or a stop.
fn wait_for(waiter: &mut Waiter, deadline: Instant) -> anyhow::Result<Woken> {
    loop {
        match waiter.until(deadline).context("waiting")? {
            Woken::Resized | Woken::Suspend => {}
            woken => return Ok(woken),
        }
    }
}

/// Takes samples for this long, or until stopped. `take` gets the time since the previous sample.
pub fn sample(
    total: Duration,
    every: Duration,
    mut take: impl FnMut(Duration) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut waiter = Waiter::new(false).context("watching for signals")?;
    let mut progress = Progress::new();
    let mut samples = 0;
    let end = Instant::now() + total;
    let mut last = Instant::now();
    let mut due = last;
    loop {
        let now = Instant::now();
        take(now - last)?;
        last = now;
        samples += 1;
        let line = |elapsed| {
            let elapsed = elapsed_of(elapsed, Some(total));
            let samples = text::grouped(samples);
            format!("sampling: {elapsed} ({samples} taken); Ctrl-C ends early with a report")
        };
        // After a late sample the next one is a whole interval away, not immediate.
        due = (due + every).max(now + every.min(now.saturating_duration_since(due)));
        if due > end || wait_until(&mut waiter, due, &mut progress, line)? == Woken::Stop {
            progress.clear();
            return Ok(());
        }
    }
}

/// Waits this long, or until a signal to stop.
pub fn pause(total: Duration) -> anyhow::Result<()> {
    let mut waiter = Waiter::new(false).context("watching for signals")?;
    let mut progress = Progress::new();
    let line = |elapsed| {
        let elapsed = elapsed_of(elapsed, Some(total));
        format!("waiting for the second reading: {elapsed}; Ctrl-C ends early with a report")
    };
    wait_until(&mut waiter, Instant::now() + total, &mut progress, line)?;
    progress.clear();
    Ok(())
}

/// Waits for the deadline or a stop, and shows progress meanwhile.
fn wait_until(
    waiter: &mut Waiter,
    due: Instant,
    progress: &mut Progress,
    line: impl Fn(Duration) -> String,
) -> anyhow::Result<Woken> {
    const TICK: Duration = Duration::from_secs(1);
    loop {
        let elapsed = progress.elapsed();
        progress.show(|| line(elapsed));
        let tick = due.min(Instant::now() + TICK);
        match wait_for(waiter, tick)? {
            Woken::Time if tick < due => {}
            woken => return Ok(woken),
        }
    }
}

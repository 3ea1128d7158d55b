//! The reading loop: read, report, wait, repeat.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use anyhow::Context;
use sockdiag::{analysis::Sampling, model::Snapshot, source::is_at_least};

use super::{
    no_such_column,
    options::{OutputArgs, Timing},
    usage,
    wait::{Waiter, Woken, suspend},
};
use crate::render::{Host, Listed, Sink, View};

/// What a snapshot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Everything that is shown.
    Report,
    /// Only the numbers that are sampled.
    Sample,
}

/// This host, if its kernel is not too old.
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

/// One run of a report: where it goes and when it is made.
pub struct Session<R: Listed> {
    sink: Sink<R>,
    timing: Timing,
    host: String,
}

impl<R: Listed> Session<R> {
    /// Opens the output that the flags ask for.
    pub fn new(output: &OutputArgs, timing: Timing, view: View) -> anyhow::Result<Self> {
        let host = this_host()?;
        let view = View {
            changes: matches!(timing, Timing::Watch { .. } | Timing::Sample { .. }),
            sampled: matches!(timing, Timing::Sample { .. }),
            ..view
        };
        let settings = output.settings()?;
        timing.check(&settings)?;
        Ok(Session {
            host: host.name.clone(),
            sink: Sink::of_reports(&settings, view, host).map_err(no_such_column)?,
            timing,
        })
    }

    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Takes one snapshot, or one per interval, and writes a report on each. `report` gets the
    /// snapshot to compare with and the time since then, except for the first.
    pub fn each_reading(
        &mut self,
        mut read: impl FnMut() -> anyhow::Result<Snapshot>,
        report: impl Fn(&Snapshot, Option<(&Snapshot, Duration)>) -> R,
    ) -> anyhow::Result<()> {
        let Timing::Watch { interval, count } = self.timing else {
            let now = read()?;
            return self.write(report(&now, None), None, "");
        };
        self.sink.open_screen().context("opening the screen")?;
        let mut waiter =
            Waiter::new(self.sink.screen().is_some()).context("watching for signals")?;
        // What is compared may have been read less often than once per interval.
        let (mut before, mut last): (Option<Snapshot>, Option<Snapshot>) = (None, None);
        for reading in 1.. {
            let taken = Instant::now();
            let now = read()?;
            if last.as_ref().is_some_and(|last| now.renews(last)) {
                before = last.take();
            }
            let earlier = before
                .as_ref()
                .map(|before| (before, now.elapsed_since(before)));
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
            last = last.or(Some(now));
        }
        self.sink.close_screen().context("closing the screen")
    }

    /// Writes one report, one per interval, or one on many samples. `read` gets the purpose of the
    /// snapshot.
    pub fn each_report(
        &mut self,
        mut read: impl FnMut(Purpose) -> anyhow::Result<Snapshot>,
        report: impl Fn(&Snapshot, Option<(&Snapshot, Duration)>) -> R,
        mut samples: impl Sampling<R>,
    ) -> anyhow::Result<()> {
        let Timing::Sample { total, every } = self.timing else {
            return self.each_reading(|| read(Purpose::Report), report);
        };
        let begun = Instant::now();
        let first = read(Purpose::Sample)?;
        self.each_sample(total, every, |_| {
            samples.add(&report(&read(Purpose::Sample)?, None));
            Ok(())
        })?;
        let elapsed = begun.elapsed();
        let mut last = report(&read(Purpose::Report)?, Some((&first, elapsed)));
        samples.fill(&mut last);
        self.write(last, Some(elapsed), "")
    }

    /// Takes samples for as long as was asked, or until stopped. `sample` gets the time since the
    /// previous one.
    pub fn each_sample(
        &mut self,
        total: Duration,
        every: Duration,
        mut sample: impl FnMut(Duration) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut waiter = Waiter::new(false).context("watching for signals")?;
        announce_sampling(total, every)?;
        let end = Instant::now() + total;
        let mut last = Instant::now();
        let mut due = last;
        loop {
            let now = Instant::now();
            sample(now - last)?;
            last = now;
            // After a late sample the next one is a whole interval away, not immediate.
            due = (due + every).max(now + every.min(now.saturating_duration_since(due)));
            if due > end || wait_until(&mut waiter, due)? == Woken::Stop {
                return Ok(());
            }
        }
    }

    pub fn write(
        &mut self,
        report: R,
        elapsed: Option<Duration>,
        head: &str,
    ) -> anyhow::Result<()> {
        let written = self.sink.report(report, elapsed, head);
        written.context("writing the report")
    }

    /// Waits for the next reading; redraws when the terminal changes. `false` when it is time to
    /// stop.
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
        let quit = if self.sink.screen().is_some() {
            "; q quits"
        } else {
            ""
        };
        format!(
            "{}  {time}  every {every}s  (reading {reading}{quit})",
            self.host
        )
    }
}

/// Waits for the time or a stop. Nothing else matters while nothing is shown.
fn wait_until(waiter: &mut Waiter, due: Instant) -> anyhow::Result<Woken> {
    loop {
        match waiter.until(due).context("waiting")? {
            woken @ (Woken::Time | Woken::Stop) => return Ok(woken),
            Woken::Resized | Woken::Suspend => {}
        }
    }
}

/// Explains to a person why nothing happens for a while.
fn announce_sampling(total: Duration, every: Duration) -> io::Result<()> {
    let mut stderr = io::stderr();
    if !stderr.is_terminal() {
        return Ok(());
    }
    writeln!(
        stderr,
        "sampling every {every:?} for {total:?}; Ctrl-C ends early with a report"
    )
}

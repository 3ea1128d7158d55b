//! The reading loop: read, report, wait, and again where that is wanted.

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
use crate::render::{Look, Moment, Output, Tabular, View};

/// What a reading is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For all that is shown.
    Report,
    /// For the numbers that are sampled alone.
    Sample,
}

/// The host that is looked at.
pub struct Host {
    name: String,
    kernel: String,
}

impl Host {
    /// This one, if its kernel is not too old.
    pub fn this() -> anyhow::Result<Self> {
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

    /// Now, so long after what is compared with.
    pub fn moment(&self, elapsed: Option<Duration>) -> Moment {
        Moment {
            time: jiff::Timestamp::now(),
            host: self.name.clone(),
            kernel: self.kernel.clone(),
            elapsed,
        }
    }
}

/// One run of a report: where it goes and when it is made.
pub struct Session {
    output: Output,
    timing: Timing,
    host: Host,
    view: View,
}

impl Session {
    /// Prepares it from the flags.
    pub fn new(output: &OutputArgs, timing: Timing, view: View) -> anyhow::Result<Self> {
        let host = Host::this()?;
        let view = View {
            changes: matches!(timing, Timing::Watch { .. } | Timing::Sample { .. }),
            sampled: matches!(timing, Timing::Sample { .. }),
            ..view
        };
        let settings = output.settings()?;
        timing.check(&settings)?;
        Ok(Session {
            output: Output::new(settings),
            timing,
            host,
            view,
        })
    }

    /// When readings are made.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Takes one snapshot, or one after the other, and writes a report on each. The function that
    /// makes it gets the snapshot to compare with and the time since, except on the first.
    pub fn each_reading<R: Tabular>(
        &mut self,
        mut read: impl FnMut() -> anyhow::Result<Snapshot>,
        report: impl Fn(&Snapshot, Option<(&Snapshot, Duration)>) -> R,
    ) -> anyhow::Result<()> {
        let look = self.look::<R>()?;
        let Timing::Watch { interval, count } = self.timing else {
            let now = read()?;
            return self.write(report(&now, None), None, &look, "");
        };
        self.output.open_screen().context("opening the screen")?;
        let mut waiter =
            Waiter::new(self.output.screen().is_some()).context("watching for signals")?;
        // Changes are those between the last two readings of what is compared, which may be older
        // than this one.
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
            self.write(report(&now, earlier), elapsed, &look, &head)?;
            if Some(reading) == count {
                break;
            }
            let redraw =
                |session: &mut Self| session.write(report(&now, earlier), elapsed, &look, &head);
            if !self.wait(&mut waiter, taken + interval, redraw)? {
                break;
            }
            last = last.or(Some(now));
        }
        self.output.close_screen().context("closing the screen")
    }

    /// Makes one report, one after the other, or one on many samples, as was asked. `read` is told
    /// what for.
    pub fn each_report<R: Tabular>(
        &mut self,
        mut read: impl FnMut(Purpose) -> anyhow::Result<Snapshot>,
        report: impl Fn(&Snapshot, Option<(&Snapshot, Duration)>) -> R,
        mut samples: impl Sampling<R>,
    ) -> anyhow::Result<()> {
        let Timing::Sample { total, every } = self.timing else {
            return self.each_reading(|| read(Purpose::Report), report);
        };
        let look = self.look::<R>()?;
        let begun = Instant::now();
        let first = read(Purpose::Sample)?;
        self.each_sample(total, every, |_| {
            samples.add(&report(&read(Purpose::Sample)?, None));
            Ok(())
        })?;
        let elapsed = begun.elapsed();
        let mut last = report(&read(Purpose::Report)?, Some((&first, elapsed)));
        samples.fill(&mut last);
        self.write(last, Some(elapsed), &look, "")
    }

    /// Takes quick looks for as long as was asked, or until stopped; each is told the time since
    /// the one before.
    pub fn each_sample(
        &mut self,
        total: Duration,
        every: Duration,
        mut look: impl FnMut(Duration) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut waiter = Waiter::new(false).context("watching for signals")?;
        tell_sampling(total, every)?;
        let end = Instant::now() + total;
        let mut last = Instant::now();
        let mut due = last;
        loop {
            let now = Instant::now();
            look(now - last)?;
            last = now;
            // After a look that came too late the next is a whole interval away, not at once.
            due = (due + every).max(now + every.min(now.saturating_duration_since(due)));
            if due > end || wait_until(&mut waiter, due)? == Woken::Stop {
                return Ok(());
            }
        }
    }

    /// Finds the columns that were named.
    pub fn look<R: Tabular>(&self) -> anyhow::Result<Look> {
        self.output.look::<R>().map_err(no_such_column)
    }

    /// Writes one report.
    pub fn write<R: Tabular>(
        &mut self,
        report: R,
        elapsed: Option<Duration>,
        look: &Look,
        head: &str,
    ) -> anyhow::Result<()> {
        let moment = self.host.moment(elapsed);
        self.output
            .report(report, &moment, &self.view, look, head)
            .context("writing the report")
    }

    /// Waits for the next reading; redraws meanwhile where the terminal changed. `false` when it
    /// is time to stop.
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
                Woken::Resized if self.output.screen().is_some() => redraw(self)?,
                Woken::Resized => {}
                Woken::Suspend => {
                    self.lend_terminal()?;
                    redraw(self)?;
                }
            }
        }
    }

    fn lend_terminal(&self) -> io::Result<()> {
        let Some(screen) = self.output.screen() else {
            return Ok(());
        };
        screen.suspend();
        suspend()?;
        screen.resume()
    }

    fn head(&self, interval: Duration, reading: u64) -> String {
        let time = jiff::Zoned::now().strftime("%F %H:%M:%S");
        let every = interval.as_secs_f64();
        let quit = if self.output.screen().is_some() {
            "; q quits"
        } else {
            ""
        };
        format!(
            "{}  {time}  every {every}s  (reading {reading}{quit})",
            self.host.name
        )
    }
}

/// Waits for the time or the end; nothing else matters where nothing is shown.
fn wait_until(waiter: &mut Waiter, due: Instant) -> anyhow::Result<Woken> {
    loop {
        match waiter.until(due).context("waiting")? {
            woken @ (Woken::Time | Woken::Stop) => return Ok(woken),
            Woken::Resized | Woken::Suspend => {}
        }
    }
}

/// Tells a person why nothing is seen for a while.
fn tell_sampling(total: Duration, every: Duration) -> io::Result<()> {
    let mut stderr = io::stderr();
    if !stderr.is_terminal() {
        return Ok(());
    }
    writeln!(
        stderr,
        "sampling every {every:?} for {total:?}; Ctrl-C reports what there is by then"
    )
}

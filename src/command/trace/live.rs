//! `sockdiag trace --summary` on a terminal: how often each server had each outcome, and why,
//! redrawn in place.

use std::{
    io::Write,
    os::{fd::OwnedFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use anyhow::Context;
use sockdiag::trace::Trace;

use super::reporter::overdue;

use crate::{
    command::{
        typed,
        wait::{Waiter, Woken, suspend},
    },
    render::{Notes, Screen, elapsed_of, size, table::trace::live_table},
};

const EVERY: Duration = Duration::from_secs(1);

pub struct LiveSummary {
    screen: Screen,
    waiter: Waiter,
    stop: UnixStream,
    begun: Instant,
    limit: Option<Duration>,
    drawn: Option<Instant>,
}

impl LiveSummary {
    /// Opens the screen; the descriptor becomes readable when the trace is to end.
    pub fn open(limit: Option<Duration>) -> anyhow::Result<(Self, OwnedFd)> {
        let (stop, stopped) = UnixStream::pair().context("watching for signals")?;
        let live = LiveSummary {
            screen: Screen::open().context("opening the screen")?,
            waiter: Waiter::new(true).context("watching for signals")?,
            stop,
            begun: Instant::now(),
            limit,
            drawn: None,
        };
        Ok((live, stopped.into()))
    }

    /// Draws what there is once a second, and does what keys and signals ask for.
    pub fn step(&mut self, trace: &mut Trace) -> anyhow::Result<()> {
        match self.waiter.until(Instant::now()).context("waiting")? {
            Woken::Time => {}
            Woken::Stop => self.stop.write_all(b"q").context("ending the trace")?,
            Woken::Resized => self.drawn = None,
            Woken::Suspend => {
                self.screen.suspend();
                suspend().and_then(|()| self.screen.resume())?;
                self.drawn = None;
            }
        }
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return Ok(());
        }
        self.drawn = Some(Instant::now());
        let elapsed = elapsed_of(self.begun.elapsed(), self.limit);
        let head = format!("{}  {elapsed}  (q quits with the summary)", typed());
        let width = size().map(|(columns, _)| columns);
        let mut lines = live_table(&trace.summary(), width);
        lines.extend(trace.waiting().as_ref().and_then(overdue));
        let drawn = self.screen.draw(&[head], &lines, &Notes::default());
        drawn.context("writing the report")
    }
}

//! How far long work has come: one line on stderr that the next one replaces. Nothing where stderr
//! is no terminal.

use std::{
    io::{IsTerminal, Write, stderr},
    time::{Duration, Instant},
};

use crossterm::{
    QueueableCommand,
    terminal::{Clear, ClearType},
};

use super::{terminal::is_dumb, text};

/// The line is replaced this often.
const EVERY: Duration = Duration::from_millis(500);

pub struct Progress {
    is_on: bool,
    is_shown: bool,
    begun: Instant,
    last: Option<Instant>,
}

impl Progress {
    pub fn new() -> Self {
        Progress {
            is_on: stderr().is_terminal() && !is_dumb(),
            is_shown: false,
            begun: Instant::now(),
            last: None,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Shows a line, unless the one before is recent.
    pub fn show(&mut self, line: impl FnOnce() -> String) {
        if !self.is_on || self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        self.is_shown = true;
        let columns = rustix::termios::tcgetwinsize(stderr()).map_or(80, |size| size.ws_col.into());
        let line = text::shorten(&text::escape(&line()), usize::max(columns, 2) - 1);
        self.write(&line);
    }

    /// Removes the line, and the `^C` that the terminal wrote behind it.
    pub fn clear(&mut self) {
        if !std::mem::take(&mut self.is_shown) {
            return;
        }
        self.last = None;
        self.write("");
    }

    /// A terminal that is gone is no failure.
    fn write(&self, line: &str) {
        let mut bytes = format!("\r{line}").into_bytes();
        let is_queued = bytes.queue(Clear(ClearType::UntilNewLine)).is_ok();
        if is_queued {
            _ = stderr().write_all(&bytes);
        }
    }
}

/// `12s of 60s`, or `12s` without an end.
pub fn elapsed_of(elapsed: Duration, total: Option<Duration>) -> String {
    let shown = |time: Duration| match time.as_secs() {
        0 if !time.is_zero() && total == Some(time) => format!("{time:?}"),
        seconds => format!("{seconds}s"),
    };
    match total {
        Some(total) => format!("{} of {}", shown(elapsed.min(total)), shown(total)),
        None => shown(elapsed),
    }
}

//! Waiting for the next reading, or for what comes before it: a signal, a key, a new size.

use std::{
    io::{self, Read, Write as _, stdin},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::Timespec,
    process::{Signal, getpid, kill_process},
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH},
    low_level::pipe,
};
use sockdiag::source::{end_at_repeated_signal, is_ignored, was_asked_to_end};

use crate::render::close_screen_at_once;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    Time,
    /// Ctrl-C, SIGTERM, a hang-up or the key `q`.
    Stop,
    /// The terminal has another size.
    Resized,
    /// Ctrl-Z.
    Suspend,
}

/// Turns signals into readable descriptors while it lives.
pub struct Waiter {
    /// The first one is for [`Woken::Stop`].
    signals: Vec<(Woken, UnixStream)>,
    keys: bool,
}

impl Waiter {
    /// Listens for signals; for keys and Ctrl-Z only when a screen is open, and for a hang-up unless
    /// nohup(1) had it ignored.
    pub fn new(screen: bool) -> io::Result<Self> {
        end_at_repeated_signal(close_screen_at_once)?;
        let mut stops = vec![SIGINT, SIGTERM, SIGQUIT];
        if !is_ignored(SIGHUP)? {
            stops.push(SIGHUP);
        }
        let (stop, mut asked) = on(&stops)?;
        // After the first handler was installed, and before this one.
        if was_asked_to_end() {
            asked.write_all(&[0])?;
        }
        let mut signals = vec![(Woken::Stop, stop), (Woken::Resized, on(&[SIGWINCH])?.0)];
        if screen {
            signals.push((Woken::Suspend, on(&[SIGTSTP])?.0));
        }
        let keys = screen && io::IsTerminal::is_terminal(&stdin());
        Ok(Waiter { signals, keys })
    }

    /// Becomes readable when it is time to stop.
    pub fn stop_signal(&self) -> BorrowedFd<'_> {
        self.signals[0].1.as_fd()
    }

    pub fn until(&mut self, deadline: Instant) -> io::Result<Woken> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(woken) = self.poll(left)? {
                return Ok(woken);
            }
            if left.is_zero() {
                return Ok(Woken::Time);
            }
        }
    }

    fn poll(&mut self, longest: Duration) -> io::Result<Option<Woken>> {
        let standard_input = stdin();
        let signals = self.signals.iter();
        let signals = signals.map(|(_, pipe)| PollFd::new(pipe, PollFlags::IN));
        let keys = self
            .keys
            .then(|| PollFd::new(&standard_input, PollFlags::IN));
        let mut fds: Vec<_> = signals.chain(keys).collect();
        let timeout = Timespec::try_from(longest).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let Some(ready) = fds.iter().position(|fd| !fd.revents().is_empty()) else {
            return Ok(None);
        };
        drop(fds);
        match self.signals.get_mut(ready) {
            None => Ok(self.key()?.then_some(Woken::Stop)),
            Some((woken, pipe)) => {
                // Empties the pipe, so that one signal wakes once.
                _ = pipe.read(&mut [0; 64])?;
                Ok(Some(*woken))
            }
        }
    }

    /// Whether `q` was typed. At the end of input no more keys are read.
    fn key(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 64];
        let read = rustix::io::read(stdin(), &mut buffer).unwrap_or(0);
        self.keys = read > 0;
        Ok(buffer[..read].iter().any(|key| matches!(key, b'q' | b'Q')))
    }
}

/// Stops this process until it is continued, as Ctrl-Z does.
pub fn suspend() -> io::Result<()> {
    Ok(kill_process(getpid(), Signal::STOP)?)
}

/// Both ends of a pipe that these signals make readable.
fn on(signals: &[i32]) -> io::Result<(UnixStream, UnixStream)> {
    let (reader, writer) = UnixStream::pair()?;
    for signal in signals {
        pipe::register(*signal, writer.try_clone()?)?;
    }
    Ok((reader, writer))
}

//! Waiting for the next reading, or for what comes before it: a signal, a key, a new size.

use std::{
    io::{self, Read, stdin},
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

/// Why the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// The time has come.
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
    stop: UnixStream,
    resized: UnixStream,
    suspend: Option<UnixStream>,
    keys: bool,
}

impl Waiter {
    /// Listens for signals; for keys and Ctrl-Z only when a screen is open.
    pub fn new(screen: bool) -> io::Result<Self> {
        let keys = screen && io::IsTerminal::is_terminal(&stdin());
        Ok(Waiter {
            stop: on(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT])?,
            resized: on(&[SIGWINCH])?,
            suspend: screen.then(|| on(&[SIGTSTP])).transpose()?,
            keys,
        })
    }

    /// Becomes readable when it is time to stop.
    pub fn stop_signal(&self) -> BorrowedFd<'_> {
        self.stop.as_fd()
    }

    /// Waits until then.
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
        let mut watched = vec![
            (Woken::Stop, PollFd::new(&self.stop, PollFlags::IN)),
            (Woken::Resized, PollFd::new(&self.resized, PollFlags::IN)),
        ];
        watched.extend(
            self.suspend
                .as_ref()
                .map(|pipe| (Woken::Suspend, PollFd::new(pipe, PollFlags::IN))),
        );
        let signals = watched.len();
        if self.keys {
            watched.push((Woken::Stop, PollFd::new(&standard_input, PollFlags::IN)));
        }
        let (meanings, mut fds): (Vec<_>, Vec<_>) = watched.into_iter().unzip();
        let timeout = Timespec::try_from(longest).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = fds.iter().position(|fd| !fd.revents().is_empty());
        drop(fds);
        Ok(match ready {
            Some(key) if key >= signals => self.key()?.then_some(Woken::Stop),
            Some(signal) => {
                self.drain(meanings[signal])?;
                Some(meanings[signal])
            }
            None => None,
        })
    }

    /// Empties the pipe, so that one signal wakes once.
    fn drain(&mut self, woken: Woken) -> io::Result<()> {
        let mut buffer = [0; 64];
        let pipe = match woken {
            Woken::Resized => &mut self.resized,
            Woken::Suspend => match &mut self.suspend {
                Some(pipe) => pipe,
                None => return Ok(()),
            },
            Woken::Stop | Woken::Time => &mut self.stop,
        };
        pipe.read(&mut buffer).map(drop)
    }

    /// Whether `q` was typed. At the end of input there is nobody to type.
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

fn on(signals: &[i32]) -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    for signal in signals {
        pipe::register(*signal, writer.try_clone()?)?;
    }
    Ok(reader)
}

//! The command that `check` runs.

use std::{
    ffi::OsString,
    io::{self, stderr, stdin, stdout},
    os::unix::process::ExitStatusExt,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use rustix::{
    process::{Pid, Signal, getpgrp, kill_process},
    termios::tcgetpgrp,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag::register_conditional_default,
    iterator::Signals,
};
use sockdiag::{analysis::check::CommandEnd, source::is_ignored};

/// Gets the standard streams of this process, and the signals that would end it.
pub struct Running {
    child: Child,
    signals: Signals,
    /// From then on signals end this process again.
    has_ended: Arc<AtomicBool>,
}

impl Running {
    pub fn start(words: &[OsString]) -> anyhow::Result<Self> {
        let has_ended = Arc::new(AtomicBool::new(false));
        let signals = signals(&has_ended).context("watching for signals")?;
        let mut command = Command::new(&words[0]);
        let child = command.args(&words[1..]).spawn();
        let child = child.with_context(|| format!("running {}", words[0].to_string_lossy()))?;
        Ok(Running {
            child,
            signals,
            has_ended,
        })
    }

    /// Passes signals on; `None` while the command runs.
    pub fn end(&mut self) -> anyhow::Result<Option<CommandEnd>> {
        for signal in self.signals.pending() {
            self.pass_on(signal);
        }
        let ended = self.child.try_wait().context("waiting for the command")?;
        Ok(ended.map(|status| {
            self.has_ended.store(true, Ordering::SeqCst);
            CommandEnd {
                exit_code: status.code(),
                signal: status.signal(),
            }
        }))
    }

    /// What the keys of a terminal send, the command gets by itself. A command that has ended
    /// meanwhile needs no signal.
    fn pass_on(&self, signal: i32) {
        let is_of_keys = [SIGINT, SIGQUIT].contains(&signal) && is_in_foreground();
        if let Some(signal) = Signal::from_named_raw(signal).filter(|_| !is_of_keys) {
            _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

/// Those that are ignored, as under nohup(1), stay so: the command inherits that.
fn signals(has_ended: &Arc<AtomicBool>) -> io::Result<Signals> {
    let mut passed_on = Vec::new();
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
        if !is_ignored(signal)? {
            register_conditional_default(signal, has_ended.clone())?;
            passed_on.push(signal);
        }
    }
    Signals::new(passed_on)
}

/// Whether a terminal sends Ctrl-C to this process and to its command.
fn is_in_foreground() -> bool {
    let own = getpgrp();
    let is_of = |stream: &dyn Fn() -> rustix::io::Result<Pid>| stream() == Ok(own);
    is_of(&|| tcgetpgrp(stdin()))
        || is_of(&|| tcgetpgrp(stdout()))
        || is_of(&|| tcgetpgrp(stderr()))
}

//! What one run of a command costs: time on the wall, CPU, peak memory.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::format;

/// Beside a million sockets `ss -lntp` takes ten seconds.
pub const TIME_TO_RUN: Duration = Duration::from_secs(120);

/// The command was stopped after this time, before it was done.
#[derive(Debug, Clone, Copy)]
pub struct TooSlow(pub Duration);

impl Error for TooSlow {}

impl fmt::Display for TooSlow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stopped after {}", format::duration(self.0))
    }
}

/// One run.
#[derive(Clone, Copy)]
pub struct Cost {
    pub wall: Duration,
    /// User and system time together.
    pub cpu: Duration,
    /// Resident, at its highest. Never less than what this process has used itself, because the
    /// kernel counts a child from before its exec (`ru_maxrss`).
    pub peak_bytes: u64,
}

/// Runs the command, its output thrown away. A command that fails is an error: its cost means
/// nothing.
pub fn run(command: &mut Command) -> anyhow::Result<Cost> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = Instant::now();
    let child = command.spawn()?;
    finish(child, started, TIME_TO_RUN)
}

/// Runs the command with a pipe as its output, read while it runs. What it complains of is seen.
pub fn run_into<T: Send + 'static>(
    command: &mut Command,
    read: impl FnOnce(ChildStdout) -> T + Send + 'static,
) -> anyhow::Result<(Cost, T)> {
    run_into_within(TIME_TO_RUN, command, read)
}

pub fn run_into_within<T: Send + 'static>(
    limit: Duration,
    command: &mut Command,
    read: impl FnOnce(ChildStdout) -> T + Send + 'static,
) -> anyhow::Result<(Cost, T)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().context("standard output is a pipe")?;
    let reader = std::thread::spawn(|| read(stdout));
    let cost = finish(child, started, limit)?;
    let read = reader.join().ok().context("reading its output")?;
    Ok((cost, read))
}

/// For `run_into`. No line is kept: one may be a document of a million rows, and the memory of this
/// process is the least that a child seems to take.
pub fn count_lines(stdout: ChildStdout) -> usize {
    let mut reader = BufReader::new(stdout);
    let mut count = 0;
    while reader.skip_until(b'\n').is_ok_and(|bytes| bytes > 0) {
        count += 1;
    }
    count
}

/// Waits until the command has ended, and tells what it cost. One that fails or takes too long is an
/// error.
pub fn finish(mut child: Child, started: Instant, limit: Duration) -> anyhow::Result<Cost> {
    let in_time = ends_within(&child, limit)?;
    let wall = started.elapsed();
    if !in_time {
        child.kill()?;
    }
    let (status, usage) = reap(child).context("waiting for the command")?;
    ensure!(in_time, TooSlow(limit));
    ensure!(status.success(), "{status}");
    Ok(Cost {
        wall,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        peak_bytes: u64::try_from(usage.ru_maxrss)? * 1024,
    })
}

/// Waits until the process has ended, without reaping it.
pub fn ends_within(child: &Child, limit: Duration) -> io::Result<bool> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    readable_within(&process, limit)
}

/// Waits until there is something to read, the end of it included.
pub fn readable_within(source: &impl AsFd, limit: Duration) -> io::Result<bool> {
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    let mut sources = [PollFd::new(source, PollFlags::IN)];
    let ready = rustix::io::retry_on_intr(|| poll(&mut sources, Some(&limit)))?;
    Ok(ready > 0)
}

/// The standard library reaps children too, but throws away what they used; rustix has no `wait4`.
#[expect(
    unsafe_code,
    reason = "wait4 is the one call that tells a single child's peak memory"
)]
fn reap(child: Child) -> io::Result<(ExitStatus, libc::rusage)> {
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: rusage is plain integers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live, writable locals of the types wait4 expects. The child is
    // ours and not yet reaped: `Child` came in by value and only this waits for it.
    let reaped = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    if reaped == pid {
        Ok((ExitStatus::from_raw(status), usage))
    } else {
        Err(io::Error::last_os_error())
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs())
        + Duration::from_micros(time.tv_usec.unsigned_abs())
}

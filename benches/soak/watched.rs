//! A command that goes on without end, and what it has of memory and descriptors at each moment.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};

const TIME_TO_END: Duration = Duration::from_secs(30);

/// Killed when dropped.
pub struct Watched {
    pub name: &'static str,
    process: Child,
    begun: Instant,
    lines: Arc<AtomicU64>,
    reader: Option<JoinHandle<()>>,
    samples: Vec<Sample>,
}

#[derive(Clone, Copy)]
pub struct Sample {
    /// `VmRSS` of /proc/PID/status.
    pub resident_bytes: u64,
    pub descriptors: u64,
    /// User and system time together.
    cpu: Duration,
}

/// One that was ended.
pub struct Ended {
    pub name: &'static str,
    pub lines: u64,
    pub samples: Vec<Sample>,
    pub cpu: Duration,
    pub wall: Duration,
}

impl Watched {
    pub fn start(name: &'static str) -> anyhow::Result<Self> {
        let arguments = name.split(' ').skip(1);
        let mut process = Command::new(env!("CARGO_BIN_EXE_sockdiag"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("running `{name}`"))?;
        let stdout = process.stdout.take().context("its output is a pipe")?;
        let lines = Arc::new(AtomicU64::new(0));
        let counted = lines.clone();
        Ok(Watched {
            name,
            process,
            begun: Instant::now(),
            lines,
            reader: Some(thread::spawn(move || count_lines(stdout, &counted))),
            samples: Vec::new(),
        })
    }

    /// That it wrote so far.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    pub fn sample(&mut self) -> anyhow::Result<()> {
        let sample = read(self.process.id());
        let sample = sample.with_context(|| format!("`{}` has ended early", self.name))?;
        self.samples.push(sample);
        Ok(())
    }

    /// Ends it as Ctrl-C does, and waits until it has.
    pub fn end(mut self) -> anyhow::Result<Ended> {
        let name = self.name;
        let wall = self.begun.elapsed();
        kill_process(Pid::from_child(&self.process), Signal::INT)
            .with_context(|| format!("ending `{name}`"))?;
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait()? {
                break status;
            }
            ensure!(asked.elapsed() < TIME_TO_END, "`{name}` does not end");
            thread::sleep(Duration::from_millis(20));
        };
        ensure!(status.success(), "`{name}`: {status}");
        let reader = self.reader.take().map(JoinHandle::join);
        reader.and_then(Result::ok).context("reading its output")?;
        let lines = self.lines();
        ensure!(lines > 0, "`{name}` says nothing");
        let samples = std::mem::take(&mut self.samples);
        let last = samples.last().context("it was not sampled")?;
        Ok(Ended {
            name,
            lines,
            cpu: last.cpu,
            wall,
            samples,
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Only fails when it has ended meanwhile, which is what we want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn count_lines(stdout: ChildStdout, count: &AtomicU64) {
    let lines = BufReader::new(stdout).split(b'\n').map_while(Result::ok);
    lines.for_each(|_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
}

fn read(pid: u32) -> anyhow::Result<Sample> {
    let process = Process::new(pid.try_into()?)?;
    let stat = process.stat()?;
    let resident = process.status()?.vmrss.context("no longer in memory")?;
    let ticks = (stat.utime + stat.stime) as f64;
    Ok(Sample {
        resident_bytes: 1024 * resident,
        descriptors: process.fd_count()?.try_into()?,
        cpu: Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64),
    })
}

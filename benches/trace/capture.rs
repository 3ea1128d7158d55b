//! A program that captures while something happens, and what it says of it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::measure::{self, Cost};

/// Every packet socket of the namespace (net/packet/af_packet.c).
const SOCKETS: &str = "/proc/self/net/packet";
const TIME_TO_BEGIN: Duration = Duration::from_secs(10);
/// libpcap hands over what waits for a full block after a second, as `tcpdump` asks it to.
const TIME_TO_SETTLE: Duration = Duration::from_millis(1500);

/// Stopped when dropped.
pub struct Capture {
    process: Option<Child>,
    begun: Instant,
    output: PathBuf,
}

/// What it cost, and what it says.
pub struct Observed {
    pub cost: Cost,
    pub packets: u64,
    /// Packets that the kernel had no room for.
    pub lost: u64,
    /// `None` where it does not look for them.
    pub handshakes: Option<Handshakes>,
}

/// As counted by `sockdiag`.
#[derive(Clone, Copy)]
pub struct Handshakes {
    pub all: u64,
    pub established: u64,
    /// Handshakes that were forgotten for want of room, and are not among all.
    pub evicted: u64,
    /// Lines that tell of one each.
    pub lines: u64,
}

impl Capture {
    /// Starts it with what it says going to a file.
    fn start(
        mut command: Command,
        name: &str,
        into: fn(&mut Command, File),
    ) -> anyhow::Result<Self> {
        let output =
            std::env::temp_dir().join(format!("sockdiag-bench-{}-{name}", std::process::id()));
        into(&mut command, File::create(&output)?);
        let begun = Instant::now();
        let process = command.spawn().with_context(|| format!("running {name}"));
        Ok(Capture {
            process: Some(process?),
            begun,
            output,
        })
    }

    pub fn sockdiag(command: Command) -> anyhow::Result<Self> {
        Self::start(command, "sockdiag", |command, output| {
            command.stdout(output);
        })
    }

    /// It sums up on its standard error.
    pub fn tcpdump(command: Command) -> anyhow::Result<Self> {
        Self::start(command, "tcpdump", |command, output| {
            command.stderr(output);
        })
    }

    /// Lets it take what still waits for it, ends it as Ctrl-C does, and reads what it said.
    fn end(mut self) -> anyhow::Result<(Cost, PathBuf)> {
        let process = self.process.take().context("ended twice")?;
        kill_process(Pid::from_child(&process), Signal::INT).context("ending a capture")?;
        let cost = measure::finish(process, self.begun, measure::TIME_TO_RUN)?;
        Ok((cost, self.output.clone()))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Only fails when it has ended meanwhile, which is what we want.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Waits until so many captures have begun.
pub fn wait_for(captures: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    while running()? < captures {
        ensure!(begun.elapsed() < TIME_TO_BEGIN, "a capture does not begin");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What is behind the protocol and the device tells whether it is bound.
fn running() -> anyhow::Result<usize> {
    let sockets = fs::read_to_string(SOCKETS).with_context(|| format!("reading {SOCKETS}"))?;
    let is_running = |line: &&str| line.split_whitespace().nth(5) == Some("1");
    Ok(sockets.lines().filter(is_running).count())
}

pub fn settle() {
    thread::sleep(TIME_TO_SETTLE);
}

pub fn end_sockdiag(capture: Capture) -> anyhow::Result<Observed> {
    let (cost, output) = capture.end()?;
    let said = read_sockdiag(&output).context("reading what sockdiag said");
    fs::remove_file(&output)?;
    let (packets, lost, handshakes) = said?;
    Ok(Observed {
        cost,
        packets,
        lost,
        handshakes: Some(handshakes),
    })
}

fn read_sockdiag(output: &Path) -> anyhow::Result<(u64, u64, Handshakes)> {
    let (mut lines, mut last) = (0, String::new());
    for line in BufReader::new(File::open(output)?).lines() {
        last = line?;
        lines += 1;
    }
    let last: Value = serde_json::from_str(&last)?;
    let summary = &last["summary"];
    let number = |value: &Value| value.as_u64().context("no summary");
    let handshakes = Handshakes {
        all: number(&summary["handshakes"])?,
        established: number(&summary["outcomes"]["established"])?,
        evicted: number(&summary["evicted"])?,
        lines: lines - 1,
    };
    Ok((
        number(&summary["packets"])?,
        number(&summary["lost_by_kernel"])?,
        handshakes,
    ))
}

pub fn end_tcpdump(capture: Capture) -> anyhow::Result<Observed> {
    let (cost, output) = capture.end()?;
    let said = fs::read_to_string(&output)?;
    fs::remove_file(&output)?;
    let number = |what: &str| {
        let line = said.lines().find_map(|line| line.strip_suffix(what));
        let count = line.and_then(|count| count.trim().parse().ok());
        count.with_context(|| format!("tcpdump does not say how many{what}: {said}"))
    };
    Ok(Observed {
        cost,
        packets: number(" packets captured")?,
        lost: number(" packets dropped by kernel")?,
        handshakes: None,
    })
}

//! The load: holder processes that together have as many established sockets as were asked for.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Resource, getrlimit};

use crate::{HOLD, format, holder, host, measure};

/// Descriptors per process. Many hosts allow no more, and the load should look alike on all.
const DESCRIPTORS: u64 = 20_000;
/// Standard streams, the listener, and what the runtime opens.
const SPARE_DESCRIPTORS: u64 = 50;
/// More processes than that say more about processes than about sockets.
const MOST_HOLDERS: u32 = 256;
/// A million take a quarter of a minute on two cores.
const TIME_TO_MAKE: Duration = Duration::from_secs(300);
const TIME_TO_END: Duration = Duration::from_secs(60);
/// What one established, idle socket with its descriptor takes in the kernel, rounded up (x86-64,
/// Linux 6.18).
const BYTES_PER_SOCKET: u64 = 4_000;

/// Every so many holders one listens on IPv6. With listeners of one family only, a program need not
/// ask about the other, and would be spared half of the work.
const IPV6_EVERY: u16 = 4;
const FIRST_PORT: u16 = 7000;

/// Ends the holders when dropped.
pub struct Load {
    holders: Vec<Holder>,
}

struct Holder {
    /// Its standard input is what keeps it alive.
    process: Child,
    address: SocketAddr,
}

impl Load {
    pub fn make(sockets: u32) -> anyhow::Result<Self> {
        ensure_memory(sockets)?;
        let shares = shares(sockets.div_ceil(2), connections_per_holder()?)?;
        eprintln!(
            "making {} sockets in {} processes",
            format::count(sockets.into()),
            shares.len()
        );
        let started = Instant::now();
        let mut load = Self {
            holders: Vec::new(),
        };
        for (address, connections) in addresses().zip(shares) {
            load.holders.push(Holder::start(address, connections)?);
        }
        for holder in &mut load.holders {
            let left = TIME_TO_MAKE.saturating_sub(started.elapsed());
            holder
                .wait_until_ready(left)
                .with_context(|| format!("holder on {}", holder.address))?;
        }
        eprintln!("made in {}", format::duration(started.elapsed()));
        Ok(load)
    }

    /// Every listener of the load, and the process that holds it.
    pub fn listeners(&self) -> impl Iterator<Item = (SocketAddr, u32)> {
        self.holders
            .iter()
            .map(|holder| (holder.address, holder.process.id()))
    }

    /// Open descriptors of all holders. `None` before Linux 6.2, which does not tell the size of
    /// /proc/PID/fd.
    pub fn descriptors(&self) -> Option<u64> {
        let open = |holder: &Holder| {
            let size = fs::metadata(format!("/proc/{}/fd", holder.process.id()))
                .ok()?
                .len();
            (size > 0).then_some(size)
        };
        self.holders.iter().map(open).sum()
    }
}

impl Holder {
    fn start(address: SocketAddr, connections: u32) -> anyhow::Result<Self> {
        let process = Command::new(std::env::current_exe()?)
            .args([HOLD, &address.to_string(), &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting a holder (a limit on processes?)")?;
        Ok(Self { process, address })
    }

    fn wait_until_ready(&mut self, limit: Duration) -> anyhow::Result<()> {
        let stdout = self.process.stdout.take().context("holder asked twice")?;
        ensure!(
            measure::readable_within(&stdout, limit)?,
            "not ready after {}; try fewer with --sockets",
            format::duration(TIME_TO_MAKE)
        );
        match said(stdout)?.trim() {
            holder::READY => Ok(()),
            "" => bail!("ended early; see above, or the kernel's log if memory ran out"),
            reason => bail!("{reason}; try fewer with --sockets"),
        }
    }
}

/// One destination per holder: a source port can serve many, so each has the whole ephemeral range.
fn addresses() -> impl Iterator<Item = SocketAddr> {
    // Some hosts have IPv6 switched off.
    let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    (0..).map(move |index: u16| {
        let [high, low] = (index + 1).to_be_bytes();
        let port = FIRST_PORT + index;
        if has_ipv6 && index.is_multiple_of(IPV6_EVERY) {
            (Ipv6Addr::LOCALHOST, port).into()
        } else {
            (Ipv4Addr::new(127, 1, high, low), port).into()
        }
    })
}

fn said(stdout: ChildStdout) -> anyhow::Result<String> {
    let mut line = String::new();
    BufReader::with_capacity(256, stdout).read_line(&mut line)?;
    Ok(line)
}

impl Drop for Load {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            drop(holder.process.stdin.take());
        }
        let deadline = Instant::now() + TIME_TO_END;
        for Holder { process, .. } in &mut self.holders {
            let ended =
                measure::ends_within(process, deadline.saturating_duration_since(Instant::now()));
            if !ended.unwrap_or(false) {
                // Only fails when it has ended meanwhile, which is what we want.
                let _ = process.kill();
            }
            let _ = process.wait();
        }
    }
}

fn connections_per_holder() -> anyhow::Result<u32> {
    let hard = getrlimit(Resource::Nofile)
        .maximum
        .unwrap_or(DESCRIPTORS)
        .min(DESCRIPTORS);
    let usable = hard.saturating_sub(SPARE_DESCRIPTORS) / 2;
    ensure!(
        usable > 0,
        "the hard limit of {hard} descriptors leaves none for sockets: raise it (ulimit -Hn)"
    );
    Ok(u32::try_from(usable)?)
}

/// Splits the connections as evenly as they go.
fn shares(connections: u32, per_holder: u32) -> anyhow::Result<Vec<u32>> {
    let holders = connections.div_ceil(per_holder);
    ensure!(
        holders <= MOST_HOLDERS,
        "{holders} processes would be needed, {MOST_HOLDERS} are the most: raise the hard descriptor limit \
         (ulimit -Hn, {DESCRIPTORS} are used of it) or ask for fewer with --sockets"
    );
    Ok((0..holders)
        .map(|index| connections / holders + u32::from(index < connections % holders))
        .collect())
}

/// Better said now than by the kernel's out-of-memory killer.
fn ensure_memory(sockets: u32) -> anyhow::Result<()> {
    let available = host::memory("/proc/meminfo", "MemAvailable:")?;
    let needed = u64::from(sockets) * BYTES_PER_SOCKET;
    ensure!(
        needed <= available,
        "{sockets} sockets need about {}, {} are available; try fewer with --sockets",
        format::bytes(needed),
        format::bytes(available)
    );
    Ok(())
}

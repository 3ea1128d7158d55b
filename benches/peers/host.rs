//! The machine and its load, as far as they explain the numbers.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::format;
use crate::load::Load;
use crate::machine::Machine;

/// The limits are promised for this many.
const PROMISED_SOCKETS: u32 = 1_000_000;

pub struct Host {
    machine: Machine,
    /// TCP sockets of the namespace as the kernel counts them, listeners included.
    sockets: u64,
    listeners: usize,
    /// `None` where the kernel does not tell cheaply.
    descriptors: Option<u64>,
    iproute2: String,
}

impl Host {
    pub fn read(load: &Load) -> anyhow::Result<Self> {
        Ok(Self {
            // Making the load is part of what it was busy with.
            machine: Machine::read()?,
            sockets: sockets_in_use()?,
            listeners: load.listeners().count(),
            descriptors: load.descriptors(),
            iproute2: iproute2_version(),
        })
    }

    pub fn describe(&self, rounds: u32, patience: Duration) -> anyhow::Result<String> {
        let descriptors = self
            .descriptors
            .map_or("an unknown number of".to_owned(), format::count);
        Ok(format!(
            "{}; {} TCP sockets ({} listen), \
             {descriptors} open descriptors in {} processes; {}; {rounds} rounds, \
             ratios are medians of the rounds' ratios; lsof and `ss -tanpH` have one round and are stopped after {}. \
             Peak memory is that of the largest process; below {} it may not be seen.",
            self.machine,
            format::count(self.sockets),
            self.listeners,
            self.listeners,
            self.iproute2,
            format::duration(patience),
            format::bytes(own_peak_bytes()?),
        ))
    }

    /// What the reader should know before taking the tables for more than they are.
    pub fn remark(&self, asked: u32) {
        if asked != PROMISED_SOCKETS {
            println!(
                "\nThe limits are meant for {} sockets.",
                format::count(PROMISED_SOCKETS.into())
            );
        }
    }
}

/// `TCP: inuse 750038 orphan 0 …` and, in another file, `TCP6: inuse 250013`, of this namespace.
fn sockets_in_use() -> anyhow::Result<u64> {
    let ipv4 = in_use("/proc/net/sockstat", "TCP: inuse ")?;
    // There is no such file where IPv6 is switched off.
    let ipv6 = in_use("/proc/net/sockstat6", "TCP6: inuse ").unwrap_or(0);
    Ok(ipv4 + ipv6)
}

fn in_use(path: &str, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split(' ').next());
    Ok(number
        .with_context(|| format!("no `{name}` in {path}"))?
        .parse()?)
}

/// A child is counted from before its exec, when its memory was this process's.
fn own_peak_bytes() -> anyhow::Result<u64> {
    memory("/proc/self/status", "VmHWM:")
}

/// Of lines like `MemAvailable:   23456789 kB`, the one of that name, in bytes.
pub fn memory(path: &str, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    let kib: u64 = kib
        .with_context(|| format!("no {name} in {path}"))?
        .parse()?;
    Ok(1024 * kib)
}

/// `ss utility, iproute2-6.1.0`.
fn iproute2_version() -> String {
    let output = Command::new("ss").arg("--version").output();
    let said = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    said.rsplit(' ')
        .next()
        .map(str::trim)
        .filter(|version| !version.is_empty())
        .unwrap_or("no iproute2")
        .to_owned()
}

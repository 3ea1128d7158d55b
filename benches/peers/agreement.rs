//! Whether the commands that are measured side by side count the same: a fast answer that is wrong
//! wins nothing.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;

use anyhow::Context;
use serde_json::Value;

use crate::cases;
use crate::load::Load;
use crate::measure;
use crate::pipelines;

/// What was counted, and how often.
pub type Counts = HashMap<String, u64>;

/// Two commands and their counts.
pub struct Agreement {
    pub command: &'static str,
    pub peer: &'static str,
    /// `None` when one of the answers could not be read.
    pub counts: Option<(Counts, Counts)>,
}

impl Agreement {
    pub fn is_complete(&self) -> Option<bool> {
        let (ours, theirs) = self.counts.as_ref()?;
        Some(ours == theirs)
    }

    /// The largest count of each.
    pub fn largest(&self) -> Option<(u64, u64)> {
        let largest = |counts: &Counts| counts.values().copied().max().unwrap_or_default();
        let (ours, theirs) = self.counts.as_ref()?;
        Some((largest(ours), largest(theirs)))
    }
}

/// Ports by source and destination.
pub fn of_ports() -> Agreement {
    let name = |tuple: &Value| {
        let (from, to) = (&tuple["source"], &tuple["destination"]);
        let to_address = bracketed(to["address"].as_str()?);
        Some(format!(
            "{} {to_address}:{}",
            bracketed(from.as_str()?),
            to["port"]
        ))
    };
    let count = |tuple: &Value| tuple["used"].as_u64();
    agreement(
        cases::PORTS_NO_OWNERS,
        pipelines::SS_PORTS,
        "tuples",
        |tuple| Some((name(tuple)?, count(tuple)?)),
    )
}

/// TIME_WAITs by service.
pub fn of_time_waits() -> Agreement {
    agreement(cases::TIMEWAIT, pipelines::SS_TIMEWAIT, "groups", |group| {
        let key = group["key"].as_str()?;
        Some((key.to_owned(), group["count"].as_u64()?))
    })
}

/// Descriptors of the load's processes; others come and go. `by_lsof` is what it said.
pub fn of_descriptors(load: &Load, by_lsof: Option<Counts>) -> [Agreement; 2] {
    let count = |process: &Value| {
        let pid = process["pid"].as_u64()?;
        Some((pid.to_string(), process["open"].as_u64()?))
    };
    let of_load = |mut counts: Counts| {
        let pids: Vec<String> = load.listeners().map(|(_, pid)| pid.to_string()).collect();
        counts.retain(|pid, _| pids.contains(pid));
        counts
    };
    let ours = || ours(cases::FDS, "processes", count).map(of_load);
    let by_ls = theirs(pipelines::LOOP).map(of_load);
    [
        (pipelines::LOOP, by_ls.ok()),
        (pipelines::LSOF, by_lsof.map(of_load)),
    ]
    .map(|(peer, theirs)| Agreement {
        command: cases::FDS,
        peer,
        counts: ours().ok().zip(theirs),
    })
}

fn agreement(
    command: &'static str,
    peer: &'static str,
    list: &str,
    count: impl Fn(&Value) -> Option<(String, u64)>,
) -> Agreement {
    let counts = ours(command, list, count).and_then(|ours| Ok((ours, theirs(peer)?)));
    Agreement {
        command,
        peer,
        counts: counts.ok(),
    }
}

/// Of each element of a list of the command's JSON.
fn ours(
    command: &str,
    list: &str,
    count: impl Fn(&Value) -> Option<(String, u64)>,
) -> anyhow::Result<Counts> {
    let mut command = cases::command(command)?;
    let (_, answer) = measure::run_into(command.arg("--json"), serde_json::from_reader)?;
    let answer: Value = answer?;
    let list = answer[list].as_array().context("a list")?;
    list.iter()
        .map(count)
        .collect::<Option<_>>()
        .context("an element without a count")
}

/// From lines of a count and what was counted.
fn theirs(peer: &str) -> anyhow::Result<Counts> {
    let (_, counts) = measure::run_into(&mut cases::command(peer)?, read_counts)?;
    counts.context("a line without a count")
}

/// Lines of a count and what was counted.
pub fn read_counts(stdout: ChildStdout) -> Option<Counts> {
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    lines
        .map(|line| {
            let (count, name) = line.split_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        })
        .collect()
}

/// As `ss` writes it.
fn bracketed(address: &str) -> String {
    if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    }
}

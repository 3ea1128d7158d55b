//! Which commands are measured, against which, and what came out.

use std::process::Command;

use anyhow::ensure;

use crate::measure::{self, Cost};
use crate::pipelines;
use crate::row::Case;
use crate::{self as bench, RAW_DUMP, SNAPSHOT};

pub const QUEUES_BARE: &str = "sockdiag queues --no-owners --no-syn";
pub const QUEUES_NO_OWNERS: &str = "sockdiag queues --no-owners";
pub const QUEUES_NO_BPF: &str = "sockdiag queues --no-owners, without BPF";
pub const QUEUES: &str = "sockdiag queues";
pub const QUEUES_ALL_OWNERS: &str = "sockdiag queues --owners all";
pub const COUNTERS: &str = "sockdiag counters";
pub const COUNTERS_ALL: &str = "sockdiag counters --all";
pub const PORTS_NO_OWNERS: &str = "sockdiag ports --no-owners";
pub const PORTS: &str = "sockdiag ports";
pub const TIMEWAIT: &str = "sockdiag timewait --no-owners";
pub const FDS: &str = "sockdiag fds";
/// Two readings of the whole host, and samples of the queues for a second.
pub const DOCTOR: &str = "sockdiag doctor --for 1s";
pub const VERSION: &str = "sockdiag --version";
pub const SS: &str = "ss -lntH";
pub const SS_MEMORY: &str = "ss -lntmH state listening";
pub const SS_OWNERS: &str = "ss -lntpH";
pub const SS_VERSION: &str = "ss --version";
pub const NSTAT: &str = "nstat -az";
/// The same without its history file.
pub const NSTAT_NO_HISTORY: &str = "nstat -asz";
/// Every part that the library can read, once.
pub const EVERYTHING: &str = "snapshot of everything";
pub const OWNERS_BY_BPF: &str = "owners of every socket, by BPF";
pub const OWNERS_BY_PROC: &str = "owners of every socket, by /proc";
pub const RAW: &str = "raw SYN_RECV dump, both families";

/// They take turns in this order: what needs seconds comes last, so that nothing of milliseconds
/// runs on caches that were swept just before.
pub const LISTENERS: [Case; 15] = [
    (QUEUES_NO_OWNERS, &[QUEUES_NO_BPF, SS]),
    (QUEUES_NO_BPF, &[RAW, SS]),
    (RAW, &[]),
    (SS, &[]),
    (QUEUES_BARE, &[SS, SS_MEMORY]),
    (SS_MEMORY, &[]),
    (COUNTERS, &[NSTAT, NSTAT_NO_HISTORY]),
    (COUNTERS_ALL, &[NSTAT, NSTAT_NO_HISTORY]),
    (NSTAT, &[]),
    (NSTAT_NO_HISTORY, &[]),
    (VERSION, &[SS_VERSION]),
    (SS_VERSION, &[]),
    (QUEUES, &[SS_OWNERS]),
    (QUEUES_ALL_OWNERS, &[SS_OWNERS]),
    (SS_OWNERS, &[]),
];

pub const OWNERS: [Case; 2] = [(OWNERS_BY_BPF, &[OWNERS_BY_PROC]), (OWNERS_BY_PROC, &[])];

pub const TUPLES: [Case; 5] = [
    (DOCTOR, &[]),
    (EVERYTHING, &[PORTS]),
    (PORTS_NO_OWNERS, &[pipelines::SS_PORTS]),
    (PORTS, &[pipelines::SS_PORTS]),
    (pipelines::SS_PORTS, &[]),
];

pub const CLOSED: [Case; 2] = [
    (TIMEWAIT, &[pipelines::SS_TIMEWAIT]),
    (pipelines::SS_TIMEWAIT, &[]),
];

/// lsof is measured once, as it needs minutes.
pub const DESCRIPTORS: [Case; 2] = [
    (FDS, &[pipelines::LOOP, pipelines::LSOF]),
    (pipelines::LOOP, &[]),
];

pub const SOCKETS_JSON: &str = "sockdiag sockets tcp --no-owners -o json";
pub const SOCKETS_CSV: &str = "sockdiag sockets tcp --no-owners -o csv";
pub const SOCKETS_TABLE: &str = "sockdiag sockets tcp --no-owners";
pub const SOCKETS_OF_PORT: &str = "sockdiag sockets tcp --no-owners sport = :7000";
pub const SOCKETS_OWNERS: &str = "sockdiag sockets tcp --owners all -o json";
pub const STATES: &str = "sockdiag states";
pub const STATES_OF_PROCESSES: &str = "sockdiag states --by process --owners all";
/// Two readings, and the interval between.
pub const LEAKS: &str = "sockdiag leaks --for 1s";
/// Reads counters only.
pub const SS_SUMMARY: &str = "ss -s";
pub const SS_SOCKETS: &str = "ss -tanH";
/// Slow: measured once.
pub const SS_SOCKET_OWNERS: &str = "ss -tanpH";
pub const LSOF_TCP: &str = "lsof -nP -iTCP";
pub const SS_OF_PORT: &str = "ss -tanH sport = :7000";

/// What is written is thrown away.
pub const SOCKETS: [Case; 11] = [
    (SOCKETS_OF_PORT, &[SS_OF_PORT]),
    (SS_OF_PORT, &[]),
    (SS_SUMMARY, &[]),
    (STATES, &[SS_SOCKETS, SS_SUMMARY]),
    (STATES_OF_PROCESSES, &[SS_SOCKETS, SS_SOCKET_OWNERS]),
    (LEAKS, &[]),
    (SOCKETS_OWNERS, &[SS_SOCKETS, SS_SOCKET_OWNERS, LSOF_TCP]),
    (SOCKETS_TABLE, &[SS_SOCKETS]),
    (SOCKETS_JSON, &[SS_SOCKETS]),
    (SOCKETS_CSV, &[SS_SOCKETS]),
    (SS_SOCKETS, &[]),
];

pub const WATCH: &str = "sockdiag queues --watch=0.02 --no-owners --json --count 750";
const WATCH_NO_BPF: &str =
    "sockdiag queues --watch=0.02 --no-owners --json --count 750, without BPF";
const WATCH_NO_SYN: &str = "sockdiag queues --watch=0.02 --no-owners --no-syn --json --count 750";
/// At their default interval, for long enough that the first reading weighs little.
pub const WATCH_PORTS: &str = "sockdiag ports --watch --json --count 45";
pub const WATCH_TIMEWAIT: &str = "sockdiag timewait --watch --json --count 45";

/// After a command line: with no right to use BPF.
const WITHOUT_BPF: &str = ", without BPF";
/// What comes before such a command line.
const WITHOUT_RIGHTS: [&str; 2] = ["setpriv", "--bounding-set=-sys_admin,-bpf,-perfmon"];

/// A command line as it stands in the table, made runnable.
pub fn command(name: &str) -> anyhow::Result<Command> {
    if name == RAW {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(RAW_DUMP);
        return Ok(command);
    }
    if name == EVERYTHING {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SNAPSHOT);
        return Ok(command);
    }
    for (own, source) in [(OWNERS_BY_BPF, "bpf"), (OWNERS_BY_PROC, "proc")] {
        if name == own {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([bench::OWNERS, source]);
            return Ok(command);
        }
    }
    if let Some(command) = pipelines::command(name)? {
        return Ok(command);
    }
    let (line, is_plain) = match name.strip_suffix(WITHOUT_BPF) {
        Some(line) => (line, true),
        None => (name, false),
    };
    let words = line.split_whitespace().map(|word| match word {
        "sockdiag" => env!("CARGO_BIN_EXE_sockdiag"),
        other => other,
    });
    let mut words = WITHOUT_RIGHTS.into_iter().filter(|_| is_plain).chain(words);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    if name == NSTAT {
        // It would write over the user's.
        let history = format!("sockdiag-bench-{}.nstat", std::process::id());
        command.env("NSTAT_HISTORY", std::env::temp_dir().join(history));
    }
    Ok(command)
}

/// A run that goes on for seconds: what counts is its share of a core.
pub struct Watch {
    pub name: &'static str,
    pub outcome: Result<Cost, String>,
}

impl Watch {
    pub fn failure(&self) -> Option<&str> {
        self.outcome.as_ref().err().map(String::as_str)
    }

    pub fn core_share(&self) -> Option<f64> {
        let cost = self.outcome.as_ref().ok()?;
        Some(cost.cpu.as_secs_f64() / cost.wall.as_secs_f64())
    }
}

/// Measured once: a run is many readings already.
pub fn watch() -> [Watch; 5] {
    eprintln!("watching");
    [
        WATCH,
        WATCH_NO_BPF,
        WATCH_NO_SYN,
        WATCH_PORTS,
        WATCH_TIMEWAIT,
    ]
    .map(|name| {
        let outcome = watch_once(name).map_err(|error| format!("{error:#}"));
        Watch { name, outcome }
    })
}

fn watch_once(name: &str) -> anyhow::Result<Cost> {
    let (cost, lines) = measure::run_into(&mut command(name)?, measure::count_lines)?;
    let line = name.strip_suffix(WITHOUT_BPF).unwrap_or(name);
    let readings = line.rsplit(' ').next().and_then(|count| count.parse().ok());
    ensure!(
        readings == Some(lines),
        "{lines} lines instead of {readings:?}"
    );
    Ok(cost)
}

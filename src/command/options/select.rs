//! Flags that restrict what is shown, and where it is read.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, ValueHint};
use sockdiag::{
    analysis::finding::in_shell,
    collect::{Namespaces, OwnerNeeds},
    model::{Families, Family, Owner, is_process, is_unit},
    source::{Kernel, return_to_real_user},
};

use super::{Choices, one_of};

// Sockets of which IP version.
#[derive(Debug, Args)]
pub struct FamilyArgs {
    /// Show IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Show IPv6 only (a dual-stack listener counts as IPv6)
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl FamilyArgs {
    pub fn only(&self) -> Option<Family> {
        match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }

    pub fn families(&self) -> Families {
        Families {
            v4: !self.ipv6,
            v6: !self.ipv4,
        }
    }
}

// Whose sockets or descriptors.
#[derive(Debug, Args)]
pub struct OwnedByArgs {
    /// Restrict to processes, by name, id or pattern (`work*`)
    #[arg(long, value_name = "NAME|PID", value_hint = ValueHint::Other)]
    pub process: Option<String>,
    /// Restrict to a systemd unit, container or pod, by name, id or pattern
    #[arg(long, value_name = "UNIT", value_hint = ValueHint::Other)]
    pub unit: Option<String>,
    /// Restrict to a user, by name or id
    #[arg(long, value_name = "NAME|UID", value_hint = ValueHint::Username)]
    user: Option<String>,
}

impl OwnedByArgs {
    pub fn uid(&self) -> anyhow::Result<Option<u32>> {
        let id = |name: &String| {
            let by_name = || uzers::get_user_by_name(name).map(|user| user.uid());
            let id = name.parse().ok().or_else(by_name);
            id.with_context(|| format!("--user {name}: no such user"))
        };
        self.user.as_ref().map(id).transpose()
    }

    /// Whether `--process` and `--unit` mean the owners of a socket.
    pub fn holds(&self, owners: &[Owner], unit: Option<&str>) -> bool {
        let is_process = self.process.as_ref().is_none_or(|wanted| {
            let mut owners = owners.iter();
            owners.any(|owner| is_process(owner.pid, &owner.name, wanted))
        });
        let is_unit = self
            .unit
            .as_ref()
            .is_none_or(|wanted| unit.is_some_and(|unit| is_unit(unit, wanted)));
        is_process && is_unit
    }

    /// Fails when `--process` or `--unit` matches no visible process at the start.
    pub fn check(&self, kernel: &Kernel) -> anyhow::Result<()> {
        self.check_process(kernel)?;
        match &self.unit {
            Some(wanted) => has_unit(wanted, &kernel.units()?),
            None => Ok(()),
        }
    }

    pub fn check_process(&self, kernel: &Kernel) -> anyhow::Result<()> {
        match &self.process {
            Some(wanted) => has_process(wanted, kernel),
            None => Ok(()),
        }
    }
}

/// Fails when no visible process is meant.
pub fn has_process(wanted: &str, kernel: &Kernel) -> anyhow::Result<()> {
    let there = kernel.processes()?;
    let mut processes = there.iter();
    if processes.any(|(pid, name)| is_process(*pid, name, wanted)) {
        return Ok(());
    }
    let names = there.iter().map(|(_, name)| name.as_str());
    let hint = pattern(wanted, "process", names);
    anyhow::bail!("--process {wanted}: no such process{hint}")
}

/// Fails when none of the units is meant.
pub fn has_unit(wanted: &str, units: &BTreeSet<String>) -> anyhow::Result<()> {
    let hint = || pattern(wanted, "unit", units.iter().map(String::as_str));
    anyhow::ensure!(
        units.iter().any(|unit| is_unit(unit, wanted)),
        "--unit {wanted}: no such unit{}",
        hint()
    );
    Ok(())
}

/// Names that only contain the text are found by a pattern.
fn pattern<'a>(wanted: &str, flag: &str, names: impl Iterator<Item = &'a str>) -> String {
    const LISTED: usize = 3;
    let wanted = wanted.trim_matches('*');
    let found: BTreeSet<&str> = names.filter(|name| name.contains(wanted)).collect();
    let listed: Vec<&str> = found.iter().copied().take(LISTED).collect();
    match found.len() {
        0 => String::new(),
        count => {
            let more = if count > LISTED { ", …" } else { "" };
            let listed = listed.join(", ");
            let pattern = in_shell(&format!("*{wanted}*"));
            format!("; --{flag} {pattern} matches {listed}{more}")
        }
    }
}

// Names instead of numbers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct NameArgs {
    /// Resolve addresses, ports and user ids to names
    #[arg(short, long, conflicts_with = "numeric")]
    pub resolve: bool,
}

const PROC: &str = "/proc";

// Which part of which host is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub struct PlaceArgs {
    /// Inspect another network namespace: a name known to `ip netns`, a path, a process id, the
    /// namespace's inode number, or `all`
    #[arg(long, value_name = "NAME|PATH|PID|all")]
    pub netns: Option<String>,
    /// Read this directory instead of /proc
    #[arg(
        long,
        value_name = "DIR",
        default_value = PROC,
        hide_default_value = true
    )]
    pub proc_root: PathBuf,
}

impl PlaceArgs {
    /// What stands in a captured tree anybody may have put there, also links to files that only
    /// the owner of a setuid copy may read.
    pub fn kernel(&self) -> anyhow::Result<Kernel> {
        if self.proc_root != Path::new(PROC) {
            return_to_real_user()?;
        }
        Ok(Kernel::with_proc_root(&self.proc_root)?)
    }

    /// `--netns all`
    pub fn is_all(&self) -> bool {
        self.netns.as_deref() == Some("all")
    }

    /// Every namespace unless `--netns` names others.
    pub fn namespaces_or_all(&self, kernel: &Kernel) -> anyhow::Result<Namespaces> {
        let name = self.netns.as_deref().unwrap_or("all");
        Ok(Namespaces::named(name, kernel)?)
    }

    /// The program's own namespace unless `--netns` names others.
    pub fn namespaces(&self, kernel: &Kernel) -> anyhow::Result<Namespaces> {
        Ok(match self.netns.as_deref() {
            None => Namespaces::own(kernel),
            Some(name) => Namespaces::named(name, kernel)?,
        })
    }
}

// Whether and how far to search for owners.
#[derive(Debug, Args)]
pub struct OwnerArgs {
    /// How far to search for the processes that own a socket
    #[arg(long, value_name = "HOW", default_value = "auto", value_parser = one_of(OWNERS))]
    owners: OwnerNeeds,
    /// Do not search for owners (= --owners none)
    #[arg(long, conflicts_with = "owners")]
    no_owners: bool,
}

const OWNERS: Choices<OwnerNeeds> = &[
    (
        "auto",
        OwnerNeeds::Auto,
        "Search low descriptors of every process, then the others for a limited time",
    ),
    (
        "all",
        OwnerNeeds::All,
        "Search every descriptor of every process",
    ),
    ("none", OwnerNeeds::None, "Do not search"),
];

impl OwnerArgs {
    pub fn needs(&self) -> OwnerNeeds {
        match self.no_owners {
            true => OwnerNeeds::None,
            false => self.owners,
        }
    }
}

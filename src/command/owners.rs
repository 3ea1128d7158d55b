//! The search for the processes that hold sockets: how far it goes, and when it is repeated.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use sockdiag::{
    model::Owners,
    source::{Kernel, OwnerSearch, Wanted},
};

use super::pace::Pace;

/// How long a reading with the search for owners may take, beyond the low descriptors…
const BUDGET: Duration = Duration::from_millis(250);
/// … and how much of it is for the search at least.
const BUDGET_LEAST: Duration = Duration::from_millis(50);

// Whether and how far to look for owners.
#[derive(Debug, Args)]
pub struct OwnerArgs {
    /// How far to look for the processes that hold a socket
    #[arg(long, value_enum, value_name = "HOW", default_value = "auto")]
    owners: OwnersArg,
    /// Do not look for processes (= --owners none)
    #[arg(long, conflicts_with = "owners")]
    no_owners: bool,
}

/// `--owners`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OwnersArg {
    /// Low descriptors of every process, and of the rest what 250 ms allow
    Auto,
    /// Every descriptor of every process
    All,
    /// Not at all
    None,
}

impl OwnerArgs {
    /// What was chosen.
    pub fn choice(&self) -> OwnersArg {
        if self.no_owners {
            OwnersArg::None
        } else {
            self.owners
        }
    }
}

/// Searches, and remembers what was found.
pub struct OwnerHunt {
    choice: OwnersArg,
    found: Option<Owners>,
    inodes: HashSet<u32>,
    pace: Pace,
}

impl OwnerHunt {
    /// Nothing is known yet.
    pub fn new(choice: OwnersArg) -> Self {
        OwnerHunt {
            choice,
            found: None,
            inodes: HashSet::new(),
            pace: Pace::one_in(20),
        }
    }

    /// The holders of these sockets. Searches anew when a socket is new, or when the last search is
    /// old enough for its cost; `spent` is what this reading has taken already.
    pub fn find(&mut self, kernel: &Kernel, wanted: Wanted, spent: Duration) -> Option<Owners> {
        let search = match self.choice {
            OwnersArg::None => return None,
            OwnersArg::All => OwnerSearch::All,
            OwnersArg::Auto => OwnerSearch::Within(BUDGET.saturating_sub(spent).max(BUDGET_LEAST)),
        };
        let known = wanted.inodes.is_subset(&self.inodes);
        if !known || self.pace.is_due() {
            let began = Instant::now();
            self.found = Some(kernel.owners(&wanted, search));
            self.inodes = wanted.inodes;
            self.pace.spent(began.elapsed());
        }
        self.found.clone()
    }
}

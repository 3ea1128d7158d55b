//! Where a process has its limits from, as far as that can be shown: a line is named only when the
//! process has just what stands there.

mod change;
mod search;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Relative, Setting};
use change::change;
use search::{Search, Which};

/// Where both limits of a process come from, and where to change them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Why {
    /// The soft limit.
    pub soft: Origin,
    /// The hard limit.
    pub hard: Origin,
    /// A line for the process's unit that systemd does not understand, and so ignores.
    pub ignored: Option<Setting>,
    /// What to change so that the soft limit is another.
    pub change: String,
}

/// Where one limit comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// What set it.
    pub set_by: SetBy,
    /// The line that sets it; where it was changed after the start, the line that says otherwise.
    pub setting: Option<Setting>,
    /// The unit that the line, or systemd's own default, is for.
    pub unit: Option<String>,
    /// The first of the process's ancestors that had this limit already, or the process itself.
    pub process: Holder,
    /// The unit belongs to a user's own manager.
    #[serde(skip)]
    pub of_user: bool,
}

/// A process, by id and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Its name for itself.
    pub name: String,
}

/// What sets limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// LimitNOFILE= in a unit file or a drop-in.
    UnitFile,
    /// DefaultLimitNOFILE= in system.conf or user.conf.
    ManagerDefault,
    /// systemd's own default, as no file says anything.
    SystemdBuiltin,
    /// pam_limits, at a login.
    LimitsConf,
    /// The kernel's default for its first process.
    KernelDefault,
    /// Not what the unit says, or not what the parent has: the process, what started it, or
    /// prlimit(1) set it, or the file was written after the start.
    ChangedAfterStart,
    /// It cannot be shown.
    Unknown,
}

/// Explains the limits of the first of `chain`, whose next is its parent, and so on. `None` when
/// its limits are not known.
pub fn why(chain: &[Relative], nr_open: Option<u64>) -> Option<Why> {
    let first = chain.first()?;
    let limits = first.limits?;
    let soft = Search::new(chain, Which::Soft, limits, nr_open).origin();
    let hard = Search::new(chain, Which::Hard, limits, nr_open).origin();
    let change = change(&soft, first);
    Some(Why {
        soft,
        hard,
        ignored: first.configured.ignored.clone(),
        change,
    })
}

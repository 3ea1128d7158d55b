//! Where a process's limits come from, as far as that can be shown: a line is named only when the
//! process has exactly the limit that stands there.

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
    /// A line for the process's unit that systemd does not understand and ignores.
    pub ignored: Option<Setting>,
    /// What to edit or run to change the soft limit.
    pub change: String,
}

/// Where one limit comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// What set it.
    pub set_by: SetBy,
    /// The line that sets it or, where it was changed after the start, the line that differs.
    pub setting: Option<Setting>,
    /// The unit that the line, or systemd's built-in default, applies to.
    pub unit: Option<String>,
    /// The earliest ancestor that already had this limit, or the process itself.
    pub process: Holder,
    /// The unit belongs to a user's own manager.
    #[serde(skip)]
    pub of_user: bool,
}

/// A process that has a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Its name (`/proc/PID/comm`).
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
    /// systemd's built-in default, as no file sets it.
    SystemdBuiltin,
    /// pam_limits, at a login.
    LimitsConf,
    /// The kernel's default for its first process.
    KernelDefault,
    /// It differs from the unit's setting or from the parent's limit: set by the process, by what
    /// started it or by prlimit(1), or the file was written after the start.
    ChangedAfterStart,
    /// It cannot be found out.
    Unknown,
}

/// `chain`: the process, its parent, and so on. `None` when the process's limits are not known.
pub fn why(chain: &[Relative], nr_open: Option<u64>) -> Option<Why> {
    let first = chain.first()?;
    let limits = first.limits?;
    let [soft, hard] = [Which::Soft, Which::Hard].map(|which| {
        let limit = which.of(limits);
        let search = Search {
            chain,
            which,
            limit,
            nr_open,
        };
        search.origin()
    });
    Some(Why {
        change: change(&soft, first),
        soft,
        hard,
        ignored: first.configured.ignored.clone(),
    })
}

//! What files of the system say of descriptor limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FdLimits;

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct Setting {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What stands there: `LimitNOFILE=1024:4096`, `* soft nofile 1024`.
    pub text: String,
}

/// What a process's limits should be by the files as they are now; it may have started before they
/// were written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredLimits {
    /// What systemd starts its unit with; `None` when it is in none that systemd gives limits.
    pub unit: Option<UnitLimits>,
    /// The last line for that unit, where systemd does not understand it and so ignores it.
    pub ignored: Option<Setting>,
    /// What pam_limits gives the soft limit of its user at a login.
    pub login_soft: Option<(u64, Setting)>,
    /// The same for the hard limit.
    pub login_hard: Option<(u64, Setting)>,
    /// The name of its user.
    pub user: Option<String>,
    /// A file that may say something else could not be read.
    pub unreadable: bool,
}

/// What systemd starts a unit with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitLimits {
    pub name: String,
    /// It belongs to a user's own manager (`systemctl --user`).
    pub of_user: bool,
    pub limits: FdLimits,
    /// Where they stand: LimitNOFILE= of a unit file or a drop-in, or DefaultLimitNOFILE= of
    /// system.conf. `None` when they are those built into systemd.
    pub setting: Option<Setting>,
    /// It is DefaultLimitNOFILE=.
    pub is_default: bool,
    /// Its processes are started as at a login (PAMName=), so that pam_limits may set others.
    pub is_login: bool,
}

/// The audit session of a process, which a login begins (pam_loginuid) and those that it starts
/// share: `/proc/PID/sessionid` (kernel/audit.c, `audit_set_loginuid`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Login {
    /// It could not be read; a kernel without audit does not tell.
    #[default]
    Unknown,
    /// Nobody logged in.
    None,
    /// That of this number.
    Session(u32),
}

/// A process on the way from one to the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relative {
    pub pid: u32,
    /// Its name for itself.
    pub name: String,
    /// The parent's process id; 0 when there is none.
    pub parent: u32,
    pub limits: Option<FdLimits>,
    /// Effective user id.
    pub uid: Option<u32>,
    pub cgroup: Option<String>,
    pub login: Login,
    pub configured: ConfiguredLimits,
}

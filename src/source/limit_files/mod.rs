//! Files that set descriptor limits: systemd's unit files and the files of pam_limits.
//!
//! Users may write some of them, so sizes and numbers of files are bounded.

mod pam;
mod search;
mod unit_file;
mod users;

use std::{collections::HashMap, path::Path};

use super::{Kernel, files::Files};
use crate::model::{ConfiguredLimits, FdLimits, Setting, UnitLimits};
use search::Manager;
use users::User;

/// What systemd has built in since version 240 (man systemd-system.conf).
const BUILT_IN: FdLimits = FdLimits {
    soft: 1024,
    hard: 524_288,
};

/// A unit, the user whose manager runs it, and the user it runs as.
type Asked = (Option<String>, Option<u32>, Option<u32>);

/// Finds configured limits. Answers are cached, as many processes share a unit and user.
pub struct LimitFiles {
    files: Files,
    answered: HashMap<Asked, ConfiguredLimits>,
}

impl LimitFiles {
    /// Reads below this folder, `/` or a copy of it.
    pub fn new(root: impl AsRef<Path>) -> Self {
        LimitFiles {
            files: Files::new(root.as_ref()),
            answered: HashMap::new(),
        }
    }

    /// Reads below the root of the first process.
    pub fn of(kernel: &Kernel) -> Self {
        Self::new(kernel.root())
    }

    /// The configured limits of a process in this unit and cgroup that runs as this user.
    pub fn configured(
        &mut self,
        unit: Option<&str>,
        cgroup: Option<&str>,
        uid: Option<u32>,
    ) -> ConfiguredLimits {
        let around = unit
            .zip(cgroup)
            .and_then(|(unit, cgroup)| own_unit(unit, cgroup));
        let unit = around.as_deref().or(unit);
        let manager = unit
            .zip(cgroup)
            .and_then(|(unit, cgroup)| manager(unit, cgroup));
        let asked = (unit.map(str::to_owned), manager, uid);
        if let Some(known) = self.answered.get(&asked) {
            return known.clone();
        }
        self.files.begin();
        let user = uid.and_then(|uid| User::find(&self.files, uid));
        let login = user.as_ref().map(|user| pam::limits(&self.files, user));
        let (login_soft, login_hard) = login.unwrap_or_default();
        let (unit, ignored) = unit
            .map(|unit| self.unit(unit, manager))
            .unwrap_or_default();
        let answer = ConfiguredLimits {
            unit,
            ignored,
            login_soft,
            login_hard,
            user: user.map(|user| user.name),
            unreadable: self.files.were_refused(),
        };
        self.answered.insert(asked, answer.clone());
        answer
    }

    /// The limits a unit starts with, and a line that is ignored.
    ///
    /// Scopes (sessions) are not started by systemd and get no limits from it. A user's own units
    /// inherit the limits of the user's manager unless a file sets them.
    fn unit(&self, name: &str, manager: Option<u32>) -> (Option<UnitLimits>, Option<Setting>) {
        let Some(section) = section(name) else {
            return (None, None);
        };
        let of_user = manager.is_some();
        let manager = match manager {
            None => Manager::System,
            Some(uid) => Manager::User(User::find(&self.files, uid), uid),
        };
        let paths = manager.unit_files(&self.files, name);
        let own = unit_file::limits(&self.files, &paths, section, "LimitNOFILE");
        let is_default = own.last.is_none();
        let default = is_default.then(|| {
            let paths = manager.configuration(&self.files);
            unit_file::limits(&self.files, &paths, "Manager", "DefaultLimitNOFILE")
        });
        let default = default.unwrap_or_default();
        let ignored = own.ignored.or(default.ignored);
        let (limits, setting) = match own.last.or(default.last) {
            Some((limits, setting)) => (limits, Some(setting)),
            None if of_user => return (None, ignored),
            None => (BUILT_IN, None),
        };
        let unit = UnitLimits {
            name: name.to_owned(),
            of_user,
            limits,
            setting,
            is_default,
            is_login: unit_file::is_set(&self.files, &paths, section, "PAMName"),
        };
        (Some(unit), ignored)
    }
}

fn section(unit: &str) -> Option<&'static str> {
    let (_, kind) = unit.rsplit_once('.')?;
    match kind {
        "service" => Some("Service"),
        "socket" => Some("Socket"),
        "mount" => Some("Mount"),
        "swap" => Some("Swap"),
        _ => None,
    }
}

/// A user's manager runs in `init.scope`, and has the limits of the service around it.
fn own_unit(unit: &str, cgroup: &str) -> Option<String> {
    let around = cgroup
        .strip_suffix("/init.scope")
        .filter(|_| unit == "init.scope")?;
    let (_, service) = around.rsplit_once('/')?;
    service.starts_with("user@").then(|| service.to_owned())
}

/// The user whose own manager (`user@1000.service`) runs the unit.
fn manager(unit: &str, cgroup: &str) -> Option<u32> {
    let mut above = cgroup.split('/').take_while(|part| *part != unit);
    above.find_map(|part| {
        let uid = part.strip_prefix("user@")?.strip_suffix(".service")?;
        uid.parse().ok()
    })
}

#[cfg(test)]
mod tests;

//! Files that set descriptor limits: systemd's unit files and those of pam_limits.
//!
//! People, packages and users write them, so none is read beyond a size that none needs.

mod files;
mod pam;
mod search;
mod unit_file;
mod users;

use std::{collections::HashMap, path::Path};

use super::Kernel;
use crate::model::{ConfiguredLimits, FdLimits, Setting, UnitLimits};
use files::Files;
use search::Manager;
use unit_file::Said;
use users::User;

/// What systemd has built in since version 240 (man systemd-system.conf).
const BUILT_IN: FdLimits = FdLimits {
    soft: 1024,
    hard: 524_288,
};

/// A unit and the user it runs as.
type Asked = (Option<String>, Option<u32>, Option<u32>);

/// Looks up limits in files. Each question is answered once, as many processes share it.
pub struct LimitFiles {
    files: Files,
    answered: HashMap<Asked, ConfiguredLimits>,
}

impl LimitFiles {
    /// Looks below this folder, `/` or a copy of it.
    pub fn new(root: impl AsRef<Path>) -> Self {
        LimitFiles {
            files: Files::new(root.as_ref()),
            answered: HashMap::new(),
        }
    }

    /// Looks where the first process of a procfs looks: that of another host or container, or a
    /// captured one, belongs to other files than ours.
    pub fn of(kernel: &Kernel) -> Self {
        match kernel.proc_root() {
            root if root == Path::new("/proc") => Self::new("/"),
            root => Self::new(root.join("1/root")),
        }
    }

    /// What they say of a process in this unit and cgroup that runs as this user.
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
        let (soft, hard) = match &user {
            Some(user) => pam::limits(&self.files, user),
            None => (None, None),
        };
        let (unit, ignored) = match unit {
            Some(unit) => self.unit(unit, manager),
            None => (None, None),
        };
        let answer = ConfiguredLimits {
            unit,
            ignored,
            login_soft: soft,
            login_hard: hard,
            user: user.map(|user| user.name),
            unreadable: self.files.were_refused(),
        };
        self.answered.insert(asked, answer.clone());
        answer
    }

    /// What a unit starts with, and the line that is ignored for it.
    ///
    /// Scopes (sessions) are not started by systemd and get no limits from it. Nor do a user's own
    /// units unless a file says so: they have those of that user's manager.
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
        let default = match is_default {
            true => self.default(&manager),
            false => Said::default(),
        };
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

    fn default(&self, manager: &Manager) -> Said {
        let files = manager.configuration(&self.files);
        unit_file::limits(&self.files, &files, "Manager", "DefaultLimitNOFILE")
    }
}

/// Where limits stand in the unit's file.
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

/// A user's manager lives in a scope of its own, and has the limits of the service around it.
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

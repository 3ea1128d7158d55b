//! The search for the origin of a limit, from a process to its ancestors.

use super::{Holder, Origin, SetBy};
use crate::model::{ConfiguredLimits, FdLimits, Login, Relative, Setting, UnitLimits, unit_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Soft,
    Hard,
}

impl Which {
    pub fn of(self, limits: FdLimits) -> u64 {
        match self {
            Which::Soft => limits.soft,
            Which::Hard => limits.hard,
        }
    }
}

/// Follows the ancestors that have the same limit.
pub struct Search<'a> {
    pub chain: &'a [Relative],
    pub which: Which,
    pub limit: u64,
    pub nr_open: Option<u64>,
}

impl Search<'_> {
    /// Ends at the first process whose limit a file sets, or that did not inherit it.
    pub fn origin(&self) -> Origin {
        let here = |at| self.configured(at).or_else(|| self.otherwise(at));
        let found = (0..self.chain.len()).find_map(here);
        found.unwrap_or_else(|| Origin::new(SetBy::Unknown, &self.chain[0], None))
    }

    fn configured(&self, at: usize) -> Option<Origin> {
        let relative = &self.chain[at];
        let unit = relative.configured.unit.as_ref();
        if let Some(unit) = unit.filter(|unit| self.says(self.which.of(unit.limits))) {
            return Some(of_unit(unit, relative));
        }
        let setting = self.line_of_login(at)?;
        self.may_be_by_login(at)
            .then(|| Origin::new(SetBy::LimitsConf, relative, Some(setting.clone())))
    }

    /// The line by which pam_limits would give this limit. A soft limit above the hard one is cut to
    /// it, also where a line sets only one of them and the other is inherited.
    fn line_of_login(&self, at: usize) -> Option<&Setting> {
        let ConfiguredLimits {
            login_soft,
            login_hard,
            ..
        } = &self.chain[at].configured;
        let inherited = || self.inherited(at);
        let line = match (self.which, login_soft, login_hard) {
            (Which::Soft, None, Some(hard)) => {
                Some(hard).filter(|(hard, _)| inherited().is_some_and(|had| had.soft > *hard))
            }
            (Which::Soft, soft, _) => soft.as_ref(),
            (Which::Hard, _, hard) => hard.as_ref(),
        };
        let (value, setting) = line?;
        let is_soft_alone = self.which == Which::Soft && login_hard.is_none();
        let is_cut = is_soft_alone
            && *value > self.limit
            && inherited().is_some_and(|had| had.hard == self.limit);
        (self.says(*value) || is_cut).then_some(setting)
    }

    /// What the process that logged in had before pam_limits changed it.
    fn inherited(&self, at: usize) -> Option<FdLimits> {
        let unit = self.chain[at].configured.unit.as_ref();
        let unit = unit.filter(|unit| unit.is_login && self.is_first_in_cgroup(at));
        let before = || self.chain.get(self.logged_in(at)? + 1)?.limits;
        unit.map(|unit| unit.limits).or_else(before)
    }

    /// No file sets it. `None` when the parent may show the origin.
    fn otherwise(&self, at: usize) -> Option<Origin> {
        let relative = &self.chain[at];
        let plain = |set_by| Some(Origin::new(set_by, relative, None));
        let is_kernels = self.limit == self.which.of(FdLimits::OF_KERNEL);
        if relative.configured.unreadable {
            return plain(SetBy::Unknown);
        }
        match (&relative.configured.unit, self.chain.get(at + 1)) {
            (Some(unit), _) if self.may_have_started(unit, relative) => {
                let origin = of_unit(unit, self.first_in_cgroup(at));
                let set_by = SetBy::ChangedAfterStart;
                Some(Origin { set_by, ..origin })
            }
            (None, Some(_)) if self.is_parents(at) => None,
            (None, Some(parent)) if parent.limits.is_some() => plain(SetBy::ChangedAfterStart),
            (Some(_), _) | (None, None) if is_kernels => plain(SetBy::KernelDefault),
            _ => plain(SetBy::Unknown),
        }
    }

    /// systemd starts services without a login unless they ask for one; what they start may log in
    /// (cron). Containers have their own files.
    fn may_be_by_login(&self, at: usize) -> bool {
        let relative = &self.chain[at];
        match &relative.configured.unit {
            Some(unit) if self.is_first_in_cgroup(at) => unit.is_login,
            Some(_) => self.is_by_login(at),
            None if is_in_container(relative) => false,
            None => is_session(relative) || self.is_by_login(at),
        }
    }

    /// The process that logged in has the limit, and its parent has another one: a limit that the
    /// parent has, too, need not come from the login. Where the kernel does not report who logged
    /// in, it may be the process itself.
    fn is_by_login(&self, at: usize) -> bool {
        let first = self.logged_in(at);
        first.is_some_and(|first| self.is_limit_of(first) && !self.is_parents(first))
    }

    fn logged_in(&self, at: usize) -> Option<usize> {
        let login = self.chain[at].login;
        let is_first = |index: &usize| self.chain[index + 1].login != login;
        match login {
            Login::Unknown => Some(at),
            Login::None => None,
            Login::Session(_) => (at..self.chain.len() - 1).find(is_first),
        }
    }

    fn is_first_in_cgroup(&self, at: usize) -> bool {
        let parent = self.chain.get(at + 1);
        parent.is_none_or(|parent| parent.cgroup != self.chain[at].cgroup)
    }

    /// A setting above nr_open is cut to it.
    fn says(&self, configured: u64) -> bool {
        let cut = self.nr_open == Some(self.limit) && configured > self.limit;
        configured == self.limit || cut
    }

    fn is_parents(&self, at: usize) -> bool {
        self.is_limit_of(at + 1)
    }

    fn is_limit_of(&self, at: usize) -> bool {
        let limits = self.chain.get(at).and_then(|relative| relative.limits);
        limits.is_some_and(|limits| self.which.of(limits) == self.limit)
    }

    /// systemd's built-in default was another before version 240, so it counts only where the hard
    /// limit agrees; a program raises its soft limit rather than lower its hard one.
    fn may_have_started(&self, unit: &UnitLimits, relative: &Relative) -> bool {
        let hard = relative.limits.map(|limits| limits.hard);
        unit.setting.is_some() || hard == Some(unit.limits.hard)
    }

    /// The farthest ancestor of the same cgroup that has the limit.
    fn first_in_cgroup(&self, at: usize) -> &Relative {
        let of_cgroup = |index: &usize| self.chain[*index].cgroup == self.chain[at].cgroup;
        let mut last = at;
        while self.is_parents(last) && of_cgroup(&(last + 1)) {
            last += 1;
        }
        &self.chain[last]
    }
}

/// Its cgroup belongs to a container (`docker:0123456789ab`), not to a unit.
pub fn is_in_container(relative: &Relative) -> bool {
    let unit = relative.cgroup.as_deref().and_then(unit_of);
    unit.is_some_and(|unit| unit.contains(':') && !unit.ends_with(".scope"))
        && relative.configured.unit.is_none()
}

fn is_session(relative: &Relative) -> bool {
    let unit = relative.cgroup.as_deref().and_then(unit_of);
    unit.is_some_and(|unit| unit.starts_with("session-") && unit.ends_with(".scope"))
}

fn of_unit(unit: &UnitLimits, relative: &Relative) -> Origin {
    let set_by = match (unit.is_default, &unit.setting) {
        (_, None) => SetBy::SystemdBuiltin,
        (true, Some(_)) => SetBy::ManagerDefault,
        (false, Some(_)) => SetBy::UnitFile,
    };
    Origin {
        unit: Some(unit.name.clone()),
        of_user: unit.of_user,
        ..Origin::new(set_by, relative, unit.setting.clone())
    }
}

impl Origin {
    fn new(set_by: SetBy, relative: &Relative, setting: Option<Setting>) -> Self {
        Origin {
            set_by,
            setting,
            unit: None,
            process: Holder {
                pid: relative.pid,
                name: relative.name.clone(),
            },
            of_user: false,
        }
    }
}

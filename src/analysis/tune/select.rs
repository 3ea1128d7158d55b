//! Which settings are reported.

use super::table::{Group, RLIMIT_NOFILE, SETTINGS, Setting};
use crate::model::{canonical_key, glob};

/// Names of settings, groups and patterns. The default selects all settings.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    keys: Option<Vec<&'static str>>,
    pub(super) only_notable: bool,
}

/// A name that stands for no setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub String);

impl Selection {
    /// By full names (`net.core.somaxconn`, `net/core/somaxconn`), the last part of one
    /// (`somaxconn`), groups (`timewait`) or patterns (`tcp_keepalive_*`).
    pub fn named(names: &[String]) -> Result<Self, Unknown> {
        if names.is_empty() {
            return Ok(Selection::default());
        }
        let mut keys: Vec<&'static str> = Vec::new();
        for name in names {
            let found = find(name);
            if found.is_empty() {
                return Err(Unknown(name.clone()));
            }
            keys.extend(found);
        }
        Ok(Selection {
            keys: Some(keys),
            only_notable: false,
        })
    }

    /// Leaves out what is ok and at its default, and counts it.
    pub fn only_notable(self, only_notable: bool) -> Self {
        Selection {
            only_notable,
            ..self
        }
    }

    pub fn is_named(&self) -> bool {
        self.keys.is_some()
    }

    pub fn has(&self, key: &str) -> bool {
        let keys = self.keys.as_ref();
        keys.is_none_or(|keys| keys.contains(&key))
    }

    /// Whether a setting of this group is selected.
    pub fn has_group(&self, groups: &[Group]) -> bool {
        let of_group = |setting: &&Setting| groups.contains(&setting.group);
        let mut of_group = SETTINGS.iter().filter(of_group);
        of_group.any(|setting| self.has(setting.key))
            || (groups.contains(&Group::Files) && self.has(RLIMIT_NOFILE))
    }
}

/// Every name that is understood.
pub fn names() -> impl Iterator<Item = &'static str> {
    let keys = SETTINGS.iter().map(|setting| setting.key);
    let groups = Group::ALL.iter().map(|group| group.word());
    keys.chain([RLIMIT_NOFILE]).chain(groups)
}

fn find(name: &str) -> Vec<&'static str> {
    let lower = name.to_ascii_lowercase();
    let path = name.strip_prefix("/proc/sys/").unwrap_or(name);
    let key = canonical_key(path);
    let fits = |setting: &Setting| {
        let last = setting.key.rsplit('.').next().unwrap_or(setting.key);
        let is = |text: &str| glob::matches(key.as_bytes(), text.as_bytes());
        is(setting.key) || is(last) || setting.group.word() == lower
    };
    let found = SETTINGS.iter().filter(|setting| fits(setting));
    let limit = ["rlimit_nofile", "nofile", "limitnofile", "fs"].contains(&lower.as_str());
    let limit = limit.then_some(RLIMIT_NOFILE);
    found.map(|setting| setting.key).chain(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Result<Vec<&'static str>, Unknown> {
        let selection = Selection::named(&[name.to_owned()])?;
        Ok(names().filter(|key| selection.has(key)).collect())
    }

    #[test]
    fn settings_have_several_names() {
        let somaxconn = Ok(vec!["net.core.somaxconn"]);
        for name in [
            "somaxconn",
            "net.core.somaxconn",
            "net/core/somaxconn",
            "/proc/sys/net/core/somaxconn",
        ] {
            assert_eq!(found(name), somaxconn, "{name}");
        }
        assert_eq!(found("tcp_keepalive_*").map(|keys| keys.len()), Ok(3));
        assert_eq!(found("keepalive").map(|keys| keys.len()), Ok(3));
        assert_eq!(
            found("fs"),
            Ok(vec!["fs.file-max", "fs.nr_open", RLIMIT_NOFILE])
        );
        assert_eq!(found("rp_filter").map(|keys| keys.len()), Ok(2));
        assert_eq!(found("somaxcon"), Err(Unknown("somaxcon".to_owned())));
        assert_eq!(found("tcp"), Err(Unknown("tcp".to_owned())));
    }

    #[test]
    fn groups_decide_what_is_read() {
        let of = |name: &str| Selection::named(&[name.to_owned()]).unwrap();
        assert!(of("tcp_fin_timeout").has_group(&[Group::TimeWait]));
        assert!(!of("tcp_fin_timeout").has_group(&[Group::Listen, Group::Files]));
        assert!(of("nofile").has_group(&[Group::Files]));
        assert!(Selection::default().has_group(&[Group::Conntrack]));
    }
}

//! Settings below /proc/sys, and what files set at boot.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings by the name that sysctl(8) prints: `net.core.somaxconn`.
pub type Sysctls = BTreeMap<String, Sysctl>;

/// What one file of /proc/sys holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sysctl {
    /// As the kernel prints it, without the end of the line.
    Value(String),
    /// This kernel does not have it, or does not show it in this namespace.
    Absent,
    /// It is there and cannot be read, for this reason.
    Unreadable(String),
}

impl Sysctl {
    pub fn value(&self) -> Option<&str> {
        match self {
            Sysctl::Value(value) => Some(value),
            Sysctl::Absent | Sysctl::Unreadable(_) => None,
        }
    }
}

/// What is read of the host for the settings, beside those of its network namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSettings {
    /// Those that are not of a network namespace (`fs.file-max`).
    pub sysctls: Sysctls,
    /// `MemTotal` of /proc/meminfo, from which the kernel's defaults follow.
    pub memory_bytes: Option<u64>,
    pub page_bytes: u64,
    /// Packets dropped since boot as a CPU's backlog was full (`/proc/net/softnet_stat`).
    pub softnet_dropped: Option<u64>,
    /// What files set at boot, where that was asked for.
    pub boot: Option<BootSettings>,
}

/// The settings that systemd-sysctl applies at boot, by the files as they are now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootSettings {
    /// The last line for each key or pattern, in the order in which they are applied.
    pub lines: Vec<BootLine>,
    /// The lines of /etc/sysctl.conf, where no link in a sysctl.d folder leads to it:
    /// `sysctl --system` applies them, systemd-sysctl does not.
    pub unlinked: Vec<BootLine>,
    /// Files and folders that could not be read.
    pub unreadable: Vec<String>,
    /// The inode of the network namespace that they are for: that of the first process. `None` where
    /// it is not visible.
    pub netns: Option<u64>,
}

/// One line of a file of sysctl.d(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootLine {
    /// The name as [`Sysctls`] has it, or a pattern (`net.ipv4.conf.*.rp_filter`).
    pub key: String,
    /// `None` for a key that patterns are not to set (`-net.ipv4.conf.eth0.rp_filter`).
    pub value: Option<String>,
    pub place: Place,
}

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
}

/// The path below /proc/sys of a key that is written with dots: dots become slashes, and slashes,
/// which stand for the dots in a name (`net.ipv4.conf.eth0/100.rp_filter`), become dots.
pub fn sysctl_path(key: &str) -> String {
    swap(key)
}

/// The key with dots of a path below /proc/sys.
pub fn sysctl_key(path: &str) -> String {
    swap(path)
}

fn swap(name: &str) -> String {
    let other = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    name.chars().map(other).collect()
}

/// A key as people write it: with dots or with slashes, as the first of them decides (sysctl.d(5)).
pub fn canonical_key(written: &str) -> String {
    let first = written.find(['.', '/']);
    let with_slashes = first.is_some_and(|at| written[at..].starts_with('/'));
    match with_slashes {
        true => {
            let parts = written.split('/').filter(|part| !part.is_empty());
            sysctl_key(&parts.collect::<Vec<_>>().join("/"))
        }
        false => written.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes_are_the_same_unless_the_name_of_an_interface_has_a_dot() {
        for (written, key, path) in [
            (
                "net.core.somaxconn",
                "net.core.somaxconn",
                "net/core/somaxconn",
            ),
            (
                "net/core/somaxconn",
                "net.core.somaxconn",
                "net/core/somaxconn",
            ),
            (
                "/net//core/somaxconn",
                "net.core.somaxconn",
                "net/core/somaxconn",
            ),
            (
                "net/ipv4/conf/eth0.100/rp_filter",
                "net.ipv4.conf.eth0/100.rp_filter",
                "net/ipv4/conf/eth0.100/rp_filter",
            ),
            (
                "net.ipv4.conf.eth0/100.rp_filter",
                "net.ipv4.conf.eth0/100.rp_filter",
                "net/ipv4/conf/eth0.100/rp_filter",
            ),
            ("somaxconn", "somaxconn", "somaxconn"),
        ] {
            assert_eq!(canonical_key(written), key, "{written}");
            assert_eq!(sysctl_path(key), path, "{written}");
            assert_eq!(sysctl_key(path), key, "{written}");
        }
    }
}

//! Who holds a socket, and in which network namespace it lives.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::glob;

/// A process that holds a descriptor of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, Deserialize)]
pub struct Owner {
    /// Process id (thread group), as seen in the /proc that was read.
    pub pid: u32,
    /// The process's own name for itself (`/proc/PID/comm`); bytes that are not UTF-8 are replaced.
    pub name: String,
    /// The descriptor's number in that process.
    pub fd: u32,
}

/// The owners of the sockets that were searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    /// By socket inode, in the order of pid and descriptor. An inode without a holder that could be
    /// seen is absent.
    pub by_inode: BTreeMap<u32, Vec<Owner>>,
    /// Cgroups of these processes by id (`/proc/PID/cgroup`), as far as they could be read.
    pub cgroups: BTreeMap<u32, String>,
    /// Every descriptor of every process was read, so the lists are complete.
    pub complete: bool,
    /// Processes whose descriptors may not be listed (needs CAP_SYS_PTRACE and
    /// CAP_DAC_READ_SEARCH, or the same user).
    pub unreadable: u64,
    /// This process has both capabilities, so it was something else that refused.
    pub may_read_all: bool,
    /// The time allowed ran out before all descriptors were read.
    pub out_of_time: bool,
    /// How they were found.
    #[serde(default)]
    pub found_by: OwnerSource,
    /// Why processes could not be listed or looked at, where nobody refused it.
    #[serde(default)]
    pub failed: Option<String>,
}

impl Owners {
    /// Processes that have a socket open, as far as they were searched for and seen.
    pub fn of(found: Option<&Owners>, inode: u32) -> &[Owner] {
        let owners = found.and_then(|found| found.by_inode.get(&inode));
        owners.map_or(&[], Vec::as_slice)
    }
}

/// Where the processes that hold sockets are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnerSource {
    /// The descriptors of each process in /proc.
    #[default]
    Proc,
    /// A BPF iterator over the descriptors of all processes.
    Bpf,
}

/// A network namespace.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema, Deserialize,
)]
pub struct Netns {
    /// Inode of the namespace file, the number in `net:[4026531840]`; `None` when /proc does not
    /// show it.
    pub inode: Option<u64>,
    /// Its name in /run/netns or a container runtime's folder, where it has one.
    pub name: Option<String>,
    /// A file through which nsenter(1) enters it, where it is not the caller's own and ip-netns(8)
    /// does not know it.
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

impl Netns {
    /// Its name, else its number; empty when neither is known.
    pub fn label(&self) -> String {
        let number = || self.inode.map(|inode| inode.to_string());
        self.name.clone().or_else(number).unwrap_or_default()
    }

    /// Its label, where a command must name it: the caller's own need not be named.
    pub fn elsewhere(&self) -> Option<String> {
        let is_named = self.name.is_some() || self.file.is_some();
        is_named.then(|| self.label())
    }
}

/// `TASK_COMM_LEN` less the final 0: the kernel keeps this much of a process's name.
const NAME_BYTES: usize = 15;

/// Whether a user means this process by its id, its name or a pattern with `*`. What the kernel cut
/// off a name is not compared.
pub fn is_process(pid: u32, name: &str, wanted: &str) -> bool {
    let kept = |text: &str| text.as_bytes()[..text.len().min(NAME_BYTES)].to_vec();
    let (before, _) = wanted.split_once('*').unwrap_or((wanted, ""));
    match before.len() >= NAME_BYTES || before == wanted {
        true => name.as_bytes() == kept(before) || pid.to_string() == wanted,
        false => glob::matches(wanted.as_bytes(), name.as_bytes()),
    }
}

/// As much of the id of a container as its unit has.
const ID_DIGITS: usize = 12;

/// Whether a user means this unit: `api` and `api.service` mean `api.service`; `docker:0123456789ab`
/// also goes by its id, whole or cut short, a pod by either of its two ids, and a unit's container
/// by the unit. A pattern with `*` is compared with each of these names.
pub fn is_unit(unit: &str, wanted: &str) -> bool {
    let ids = || {
        let parts = unit.split([':', '/']).skip(1);
        parts.filter(|id| unit.contains(':') && !id.is_empty())
    };
    let base = |name: &str| name.rsplit_once('.').map(|(base, _)| base.to_owned());
    let mut names = [unit].into_iter().chain(ids());
    if wanted.contains('*') {
        let is_like = |name: &str| glob::matches(wanted.as_bytes(), name.as_bytes());
        return names.any(|name| is_like(name) || base(name).is_some_and(|base| is_like(&base)));
    }
    // Names that people gave, as those of LXC, are not cut.
    let is_hexadecimal = |id: &str| {
        id.bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    let is_id = |id: &str| {
        let is_longer = id.len() == ID_DIGITS && wanted.starts_with(id);
        let is_shorter = wanted.len() >= 4 && id.starts_with(wanted);
        id.len() >= ID_DIGITS && is_hexadecimal(id) && (is_longer || is_shorter)
    };
    let is_name = |name: &str| name == wanted || base(name).as_deref() == Some(wanted);
    names.any(is_name) || ids().any(is_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_as_much_of_its_name_as_the_kernel_keeps() {
        assert!(is_process(7, "api", "api"));
        assert!(is_process(7, "api", "7"));
        assert!(!is_process(7, "api", "ap"));
        assert!(is_process(7, "gunicorn: worke", "gunicorn: worker [app]"));
        assert!(is_process(7, "gunicorn: worke", "gunicorn: worker*"));
    }

    #[test]
    fn a_process_goes_by_a_pattern() {
        assert!(is_process(7, "worker-7", "work*"));
        assert!(is_process(7, "worker-7", "*ker*"));
        assert!(is_process(7, "worker-7", "*"));
        assert!(!is_process(7, "worker-7", "*work"));
        assert!(!is_process(712, "api", "7*"), "an id is no pattern");
    }

    #[test]
    fn a_unit_goes_by_several_names() {
        for (unit, wanted, is) in [
            ("api.service", "api.service", true),
            ("api.service", "api", true),
            ("api.service", "ap", false),
            ("api.service", "ap*", true),
            ("api.service", "*.service", true),
            ("api.service", "*.scope", false),
            ("docker:0123456789ab", "0123456", true),
            ("docker:0123456789ab", "0123456789abcdef", true),
            ("docker:0123456789ab", "012", false),
            ("docker:0123456789ab", "docker:*", true),
            ("pod:8c1f5a4e-1111/0123456789ab", "8c1f5a4e-1111", true),
            ("pod:8c1f5a4e-1111/0123456789ab", "8c1f*", true),
            ("pod:8c1f5a4e-1111/0123456789ab", "9999", false),
            ("pod:8c1f5a4e-1111/0123456789ab", "pod", false),
            ("podman:web.service/0123456789ab", "web.service", true),
            ("podman:web.service/0123456789ab", "0123456789ab", true),
            ("podman:web.service/0123456789ab", "web", true),
            ("podman:web.service/0123456789ab", "api", false),
            ("podman:web.service/0123456789ab", "web.service2", false),
            ("lxc:web", "web", true),
            ("lxc:web", "website", false),
            ("lxc:website", "webs", false),
        ] {
            assert_eq!(is_unit(unit, wanted), is, "{unit} {wanted}");
        }
    }
}

//! Who holds a socket, and in which network namespace it lives.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

impl Netns {
    /// Its name, else its number; empty when neither is known.
    pub fn label(&self) -> String {
        let number = || self.inode.map(|inode| inode.to_string());
        self.name.clone().or_else(number).unwrap_or_default()
    }
}

/// Whether a user means this process by its id or its name, of which the kernel keeps 15 bytes.
pub fn is_process(pid: u32, name: &str, wanted: &str) -> bool {
    let kept = wanted.as_bytes().get(..15).unwrap_or(wanted.as_bytes());
    name.as_bytes() == kept || pid.to_string() == wanted
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
    }
}

//! What can be seen here: rights, kernel features and mounts. Asks for little, and opens nothing
//! that stays open.

use std::path::Path;

use rustix::{
    net::{AddressFamily, SocketType, socket_with},
    thread::{CapabilitySet, capabilities},
};

use super::{Kernel, QueueReader, SockDiag, bpf, may_read_all, reports_bound};
use crate::model::{
    Ability::{self, *},
    Families, Found,
};

impl Kernel {
    pub fn abilities(&self) -> Vec<Found> {
        let found = |ability| Found {
            ability,
            here: self.has(ability),
        };
        [
            OtherNamespaces,
            OtherProcesses,
            AllProcesses,
            Packets,
            NetworkAdministration,
            SockDiag,
            BoundSockets,
            DescriptorCounts,
            Cgroups,
            Pressure,
            Btf,
            DescriptorIterator,
            QueueIterator,
        ]
        .map(found)
        .into()
    }

    fn has(&self, ability: Ability) -> Option<bool> {
        let exists = |path: &Path| path.try_exists().ok();
        match ability {
            OtherNamespaces => has_capability(CapabilitySet::SYS_ADMIN),
            OtherProcesses => Some(may_read_all()),
            AllProcesses => self.hides_others().ok().map(|hides| !hides),
            Packets => Some(may_capture()),
            NetworkAdministration => has_capability(CapabilitySet::NET_ADMIN),
            SockDiag => Some(answers()),
            BoundSockets => Some(reports_bound()),
            DescriptorCounts => {
                let own = std::fs::metadata(self.proc_root().join("self/fd")).ok()?;
                Some(own.len() > 0)
            }
            Cgroups => exists(&self.proc_root().join("self/cgroup")),
            Pressure => exists(&self.proc_root().join("pressure/cpu")),
            Btf => exists(Path::new(bpf::TYPES)),
            DescriptorIterator => Some(self.may_use_bpf() && bpf::SocketReader::load().is_ok()),
            QueueIterator => Some(self.may_use_bpf() && QueueReader::load(1).is_ok()),
        }
    }
}

fn has_capability(needed: CapabilitySet) -> Option<bool> {
    let own = capabilities(None).ok()?;
    Some(own.effective.contains(needed))
}

/// A user namespace grants capabilities that its network namespace may still refuse, so it is tried.
fn may_capture() -> bool {
    let flags = rustix::net::SocketFlags::CLOEXEC;
    socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None).is_ok()
}

/// The kernel loads a module when it is first asked for, and may not be allowed to.
fn answers() -> bool {
    let asked =
        SockDiag::open().and_then(|mut diag| diag.listeners(Families::BOTH, &mut Vec::new()));
    asked.is_ok()
}

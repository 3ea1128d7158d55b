//! What the program can see here, and what each lack costs (`doctor --self`).

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::Finding,
    model::{Ability, Found, Incomplete, OwnerSource},
};

/// What reports can be made from on this host, with these rights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct SelfReport {
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// One element for each.
    pub abilities: Vec<AbilityReport>,
    /// How the owners of this namespace's listeners were found just now; `null` where the listeners
    /// could not be listed.
    pub owners_found_by: Option<OwnerSource>,
}

is_report!(SelfReport, "doctor-self/v1");

/// One thing that reports rest on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AbilityReport {
    #[serde(flatten)]
    pub found: Found,
    /// What it is.
    pub what: &'static str,
    /// What reports lack without it.
    pub cost: &'static str,
    /// What gives it.
    pub given_by: &'static str,
}

impl SelfReport {
    pub fn of(found: Vec<Found>, owners_found_by: Option<OwnerSource>) -> Self {
        let report = |found: Found| {
            let (what, cost, given_by) = words(found.ability);
            AbilityReport {
                found,
                what,
                cost,
                given_by,
            }
        };
        SelfReport {
            abilities: found.into_iter().map(report).collect(),
            owners_found_by,
            ..SelfReport::default()
        }
    }
}

/// What it is, what lacks without it, and what gives it.
fn words(ability: Ability) -> (&'static str, &'static str, &'static str) {
    match ability {
        Ability::OtherNamespaces => (
            "other network namespaces",
            "containers are counted, not read",
            "sudo (CAP_SYS_ADMIN)",
        ),
        Ability::OtherProcesses => (
            "other users' descriptors",
            "owners of their sockets, and why they stall",
            "sudo (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH)",
        ),
        Ability::AllProcesses => (
            "other users' processes",
            "owners, and descriptor limits of other users",
            "sudo, or /proc without hidepid",
        ),
        Ability::Packets => ("packets", "trace without --read", "sudo (CAP_NET_RAW)"),
        Ability::NetworkAdministration => (
            "network administration",
            "conntrack drops, where /proc lacks them",
            "sudo (CAP_NET_ADMIN)",
        ),
        Ability::SockDiag => (
            "sockets over netlink",
            "queues, ports, timewait and doctor",
            "modprobe tcp_diag udp_diag unix_diag",
        ),
        Ability::BoundSockets => (
            "sockets that are only bound",
            "ports that bind() took without a connection",
            "Linux 6.8",
        ),
        Ability::DescriptorCounts => (
            "descriptor counts",
            "other users' counts; fds is slower",
            "Linux 6.2",
        ),
        Ability::Cgroups => (
            "cgroups",
            "units, containers and CPU quotas",
            "a kernel with CONFIG_CGROUPS",
        ),
        Ability::Pressure => (
            "pressure stall information",
            "whether owners wait for CPU, memory or disks",
            "a kernel with CONFIG_PSI (psi=1)",
        ),
        Ability::Btf => (
            "types of the kernel (BTF)",
            "what BPF iterators show",
            "a kernel with CONFIG_DEBUG_INFO_BTF",
        ),
        Ability::DescriptorIterator => (
            "open sockets by BPF",
            "nothing; many owners take longer",
            "sudo (CAP_BPF, CAP_PERFMON) outside containers; Linux 5.11 with BTF",
        ),
        Ability::QueueIterator => (
            "queues of listeners by BPF",
            "which SO_REUSEPORT member has whom",
            "sudo (CAP_BPF, CAP_PERFMON) outside containers; Linux 5.9 with BTF",
        ),
    }
}

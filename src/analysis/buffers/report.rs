//! Connections, one after the other, to a report.

use std::{cmp::Reverse, collections::BTreeMap, mem::take};

use schemars::JsonSchema;
use serde::Serialize;

use super::{GroupReport, Limits, group::Tally};
use crate::{
    analysis::{
        Finding,
        incomplete::unfound,
        sockets::{By, GroupName, Groups, Held},
    },
    model::{Incomplete, ListenAddresses, Netns, Owners, SocketRow, Sysctls},
};

/// The memory of TCP connections in groups.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct BuffersReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// What the connections of a group have in common.
    pub by: By,
    pub limits: Limits,
    /// One element per network namespace that was read.
    pub namespaces: Vec<NamespaceReport>,
    /// All connections.
    pub totals: GroupReport,
    /// One element per group, the one with most memory first.
    pub groups: Vec<GroupReport>,
    #[serde(skip)]
    host: Limits,
    #[serde(skip)]
    all: Tally,
    #[serde(skip)]
    tallies: Groups<Tally>,
}

is_report!(BuffersReport, "buffers/v1");

/// Limits in one network namespace.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NamespaceReport {
    /// The network namespace.
    pub netns: Netns,
    pub limits: Limits,
}

impl BuffersReport {
    /// `host`: limits that all namespaces share.
    pub fn new(by: By, host: Limits) -> Self {
        BuffersReport {
            by,
            host,
            limits: host,
            tallies: Groups::new(by),
            ..BuffersReport::default()
        }
    }

    /// Connections that follow are in this namespace, with these interfaces and listeners.
    pub fn enter(
        &mut self,
        netns: Netns,
        interfaces: BTreeMap<u32, String>,
        listening: ListenAddresses,
        sysctls: &Sysctls,
    ) {
        let limits = self.host.within(sysctls);
        self.limits = match self.namespaces.is_empty() {
            true => limits,
            false => self.limits.common(&limits),
        };
        let group = netns.clone();
        self.tallies.enter(group, interfaces, listening);
        self.namespaces.push(NamespaceReport { netns, limits });
    }

    pub fn add(&mut self, row: &SocketRow, held: &Held) {
        // FIN_WAIT2 that no process holds may be a timewait socket, which has no buffers.
        let Some(memory) = &row.memory else {
            return;
        };
        let tally = self.tallies.of(row, held);
        tally.add(row, memory);
        if self.by == By::Socket {
            tally.row.owners = held.owners.to_vec();
        }
        self.all.add(row, memory);
    }

    /// After the last connection: fills in what follows from the rest.
    pub fn finish(&mut self) {
        let pages = self.host.tcp_mem_pages.map(|pages| pages.high);
        let highest = pages.map(|pages| pages.saturating_mul(self.host.page_bytes));
        if pages.is_none() {
            let why = "net.ipv4.tcp_mem is visible in the initial network namespace only";
            self.incomplete.push(Incomplete::new("tcp_mem", why));
        }
        self.totals = take(&mut self.all).finish(highest);
        let named = |(name, tally): (GroupName, Tally)| GroupReport {
            name,
            ..tally.finish(highest)
        };
        self.groups = self.tallies.take().map(named).collect();
        self.groups.sort_by_cached_key(|group| {
            let sizes = Reverse((group.total_bytes(), group.sockets));
            (sizes, group.name.clone())
        });
    }

    /// Adds why some of these connections have no known owner.
    pub fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize) {
        self.incomplete
            .extend(unfound(owners, searched, ownerless, "sockdiag buffers"));
    }
}

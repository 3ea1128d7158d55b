//! Connections, one after the other, to a report.

use std::{cmp::Reverse, collections::HashMap, mem::take};

use schemars::JsonSchema;
use serde::Serialize;

use super::{GroupReport, Limits, group::Tally};
use crate::{
    analysis::{
        Finding,
        incomplete::unfound,
        sockets::{By, GroupKey, SocketReport},
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
    by_key: HashMap<GroupKey, Tally>,
    #[serde(skip)]
    listening: ListenAddresses,
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
            ..BuffersReport::default()
        }
    }

    /// Connections that follow are in this namespace, with these listeners.
    pub fn enter(&mut self, netns: Netns, sysctls: &Sysctls, listening: ListenAddresses) {
        let limits = self.host.within(sysctls);
        self.limits = match self.namespaces.is_empty() {
            true => limits,
            false => self.limits.common(&limits),
        };
        self.namespaces.push(NamespaceReport { netns, limits });
        self.listening = listening;
    }

    pub fn add(&mut self, row: &SocketRow, socket: &SocketReport) {
        let key = GroupKey::of(self.by, row, socket, &self.listening);
        let tally = self.by_key.entry(key).or_default();
        tally.add(row);
        if self.by == By::Socket {
            tally.row.owners.clone_from(&socket.owners);
        }
        self.all.add(row);
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
        let named = |(key, tally): (GroupKey, Tally)| GroupReport {
            netns: (*key.netns).clone(),
            key: key.name,
            pid: key.pid,
            ..tally.finish(highest)
        };
        self.groups = take(&mut self.by_key).into_iter().map(named).collect();
        self.groups.sort_by_cached_key(|group| {
            let sizes = Reverse((group.total_bytes(), group.sockets));
            (sizes, group.key.clone(), group.pid)
        });
        self.listening = ListenAddresses::default();
    }

    /// Adds why some of these connections have no known owner.
    pub fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize) {
        self.incomplete.extend(unfound(owners, searched, ownerless));
    }
}

//! Sockets, one after the other, to a report.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    analysis::{
        Finding, Spread,
        incomplete::unfound,
        per_second,
        sockets::{By, GroupName, Groups, Held},
    },
    model::{Incomplete, ListenAddresses, Netns, Owners, SocketRow, SocketState},
};

/// TCP sockets in each state.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct StatesReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// What the sockets of a group have in common.
    pub by: By,
    /// All sockets.
    pub total: u64,
    /// How many are in each state; states without a socket are absent.
    pub states: BTreeMap<SocketState, u64>,
    /// One element per group, the largest first.
    pub groups: Vec<GroupReport>,
    #[serde(skip)]
    counts: Groups<Counts>,
}

is_report!(StatesReport, "states/v1");

/// Sockets that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct GroupReport {
    #[serde(flatten)]
    pub name: GroupName,
    /// Sockets.
    pub total: u64,
    /// How many are in each state; states without a socket are absent.
    pub states: BTreeMap<SocketState, u64>,
    /// Change of `total` since the previous reading (`--watch`), or since the first (`--for`).
    pub delta: Option<i64>,
    /// How `total` grows: since the previous reading (`--watch`), or along the line that fits all
    /// samples best (`--for`).
    pub growth_per_minute: Option<f64>,
    /// `total` over many samples (`--for`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Spread>,
}

/// By the number of the state.
#[derive(Debug, Clone, Copy, Default)]
struct Counts([u64; 16]);

impl Counts {
    fn add(&mut self, state: SocketState) {
        self.0[usize::from(state.number())] += 1;
    }

    fn by_state(&self) -> BTreeMap<SocketState, u64> {
        let count = |state: SocketState| (state, self.0[usize::from(state.number())]);
        let counts = SocketState::ALL.into_iter().map(count);
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

impl StatesReport {
    pub fn new(by: By) -> Self {
        StatesReport {
            by,
            counts: Groups::new(by),
            ..StatesReport::default()
        }
    }

    /// Sockets that follow are in this namespace, with these listeners.
    pub fn enter(&mut self, netns: Netns, listening: ListenAddresses) {
        self.counts.enter(netns, BTreeMap::new(), listening);
    }

    pub fn add(&mut self, row: &SocketRow, held: &Held) {
        self.counts.of(row, held).add(row.state);
    }

    /// After the last socket.
    pub fn finish(&mut self) {
        let named = |(name, counts): (GroupName, Counts)| GroupReport {
            name,
            total: counts.0.iter().sum(),
            states: counts.by_state(),
            ..GroupReport::default()
        };
        self.groups = self.counts.take().map(named).collect();
        self.groups
            .sort_by_cached_key(|group| (Reverse(group.total), group.name.clone()));
        for group in &self.groups {
            self.total += group.total;
            for (state, count) in &group.states {
                *self.states.entry(*state).or_default() += count;
            }
        }
    }

    /// Fills in how each group changed since an earlier report; one without a socket now has a row,
    /// too.
    pub fn since(mut self, earlier: &StatesReport, elapsed: Duration) -> Self {
        let present: HashSet<_> = self.groups.iter().map(|group| &group.name).collect();
        let gone = earlier.groups.iter();
        let gone = gone.filter(|group| group.total > 0 && !present.contains(&group.name));
        let gone = gone.map(|group| GroupReport {
            name: group.name.clone(),
            ..GroupReport::default()
        });
        let gone: Vec<_> = gone.collect();
        self.groups.extend(gone);
        let before = earlier.groups.iter();
        let before: HashMap<_, _> = before.map(|group| (&group.name, group.total)).collect();
        for group in &mut self.groups {
            let before = before.get(&group.name).copied().unwrap_or_default();
            let delta = group.total.cast_signed() - before.cast_signed();
            group.delta = Some(delta);
            group.growth_per_minute = per_second(delta as f64 * 60.0, elapsed);
        }
        self
    }

    /// Adds why some of these sockets have no known owner.
    pub fn note_owners(&mut self, owners: &Owners, searched: usize, ownerless: usize) {
        let missing = unfound(owners, searched, ownerless, "sockdiag states");
        self.incomplete.extend(missing);
    }
}

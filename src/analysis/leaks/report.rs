//! Groups of sockets that are left over, with their owners.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    LeakKind, LeakTally, findings,
    group::{Group, Key, Sample},
    meaning::meaning,
    place::Place,
};
use crate::{
    analysis::{Cookie, Finding, LocalReport, finding::worst_first, incomplete::unfound},
    model::{
        Address, Incomplete, Netns, Owner, Owners, SocketState,
        snapshot::{ServiceEnd, Side},
    },
};

/// Sockets that are left over, by kind and service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct LeaksReport {
    /// What could not be seen.
    #[serde(skip)]
    pub incomplete: Vec<Incomplete>,
    /// What the report concludes, the worst first.
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Connections that are idle for as long and have no keepalive are listed.
    pub idle_seconds: f64,
    /// Connections of the host that no process holds any more, in every state; `null` where unknown.
    pub orphans: Option<u64>,
    /// `net.ipv4.tcp_max_orphans`: the kernel resets those beyond it.
    pub max_orphans: Option<u64>,
    /// One element per kind and service, the most sockets first; those that the kernel ends by itself last.
    pub leaks: Vec<LeakReport>,
}

is_report!(LeaksReport, "leaks/v1");

/// Sockets of one service that are left over for the same reason.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LeakReport {
    /// The network namespace.
    pub netns: Netns,
    /// Why they are left over. One socket has one kind.
    pub kind: LeakKind,
    /// What this end of the connections is.
    pub side: Side,
    /// The service: a listener here, or one elsewhere.
    pub service: Address,
    /// How many there are.
    pub count: u64,
    /// How many are in each state.
    pub states: BTreeMap<SocketState, u64>,
    /// How long the oldest has been so, at least; `null` where the kernel does not tell.
    pub oldest_seconds: Option<f64>,
    /// By how many more they became in a minute, at the pace of the interval; `null` for kinds that
    /// only a comparison of two readings shows (`stuck_read` and `stuck_write`), and where not all
    /// sockets were read.
    pub growth_per_minute: Option<f64>,
    /// Bytes that wait to be read.
    pub unread_bytes: u64,
    /// In CLOSE_WAIT, how many there are whose process has not read the end of the stream.
    pub end_unread: u64,
    /// In CLOSE_WAIT, how many there are of whose data the process read some between the readings.
    pub draining: u64,
    /// The process that has the oldest of them open; of connections that wait for accept(2), the
    /// process that listens. `null` where none has, or none was found.
    pub owner: Option<Owner>,
    /// The processes that have them open, those of the oldest first; of more than 256 connections,
    /// those that have the oldest and 256 others open.
    pub owners: Vec<Owner>,
    /// A process has them open.
    pub held: bool,
    /// What it usually means.
    pub meaning: &'static str,
    /// Some of them, the oldest first.
    pub samples: Vec<LeakSample>,
    /// Connections with a peer on another host.
    #[serde(skip)]
    pub remote: u64,
    /// Change since the first reading.
    #[serde(skip)]
    pub delta: Option<i64>,
    /// The oldest is the same as at the first reading.
    #[serde(skip)]
    pub same_oldest: bool,
    /// Owners were searched for some only.
    #[serde(skip)]
    pub sampled: bool,
    /// How long several have been so.
    #[serde(skip)]
    pub several_seconds: Option<f64>,
    /// How many sockets listen at the address where they wait for accept(2).
    #[serde(skip)]
    pub queues: usize,
}

/// One of these sockets.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LeakSample {
    pub state: SocketState,
    /// Where it is bound.
    pub local: LocalReport,
    /// The peer's address.
    pub peer: Address,
    /// Bytes that wait to be read.
    pub receive_queue_bytes: u32,
    /// Bytes that are not acknowledged.
    pub send_queue_bytes: u32,
    /// How long it has been so, at least.
    pub age_seconds: Option<f64>,
    /// Socket inode, 0 when nobody holds it.
    pub inode: u32,
    /// Names this socket and no later one.
    pub cookie: Cookie,
}

/// Orphans of the host, and the most there may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orphans {
    pub count: Option<u64>,
    pub limit: Option<u64>,
}

impl LeakTally {
    /// The inodes whose owners the report names.
    pub fn inodes(&self) -> impl Iterator<Item = u32> {
        let groups = self.groups.iter();
        groups.flat_map(|(key, group)| group.owned(&self.places[key.place]))
    }

    /// What the second of two readings shows.
    pub fn report(&self, owners: Option<&Owners>, orphans: Orphans) -> LeaksReport {
        let mut groups: Vec<_> = self.groups.iter().collect();
        // What the kernel ends by itself comes last.
        groups.sort_by_key(|(key, group)| {
            let is_ending = !key.held && key.kind != LeakKind::Unaccepted;
            (is_ending, Reverse(group.count), **key)
        });
        let leaks: Vec<LeakReport> = groups
            .into_iter()
            .map(|(key, group)| self.row(key, group, owners))
            .collect();
        let mut report = LeaksReport {
            incomplete: self.incomplete(owners, &leaks),
            findings: Vec::new(),
            idle_seconds: Duration::from_millis(self.idle_ms()).as_secs_f64(),
            orphans: orphans.count,
            max_orphans: orphans.limit,
            leaks,
        };
        report.findings = findings::findings(&report);
        worst_first(&mut report.findings);
        report
    }

    fn row(&self, key: &Key, group: &Group, owners: Option<&Owners>) -> LeakReport {
        let place = &self.places[key.place];
        let (side, service) = match key.service {
            ServiceEnd::Local(service) => (Side::Server, service),
            ServiceEnd::Peer(service) => (Side::Client, service),
        };
        let before = self.earlier.as_ref();
        let then = before.and_then(|earlier| earlier.groups.get(key));
        let is_compared = key.kind.is_seen_at_once() && !self.is_partial;
        let before = before.filter(|before| is_compared && !before.is_partial);
        let delta = before.map(|_| group.count as i64 - then.map_or(0, |then| then.count as i64));
        let minutes = before.map(|earlier| earlier.elapsed.as_secs_f64() / 60.0);
        let cookie = |group: &Group| group.samples.first().map(|(_, sample)| sample.cookie);
        let sample = |(age_ms, sample): &(Option<u64>, Sample)| LeakSample {
            state: sample.state,
            local: LocalReport::new(&crate::model::Local::Inet(sample.local), &place.interfaces),
            peer: sample.peer,
            receive_queue_bytes: sample.receive_queue,
            send_queue_bytes: sample.send_queue,
            age_seconds: age_ms.map(seconds),
            inode: sample.inode,
            cookie: Cookie(sample.cookie),
        };
        let owners = holders(group, place, owners);
        LeakReport {
            netns: place.netns.clone(),
            kind: key.kind,
            side,
            service,
            count: group.count,
            states: group.states.clone(),
            oldest_seconds: group.oldest().map(seconds),
            growth_per_minute: delta
                .zip(minutes.filter(|minutes| *minutes > 0.0))
                .map(|(delta, minutes)| delta as f64 / minutes),
            unread_bytes: group.unread_bytes,
            end_unread: group.end_unread,
            draining: group.draining,
            owner: owners.first().cloned(),
            owners,
            held: key.held,
            meaning: meaning(key, group),
            samples: group.samples.iter().map(sample).collect(),
            remote: group.remote,
            delta,
            same_oldest: then.and_then(cookie).is_some() && then.and_then(cookie) == cookie(group),
            sampled: group.is_sampled(),
            several_seconds: group.several().map(seconds),
            queues: group.queues(place),
        }
    }

    fn incomplete(&self, owners: Option<&Owners>, leaks: &[LeakReport]) -> Vec<Incomplete> {
        let followed = (self.unfollowed > 0).then(|| {
            let why = "more sockets have data queued than are followed from the first reading to \
                       the second (100,000)";
            Incomplete::counted("stuck sockets", why, self.unfollowed)
        });
        let grouped = (self.ungrouped > 0).then(|| {
            let why = "of more services than are told apart (4096)";
            Incomplete::counted("leaks", why, self.ungrouped)
        });
        let searched = leaks
            .iter()
            .filter(|leak| leak.held || leak.kind == LeakKind::Unaccepted);
        let ownerless = searched.clone().filter(|leak| leak.owner.is_none()).count();
        let unfound = owners
            .and_then(|owners| unfound(owners, searched.count(), ownerless, "sockdiag leaks"));
        let is_partial = self.is_partial || self.earlier.as_ref().is_some_and(|one| one.is_partial);
        let partial = is_partial.then(|| {
            let why = "the CPU time for reading open connections twice ended before all were \
                       read; `sockdiag leaks` reads all";
            Incomplete::new("leaks", why)
        });
        [partial, followed, grouped, unfound]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// Those of the oldest first.
fn holders(group: &Group, place: &Place, owners: Option<&Owners>) -> Vec<Owner> {
    let mut found: Vec<Owner> = Vec::new();
    for inode in group.owned(place) {
        let holders = owners.and_then(|owners| owners.by_inode.get(&inode));
        for owner in holders.into_iter().flatten() {
            if !found.iter().any(|known| known.pid == owner.pid) {
                found.push(owner.clone());
            }
        }
    }
    found
}

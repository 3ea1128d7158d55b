//! Groups of sockets that are left over, with their owners.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    LeakKind, LeakTally, findings,
    group::{Group, Key, Sample},
    meaning::meaning,
    services::Services,
};
use crate::{
    analysis::{
        Cookie, Finding, LocalReport, finding::worst_first, incomplete::unfound, per_second,
    },
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
    /// Connections of the host that no process holds, in FIN_WAIT1, CLOSING or LAST_ACK, or in
    /// FIN_WAIT2 with a socket of full size (`orphan` of /proc/net/sockstat); `null` where unknown.
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
    /// Sockets of this group.
    pub count: u64,
    /// Sockets in each state; states without one are absent.
    pub states: BTreeMap<SocketState, u64>,
    /// How long the oldest has been so, at least; `null` where the kernel does not tell.
    pub oldest_seconds: Option<f64>,
    /// By how many more they became in a minute, at the pace of the interval; `null` for kinds that
    /// only a comparison of two readings shows (`stuck_read` and `stuck_write`), and where not all
    /// sockets were read.
    pub growth_per_minute: Option<f64>,
    /// Bytes that wait to be read.
    pub unread_bytes: u64,
    /// Sockets in CLOSE_WAIT whose process has not read the end of the stream.
    pub end_unread: u64,
    /// Sockets in CLOSE_WAIT from which the process read data between the readings.
    pub draining: u64,
    /// The process that has the oldest of them open; of connections that wait for accept(2), the
    /// process that listens. `null` where none has, or none was found.
    pub owner: Option<Owner>,
    /// The processes that have them open, owners of the oldest first; of more than 256 connections,
    /// the processes that have the oldest and 256 others open.
    pub owners: Vec<Owner>,
    /// A process has them open.
    pub held: bool,
    /// What the kind usually means, in one line.
    pub meaning: &'static str,
    /// Some of them, the oldest first.
    pub samples: Vec<LeakSample>,
    /// Connections with a peer at another address.
    #[serde(skip)]
    pub remote: u64,
    /// How long the oldest of these has been so.
    #[serde(skip)]
    pub oldest_remote_seconds: Option<f64>,
    /// Since the first reading.
    #[serde(skip)]
    pub change: Option<Change>,
    /// In CLOSE_WAIT, of the sockets with unread data and of those without: reading the data makes
    /// the one of the other.
    #[serde(skip)]
    pub change_of_both: Option<Change>,
    /// The time between the readings, if all the oldest connections waited for accept(2) throughout.
    #[serde(skip)]
    pub none_accepted_seconds: Option<f64>,
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

/// By how many sockets a group grew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    pub delta: i64,
    pub within: Duration,
}

impl Change {
    pub fn per_minute(self) -> Option<f64> {
        per_second(self.delta as f64 * 60.0, self.within)
    }
}

impl LeakReport {
    pub fn delta(&self) -> Option<i64> {
        Some(self.change?.delta)
    }
}

/// A socket of the group.
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
    /// How long it has been so, at least; `null` where the kernel does not tell.
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
        let change = self.change([*key]);
        let either = [true, false].map(|unread| Key { unread, ..*key });
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
            growth_per_minute: change.and_then(Change::per_minute),
            unread_bytes: group.unread_bytes,
            end_unread: group.end_unread,
            draining: group.draining,
            owner: owners.first().cloned(),
            owners,
            held: key.held,
            meaning: meaning(key, group),
            samples: group.samples.iter().map(sample).collect(),
            remote: group.remote,
            oldest_remote_seconds: group.oldest_remote_ms.map(seconds),
            change,
            change_of_both: self.change(either),
            none_accepted_seconds: self
                .none_accepted(key, group)
                .map(|time| time.as_secs_f64()),
            sampled: group.is_sampled(),
            several_seconds: group.several().map(seconds),
            queues: group.queues(place),
        }
    }

    /// Of sockets with one of these keys, since the first reading; `None` where not all were counted
    /// both times.
    fn change<const N: usize>(&self, keys: [Key; N]) -> Option<Change> {
        let earlier = self.earlier.as_ref()?;
        let is_comparable = keys
            .iter()
            .all(|key| key.kind.is_seen_at_once() && earlier.has_counted(key));
        if self.is_partial || !is_comparable {
            return None;
        }
        let count = |groups: &HashMap<Key, Group>| {
            let counts = keys.iter().filter_map(|key| groups.get(key));
            counts.map(|group| group.count.cast_signed()).sum::<i64>()
        };
        Some(Change {
            delta: count(&self.groups) - count(&earlier.groups),
            within: earlier.elapsed,
        })
    }

    /// The time between the readings, if none of these connections that might have been the first in
    /// its accept queue was accepted.
    fn none_accepted(&self, key: &Key, group: &Group) -> Option<Duration> {
        let earlier = self.earlier.as_ref()?;
        let then = earlier.groups.get(key)?;
        let waits = then.first_in_line(earlier.took())?;
        let now = group.cookies();
        waits.is_subset(&now).then_some(earlier.between)
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
        let subflows = (self.of_mptcp > 0).then(|| {
            let why = "only the subflows of MPTCP connections are read: whether the peer has \
                       closed, and what is not read, `ss -Ma` shows";
            Incomplete::counted("mptcp", why, self.of_mptcp)
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
        [partial, followed, grouped, subflows, unfound]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// The owners of the sockets, owners of the oldest first.
fn holders(group: &Group, place: &Services, owners: Option<&Owners>) -> Vec<Owner> {
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

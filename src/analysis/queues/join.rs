//! A listener joined with all that was read of it elsewhere: its requests, its waiting connections,
//! its drops at the reading before, its owners.

use std::{collections::HashMap, time::Duration};

use super::{
    AcceptQueue, Cookie, ListenerReport, LocalReport, NamespaceReading, Reading, ReceiveQueue,
    State, SynQueue,
    attribute::Endpoints,
    limits,
    waiting::{self, Waiters},
};
use crate::{
    analysis::{change, per_second, unit_of, wrapping_change},
    model::{Endpoint, Listener, Local, Owner, Protocol, Queue},
};

/// The reading before, of the same namespace.
pub struct Earlier<'a> {
    pub reading: &'a NamespaceReading,
    pub elapsed: Duration,
}

/// What each listener of a namespace is joined with.
pub struct Join<'a> {
    now: &'a Reading,
    namespace: &'a NamespaceReading,
    drops_before: HashMap<u64, u32>,
    elapsed: Option<Duration>,
    overflows_moved: bool,
    droppers: usize,
    members: HashMap<(Protocol, Endpoint), Members>,
    requests: Option<HashMap<Endpoint, u32>>,
    waiters: Option<HashMap<Endpoint, Waiters>>,
    with_waiters: HashMap<Endpoint, u32>,
}

/// The sockets that share an endpoint.
#[derive(Default)]
struct Members {
    count: u32,
    syn_limit: Option<u64>,
}

impl<'a> Join<'a> {
    pub fn new(
        now: &'a Reading,
        namespace: &'a NamespaceReading,
        earlier: Option<&Earlier<'a>>,
    ) -> Self {
        let endpoints = Endpoints::of(
            namespace
                .listeners
                .iter()
                .filter(|listener| is_tcp(listener.protocol)),
        );
        let requests = namespace.requests.as_ref().map(|requests| {
            let mut sums = HashMap::new();
            for (local, count) in &requests.by_endpoint {
                if let Some(endpoint) = endpoints.serving(local) {
                    *sums.entry(endpoint).or_default() += count;
                }
            }
            sums
        });
        let waiters = namespace
            .waiting
            .as_ref()
            .map(|read| waiting::by_endpoint(read, &endpoints));
        let mut join = Join {
            now,
            namespace,
            drops_before: earlier
                .map(|earlier| drops(earlier.reading))
                .unwrap_or_default(),
            elapsed: earlier.map(|earlier| earlier.elapsed),
            overflows_moved: earlier.is_some_and(|earlier| {
                let overflows = (earlier.reading.overflows, namespace.overflows);
                matches!(overflows, (Some(then), Some(now)) if change(then, now) > Some(0))
            }),
            droppers: 0,
            members: members(namespace),
            requests,
            waiters,
            with_waiters: waiting::members_with_waiters(&namespace.listeners),
        };
        let tcp = namespace.listeners.iter().filter(|l| is_tcp(l.protocol));
        join.droppers = tcp.filter(|l| join.drops_delta(l) > Some(0)).count();
        join
    }

    /// The listener as it is reported.
    pub fn listener(&self, listener: &Listener) -> ListenerReport {
        let endpoint = match listener.local {
            Local::Inet(endpoint) => Some(endpoint),
            Local::Unix(_) => None,
        };
        let drops_delta = self.drops_delta(listener);
        let members = endpoint.and_then(|at| self.members.get(&(table(listener.protocol), at)));
        let syn_queue = endpoint
            .filter(|_| is_tcp(listener.protocol))
            .map(|endpoint| self.syn_queue(&endpoint, members));
        let (owners, owners_complete) = self.owners(listener.inode);
        let cgroup = self.cgroup(listener, &owners);
        ListenerReport {
            state: self.state(listener, syn_queue.as_ref(), drops_delta),
            netns: self.namespace.netns.clone(),
            protocol: listener.protocol,
            local: self.local(&listener.local),
            accept_queue: self.accept_queue(listener, endpoint),
            receive_queue: receive_queue(listener.queue),
            syn_queue,
            drops: listener.drops,
            drops_delta,
            drops_per_second: drops_delta
                .zip(self.elapsed)
                .and_then(|(delta, elapsed)| per_second(delta.into(), elapsed)),
            reuseport_members: members.map_or(1, |members| members.count),
            uid: listener.uid,
            inode: listener.inode,
            cookie: Cookie(listener.cookie),
            unit: cgroup.as_deref().and_then(unit_of),
            cgroup,
            owners,
            owners_complete,
            fullest: None,
        }
    }

    /// `None` for a socket that was not there at the reading before.
    fn drops_delta(&self, listener: &Listener) -> Option<u32> {
        let before = self.drops_before.get(&listener.cookie)?;
        Some(wrapping_change(*before, listener.drops?))
    }

    /// Dropped packets count since the reading before or, without one, since the socket was made.
    fn state(
        &self,
        listener: &Listener,
        syn_queue: Option<&SynQueue>,
        drops_delta: Option<u32>,
    ) -> State {
        let fill = fill_of(listener.queue);
        let syn_full = syn_queue.is_some_and(SynQueue::is_full);
        let full = is_full(listener.queue) || (syn_full && syn_queue.is_some_and(SynQueue::drops));
        let dropped = match self.elapsed {
            Some(_) => drops_delta > Some(0),
            None => listener.drops > Some(0),
        };
        match fill {
            _ if dropped && (full || self.overflowed_between(listener)) => State::Overflowing,
            _ if full => State::Full,
            _ if fill >= 0.5 || syn_full => State::Busy,
            _ if fill > 0.0 => State::Ok,
            _ => State::Idle,
        }
    }

    /// The queue is not full now, but it was since the reading before: what a UDP socket drops, it
    /// drops for want of room; a TCP listener dropped packets, the namespace counted overflows, and
    /// either no other listener dropped any or this one lacks no more than one of being full.
    fn overflowed_between(&self, listener: &Listener) -> bool {
        let at_limit = match listener.queue {
            Queue::Receive { .. } => return self.elapsed.is_some(),
            Queue::Accept { length, limit } => length >= limit,
        };
        self.overflows_moved && (self.droppers == 1 || at_limit)
    }

    fn accept_queue(&self, listener: &Listener, endpoint: Option<Endpoint>) -> Option<AcceptQueue> {
        let Queue::Accept { length, limit } = listener.queue else {
            return None;
        };
        let known = endpoint
            .filter(|_| length > 0)
            .and_then(|endpoint| self.known(&endpoint));
        let settled = self
            .namespace
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.settled);
        let none = (length == 0).then_some(0);
        Some(AcceptQueue {
            length,
            limit,
            fill_ratio: fill_ratio(length, limit),
            limit_set_by: limits::set_by(
                limit,
                &self.namespace.limits,
                &self.namespace.earlier_caps,
                self.namespace.asked.contains(&listener.cookie),
            ),
            oldest_wait_ms: known.and_then(|waiters| waiters.oldest_wait_ms),
            abandoned: known
                .map(|waiters| waiters.abandoned(length, settled))
                .or(none),
            waiting_bytes: known.map(|waiters| waiters.bytes).or(none),
            sampled: None,
        })
    }

    /// The connections that wait at an endpoint, where they must be those of one socket.
    fn known(&self, endpoint: &Endpoint) -> Option<Waiters> {
        let waiters = self.waiters.as_ref()?;
        let one = self.with_waiters.get(endpoint) == Some(&1);
        one.then(|| waiters.get(endpoint).copied().unwrap_or_default())
    }

    fn syn_queue(&self, endpoint: &Endpoint, members: Option<&Members>) -> SynQueue {
        let counted = self.requests.as_ref();
        SynQueue {
            length: counted.map(|counted| counted.get(endpoint).copied().unwrap_or(0)),
            limit: members.and_then(|members| members.syn_limit),
            cookies: self.namespace.limits.tcp_syncookies,
        }
    }

    fn owners(&self, inode: u32) -> (Vec<Owner>, bool) {
        let Some(owners) = &self.now.owners else {
            return (Vec::new(), false);
        };
        (
            owners.by_inode.get(&inode).cloned().unwrap_or_default(),
            owners.complete,
        )
    }

    /// A socket that systemd made and handed over was created in `init.scope`, so a holder other
    /// than process 1 tells more than the creator does.
    fn cgroup(&self, listener: &Listener, owners: &[Owner]) -> Option<String> {
        let service = owners.iter().find(|owner| owner.pid != 1);
        let holder = service
            .or(owners.first())
            .and_then(|owner| owner.cgroup.clone());
        let creator = || self.now.cgroups.get(&listener.cgroup_id?).cloned();
        holder.or_else(creator)
    }

    fn local(&self, local: &Local) -> LocalReport {
        match local {
            Local::Inet(endpoint) => LocalReport::Inet {
                address: endpoint.address,
                port: endpoint.port,
                interface: (endpoint.interface != 0).then(|| {
                    let name = self.namespace.interfaces.get(&endpoint.interface);
                    name.cloned()
                        .unwrap_or_else(|| format!("if{}", endpoint.interface))
                }),
            },
            Local::Unix(name) => LocalReport::Unix {
                path: unix_path(name),
            },
        }
    }
}

/// As `ss` writes it: the zero bytes of an abstract name as `@`.
fn unix_path(name: &[u8]) -> String {
    let shown: Vec<u8> = name
        .iter()
        .map(|byte| if *byte == 0 { b'@' } else { *byte })
        .collect();
    String::from_utf8_lossy(&shown).into_owned()
}

fn is_tcp(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Tcp | Protocol::Mptcp)
}

/// TCP and MPTCP listeners are of one table, where an address can be taken once.
fn table(protocol: Protocol) -> Protocol {
    if is_tcp(protocol) {
        Protocol::Tcp
    } else {
        protocol
    }
}

fn drops(reading: &NamespaceReading) -> HashMap<u64, u32> {
    reading
        .listeners
        .iter()
        .filter_map(|l| Some((l.cookie, l.drops?)))
        .collect()
}

fn members(namespace: &NamespaceReading) -> HashMap<(Protocol, Endpoint), Members> {
    let mut groups: HashMap<_, Members> = HashMap::new();
    for listener in &namespace.listeners {
        let Local::Inet(endpoint) = listener.local else {
            continue;
        };
        let group = groups
            .entry((table(listener.protocol), endpoint))
            .or_default();
        group.count += 1;
        if let Queue::Accept { limit, .. } = listener.queue {
            group.syn_limit = limits::syn_queue(limit, &namespace.limits)
                .map(|limit| group.syn_limit.unwrap_or(0) + u64::from(limit));
        }
    }
    groups
}

/// Full as the kernel judges it: the next one is not taken.
fn is_full(queue: Queue) -> bool {
    match queue {
        Queue::Accept { length, limit } => length > limit,
        Queue::Receive { bytes, limit_bytes } => limit_bytes.is_some_and(|limit| bytes > limit),
    }
}

/// How full; above 0 whenever something waits.
fn fill_of(queue: Queue) -> f64 {
    match queue {
        Queue::Accept { length, limit } => fill_ratio(length, limit),
        Queue::Receive { bytes, limit_bytes } => receive_fill(bytes, limit_bytes)
            .unwrap_or(if bytes > 0 { f64::MIN_POSITIVE } else { 0.0 }),
    }
}

fn fill_ratio(length: u32, limit: u32) -> f64 {
    f64::from(length) / (f64::from(limit) + 1.0)
}

fn receive_fill(bytes: u32, limit: Option<u32>) -> Option<f64> {
    limit
        .filter(|limit| *limit > 0)
        .map(|limit| f64::from(bytes) / f64::from(limit))
}

fn receive_queue(queue: Queue) -> Option<ReceiveQueue> {
    let Queue::Receive { bytes, limit_bytes } = queue else {
        return None;
    };
    Some(ReceiveQueue {
        bytes,
        limit_bytes,
        fill_ratio: receive_fill(bytes, limit_bytes),
    })
}

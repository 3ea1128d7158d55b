//! A listener joined with what other parts of the snapshot, and the previous one, have of it: request
//! sockets, waiting connections, owners, earlier drops.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    AcceptQueue, Cookie, ListenerReport, LocalReport, State, SynQueue,
    fill::{fill_of, fill_ratio, is_full, receive_queue, takes_no_packet},
    limits,
    own_requests::{self, OwnRequests},
    waiting::{self, Waiters},
};
use crate::{
    analysis::{Previous, change, per_second, wrapping_change},
    model::{
        Families, ListenAddress, ListenAddresses, Listener, NetnsSnapshot, Owner, Protocol, Queue,
        Snapshot,
        snapshot::{HalfOpen, Requests},
        unit_of,
    },
};

/// Both readings have all TCP listeners of the namespace, and these are the same sockets.
fn have_the_same_listeners(before: &NetnsSnapshot, now: &NetnsSnapshot) -> bool {
    let all = |reading: &NetnsSnapshot| {
        let listeners = reading.listeners.as_ref();
        listeners.is_some_and(|listeners| listeners.families == Families::BOTH)
    };
    let cookies = |reading: &NetnsSnapshot| -> HashSet<u64> {
        let tcp = tcp_listeners(reading);
        tcp.map(|listener| listener.cookie).collect()
    };
    all(now) && all(before) && cookies(before) == cookies(now)
}

pub fn tcp_listeners(namespace: &NetnsSnapshot) -> impl Iterator<Item = &Listener> {
    let sockets = namespace.sockets().iter();
    sockets.filter(|listener| is_tcp(listener.protocol))
}

fn overflows(namespace: &NetnsSnapshot) -> Option<i128> {
    namespace.counters.value("TcpExt", "ListenOverflows")
}

/// What each listener of a namespace is joined with.
pub struct Join<'a> {
    now: &'a Snapshot,
    namespace: &'a NetnsSnapshot,
    drops_before: HashMap<u64, u32>,
    elapsed: Option<Duration>,
    /// Increase of the namespace's `ListenOverflows`.
    overflows: i128,
    /// Cookie of the only listener that dropped packets, where it is known that no other did.
    only_dropper: Option<u64>,
    members: HashMap<(Protocol, ListenAddress), Members>,
    requests: Option<HashMap<ListenAddress, Requests>>,
    cookies: Cookies,
    finished_ratio: Option<f64>,
    /// Sums of the queues that were read themselves, of addresses where all were.
    own_requests: HashMap<ListenAddress, Option<OwnRequests>>,
    waiters: Option<HashMap<ListenAddress, Waiters>>,
    with_waiters: HashMap<ListenAddress, u32>,
    addresses: ListenAddresses,
}

/// The sockets that share an address.
#[derive(Default)]
struct Members {
    count: u32,
    syn_limit: Option<u64>,
}

impl<'a> Join<'a> {
    pub fn new(
        now: &'a Snapshot,
        namespace: &'a NetnsSnapshot,
        before: Previous<'_, NetnsSnapshot>,
    ) -> Self {
        let addresses = ListenAddresses::of(tcp_listeners(namespace));
        let earlier = before.map(|(before, _)| before);
        let overflows =
            earlier.and_then(|before| change(overflows(before)?, overflows(namespace)?));
        let (half_open, waiting) = (namespace.half_open.as_ref(), namespace.waiting.as_ref());
        let mut join = Join {
            now,
            namespace,
            drops_before: earlier.map(drops).unwrap_or_default(),
            elapsed: before.map(|(_, elapsed)| elapsed),
            overflows: overflows.unwrap_or(0),
            only_dropper: None,
            members: members(namespace),
            requests: half_open.map(|read| by_address(read, &addresses)),
            cookies: earlier.map_or_else(Cookies::default, |before| Cookies::of(before, namespace)),
            finished_ratio: earlier.and_then(|before| finished_ratio(before, namespace)),
            own_requests: own_requests::by_address(namespace),
            waiters: waiting.map(|read| waiting::by_address(read, &addresses)),
            with_waiters: waiting::members_with_waiters(namespace.sockets()),
            addresses,
        };
        if earlier.is_some_and(|before| have_the_same_listeners(before, namespace)) {
            let tcp = tcp_listeners(namespace);
            let mut droppers = tcp.filter(|listener| join.drops_delta(listener) > Some(0));
            let (first, second) = (droppers.next(), droppers.next());
            let only = first.filter(|_| second.is_none());
            join.only_dropper = only.map(|listener| listener.cookie);
        }
        join
    }

    pub fn listener(&self, listener: &Listener) -> ListenerReport {
        let place = ListenAddress::of(listener);
        let drops_delta = self.drops_delta(listener);
        let dropped = self.dropped(listener, drops_delta);
        let members = place.and_then(|at| self.members.get(&(table(listener.protocol), at)));
        let of_tcp = place.filter(|_| is_tcp(listener.protocol));
        let syn_queue = of_tcp.map(|place| self.syn_queue(listener, &place, members, dropped));
        let (owners, owners_complete) = self.owners(listener.inode);
        let cgroup = self.cgroup(listener, &owners);
        ListenerReport {
            state: self.state(listener, syn_queue.as_ref(), dropped),
            netns: self.namespace.netns.clone(),
            protocol: listener.protocol,
            local: LocalReport::new(&listener.local, &self.namespace.interfaces),
            accept_queue: self.accept_queue(listener, place),
            receive_queue: receive_queue(listener.queue),
            syn_queue,
            drops: listener.drops,
            drops_delta,
            drops_per_second: self.per_second(drops_delta),
            reuseport_members: members.map_or(1, |members| members.count),
            uid: listener.uid,
            inode: listener.inode,
            cookie: Cookie(listener.cookie),
            unit: cgroup.as_deref().and_then(unit_of),
            cgroup,
            owners,
            owners_complete,
            fullest: None,
            v6only: listener.v6only.unwrap_or(false),
        }
    }

    /// `None` for a socket that did not exist at the previous reading.
    fn drops_delta(&self, listener: &Listener) -> Option<u32> {
        let before = self.drops_before.get(&listener.cookie)?;
        Some(wrapping_change(*before, listener.drops?))
    }

    fn per_second(&self, drops: Option<u32>) -> Option<f64> {
        per_second(drops?.into(), self.elapsed?)
    }

    /// Since the previous reading or, without one, since the socket was created.
    fn dropped(&self, listener: &Listener, drops_delta: Option<u32>) -> bool {
        // All drops of a socket that is new are since the previous reading.
        let is_new = !self.drops_before.contains_key(&listener.cookie);
        match drops_delta {
            Some(delta) => delta > 0,
            None => is_new && listener.drops > Some(0),
        }
    }

    fn state(&self, listener: &Listener, syn_queue: Option<&SynQueue>, dropped: bool) -> State {
        let fill = fill_of(listener.queue);
        let syn_full = syn_queue.is_some_and(|queue| queue.is_full() && queue.drops());
        let full = is_full(listener.queue) || syn_full;
        match fill {
            _ if dropped && (full || self.overflowed_between(listener)) => State::Overflowing,
            _ if full => State::Full,
            _ if fill >= 0.5 || syn_queue.is_some_and(SynQueue::is_at_limit) => State::Busy,
            _ if fill > 0.0 => State::Ok,
            _ => State::Idle,
        }
    }

    /// The queue is not full now, but was since the previous reading. For a TCP listener: the
    /// namespace counted overflows, and either no other listener can have had them, or this queue is
    /// at most one connection from full. The counter is read after the listeners, and more may have
    /// come in between. A UDP socket drops datagrams that do not fit, so it is
    /// hardly ever full; one that drops and is half full counts as full. Without a previous reading
    /// its drops may be old, so a packet of ordinary size must not fit now.
    fn overflowed_between(&self, listener: &Listener) -> bool {
        let at_limit = match listener.queue {
            Queue::Receive { .. } => {
                let now = self.elapsed.is_some() || takes_no_packet(listener.queue);
                return now && fill_of(listener.queue) >= 0.5;
            }
            Queue::Accept { length, limit } => length > 0 && length >= limit,
        };
        let own = self.drops_delta(listener).map_or(0, i128::from);
        let alone = self.only_dropper == Some(listener.cookie) && own * 4 >= self.overflows * 3;
        self.overflows > 0 && (alone || at_limit)
    }

    fn accept_queue(
        &self,
        listener: &Listener,
        place: Option<ListenAddress>,
    ) -> Option<AcceptQueue> {
        let Queue::Accept { length, limit } = listener.queue else {
            return None;
        };
        let known = place.filter(|_| length > 0);
        let known = known.and_then(|place| self.known(&place));
        let waiting = self.namespace.waiting.as_ref();
        let settled = waiting.is_some_and(|waiting| waiting.settled);
        // An MPTCP connection keeps its data and its end in another socket.
        let is_mptcp = listener.protocol == Protocol::Mptcp;
        let sums = known.filter(|waiters| !is_mptcp && waiters.match_queue(length, settled));
        let read = self.namespace.queues.get(&listener.inode);
        let (abandoned, bytes) = match read.filter(|_| !is_mptcp) {
            Some(read) => (read.abandoned.map(u64::from), read.bytes),
            None => (None, None),
        };
        let none = (length == 0).then_some(0);
        let sysctls = &self.namespace.settings.listen;
        let history = self.namespace.listeners.as_ref();
        let history = history.map(|listeners| &listeners.history);
        Some(AcceptQueue {
            length,
            limit,
            fill_ratio: fill_ratio(length, limit),
            limit_set_by: limits::set_by(limit, sysctls, history, listener.cookie),
            oldest_wait_ms: read
                .and_then(|read| read.oldest_wait_ms)
                .or_else(|| known.and_then(|waiters| waiters.oldest_wait_ms)),
            abandoned: abandoned
                .or_else(|| sums.map(|waiters| waiters.abandoned(length)))
                .or(none),
            waiting_bytes: bytes.or_else(|| sums.map(|waiters| waiters.bytes)).or(none),
            sampled: None,
        })
    }

    /// The connections that wait at an address, where all must be in one socket's queue.
    fn known(&self, place: &ListenAddress) -> Option<Waiters> {
        let waiters = self.waiters.as_ref()?;
        let one = self.with_waiters.get(place) == Some(&1) && !self.addresses.contested(place);
        one.then(|| waiters.get(place).copied().unwrap_or_default())
    }

    fn syn_queue(
        &self,
        listener: &Listener,
        place: &ListenAddress,
        members: Option<&Members>,
        dropped: bool,
    ) -> SynQueue {
        let cookies = self.namespace.settings.listen.tcp_syncookies;
        let requests = self.requests.as_ref();
        let counted = requests.filter(|_| !self.addresses.contested(place));
        let requests = counted.map(|counted| counted.get(place).copied().unwrap_or_default());
        let own = self.own_requests.get(place).copied().flatten();
        let length = own.map(|own| own.count);
        let length = length.or_else(|| requests.map(|requests| requests.count));
        let peers = requests.map(|requests| requests.peers);
        let peers = match own {
            // They were not scanned for, or came since.
            Some(own) if own.count > 0 => peers.filter(|peers| *peers > 0),
            Some(_) => Some(0),
            None => peers,
        };
        let read = self.namespace.queues.get(&listener.inode);
        let sends_cookies = cookies == Some(1) && length > Some(0);
        SynQueue {
            length,
            own_length: read.map(|read| read.requests),
            unanswered: match own {
                Some(own) => own.unanswered,
                None => requests.map(|requests| requests.unanswered),
            },
            peers: peers.map(|peers| peers.min(length.unwrap_or(peers))),
            cookies_sent: self.cookies.sent,
            cookies_validated: self.cookies.validated,
            finished_ratio: self.finished_ratio,
            limit: members.and_then(|members| members.syn_limit),
            cookies,
            full_at_limit: limits::may_be_full_at_limit(&self.now.kernel)
                && (dropped || sends_cookies),
        }
    }

    fn owners(&self, inode: u32) -> (Vec<Owner>, bool) {
        let Some(owners) = &self.now.owners else {
            return (Vec::new(), false);
        };
        let found = owners.by_inode.get(&inode).cloned().unwrap_or_default();
        // A socket with an inode has an owner, so an empty list is incomplete.
        let complete = owners.complete && (inode == 0 || !found.is_empty());
        (found, complete)
    }

    /// A socket of socket activation was created by systemd in `init.scope`, so the cgroup of an
    /// owner other than process 1 shows more than the creator's.
    fn cgroup(&self, listener: &Listener, owners: &[Owner]) -> Option<String> {
        let service = owners.iter().find(|owner| owner.pid != 1);
        let owner = service.or(owners.first());
        let of_owner = owner.and_then(|owner| self.now.owners.as_ref()?.cgroups.get(&owner.pid));
        let of_creator = || self.now.cgroups.get(&listener.cgroup_id?);
        of_owner.or_else(of_creator).cloned()
    }
}

fn is_tcp(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Tcp | Protocol::Mptcp)
}

/// TCP and MPTCP listeners share one table, in which an address can be taken once.
fn table(protocol: Protocol) -> Protocol {
    if is_tcp(protocol) {
        Protocol::Tcp
    } else {
        protocol
    }
}

/// The increase of a counter of TCP.
fn risen(before: &NetnsSnapshot, now: &NetnsSnapshot, table: &str, name: &str) -> Option<u64> {
    let value = |reading: &NetnsSnapshot| reading.counters.value(table, name);
    u64::try_from(change(value(before)?, value(now)?)?).ok()
}

/// Finished handshakes, of those and the ones without an answer: SYN-ACKs that were retransmitted,
/// and cookies that did not come back. `None` where there were none, or not all was read.
fn finished_ratio(before: &NetnsSnapshot, now: &NetnsSnapshot) -> Option<f64> {
    let finished = risen(before, now, "Tcp", "PassiveOpens")?;
    let cookies = Cookies::of(before, now);
    let half_open = now.half_open.as_ref()?.by_endpoint.iter();
    let unanswered = half_open.map(|(_, requests)| u64::from(requests.unanswered));
    let unanswered = unanswered.sum::<u64>() + cookies.sent?.saturating_sub(cookies.validated?);
    let all = finished + unanswered;
    (all > 0).then(|| finished as f64 / all as f64)
}

/// SYN cookies of a namespace since the previous reading.
#[derive(Debug, Clone, Copy, Default)]
struct Cookies {
    sent: Option<u64>,
    validated: Option<u64>,
}

impl Cookies {
    fn of(before: &NetnsSnapshot, now: &NetnsSnapshot) -> Self {
        Cookies {
            sent: risen(before, now, "TcpExt", "SyncookiesSent"),
            validated: risen(before, now, "TcpExt", "SyncookiesRecv"),
        }
    }
}

/// Sums of request sockets by the address of their listener.
fn by_address(
    half_open: &HalfOpen,
    addresses: &ListenAddresses,
) -> HashMap<ListenAddress, Requests> {
    let mut sums: HashMap<ListenAddress, Requests> = HashMap::new();
    for (local, requests) in &half_open.by_endpoint {
        if let Some(place) = addresses.serving(local) {
            sums.entry(place).or_default().add(*requests);
        }
    }
    sums
}

fn drops(reading: &NetnsSnapshot) -> HashMap<u64, u32> {
    let drops = |listener: &Listener| Some((listener.cookie, listener.drops?));
    reading.sockets().iter().filter_map(drops).collect()
}

fn members(namespace: &NetnsSnapshot) -> HashMap<(Protocol, ListenAddress), Members> {
    let mut groups: HashMap<_, Members> = HashMap::new();
    for listener in namespace.sockets() {
        let Some(place) = ListenAddress::of(listener) else {
            continue;
        };
        let group = groups.entry((table(listener.protocol), place)).or_default();
        group.count += 1;
        if let Queue::Accept { limit, .. } = listener.queue {
            group.syn_limit = limits::syn_queue(limit, &namespace.settings.listen)
                .map(|limit| group.syn_limit.unwrap_or(0) + u64::from(limit));
        }
    }
    groups
}

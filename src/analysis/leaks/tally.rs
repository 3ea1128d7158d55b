//! Two readings of all sockets, of which only those are kept that may be stuck.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    ops::RangeInclusive,
    time::Duration,
};

use super::{
    LeakKind, Progress, age,
    group::{Group, Key, Sample},
    kind,
    kind::unread,
    services::Services,
};
use crate::model::{Local, Netns, SocketProtocol, SocketRow};

/// Sockets with something queued that are followed from the first reading to the second.
const MOST_FOLLOWED: usize = 100_000;
/// Up to this many groups are kept; sockets of further groups are counted together.
const MOST_GROUPS: usize = 4096;

/// A socket, by its namespace and its cookie, which is one of the host only since Linux 5.4.
type Name = (usize, u64);

/// What the first reading left for the second.
#[derive(Debug)]
pub(super) struct Earlier {
    /// From its end to the beginning of the second.
    pub between: Duration,
    /// From its beginning to that of the second.
    pub elapsed: Duration,
    pub groups: HashMap<Key, Group>,
    /// It left out sockets of groups beyond those that are kept.
    has_ungrouped: bool,
    /// The namespaces that it read are the first so many.
    places: usize,
    /// It ended before it had all sockets.
    pub is_partial: bool,
    followed: HashMap<Name, Progress>,
}

impl Earlier {
    /// Whether it has the number of sockets with this key, 0 or more.
    pub fn has_counted(&self, key: &Key) -> bool {
        let is_known = self.groups.contains_key(key) || !self.has_ungrouped;
        is_known && key.place < self.places && !self.is_partial
    }

    pub fn took(&self) -> Duration {
        self.elapsed.saturating_sub(self.between)
    }
}

/// Counts the sockets of a reading as they stream by.
#[derive(Debug)]
pub struct LeakTally {
    idle_ms: u64,
    /// Count only sockets that are among these, and connections that wait for one of them.
    only: Option<HashSet<u32>>,
    pub(super) earlier: Option<Earlier>,
    pub(super) places: Vec<Services>,
    pub(super) groups: HashMap<Key, Group>,
    /// Sockets of groups beyond those that are kept.
    pub(super) ungrouped: u64,
    /// Subflows of MPTCP connections.
    pub(super) of_mptcp: u64,
    pub(super) is_partial: bool,
    followed: HashMap<Name, Progress>,
    /// Sockets with something queued beyond those that are followed.
    pub(super) unfollowed: u64,
    here: usize,
}

impl LeakTally {
    /// A connection may be idle without keepalive for less than `idle`.
    pub fn new(idle: Duration) -> Self {
        LeakTally {
            idle_ms: u64::try_from(idle.as_millis()).unwrap_or(u64::MAX),
            only: None,
            earlier: None,
            places: Vec::new(),
            groups: HashMap::new(),
            ungrouped: 0,
            of_mptcp: 0,
            is_partial: false,
            followed: HashMap::new(),
            unfollowed: 0,
            here: 0,
        }
    }

    /// The tally of a second reading, which begins so long after this one ended, and so long after it
    /// began.
    pub fn again(self, between: Duration, elapsed: Duration) -> Self {
        LeakTally {
            unfollowed: self.unfollowed,
            earlier: Some(Earlier {
                between,
                elapsed,
                groups: self.groups,
                has_ungrouped: self.ungrouped > 0,
                places: self.places.len(),
                is_partial: self.is_partial,
                followed: self.followed,
            }),
            places: self.places,
            ..Self::new(Duration::from_millis(self.idle_ms))
        }
    }

    /// Counts only these sockets, by inode, and connections that wait for accept(2) at one of them.
    pub fn only(&mut self, inodes: HashSet<u32>) {
        self.only = Some(inodes);
    }

    /// The reading ends before it had all sockets: numbers are lower bounds, and do not show a
    /// change.
    pub fn end_early(&mut self) {
        self.is_partial = true;
    }

    /// Sockets that follow are in this namespace.
    pub fn enter(
        &mut self,
        netns: Netns,
        interfaces: BTreeMap<u32, String>,
        ephemeral: Option<RangeInclusive<u16>>,
    ) {
        let place = Services::new(netns, interfaces, ephemeral);
        let mut known = self.places.iter();
        match known.position(|known| known.netns == place.netns) {
            Some(at) => (self.here, self.places[at]) = (at, place),
            None => {
                self.here = self.places.len();
                self.places.push(place);
            }
        }
    }

    /// Listeners come before other sockets.
    pub fn add(&mut self, socket: &SocketRow) {
        if socket.is_listener() {
            self.places[self.here].listen(socket);
            return;
        }
        if !self.is_chosen(socket) {
            return;
        }
        self.of_mptcp += u64::from(socket.protocol == SocketProtocol::Mptcp);
        let name = (self.here, socket.cookie);
        if self.earlier.is_none() {
            self.follow(name, socket);
        }
        let earlier = self.earlier.as_ref();
        let progress = earlier.and_then(|earlier| earlier.followed.get(&name));
        let Some(kind) = kind(socket, progress, self.idle_ms) else {
            return;
        };
        let is_draining = progress.and_then(|progress| progress.reads_on(socket)) == Some(true);
        let between = earlier.map_or(0, |earlier| earlier.between.as_millis() as u64);
        let age_ms = age::at_least_ms(socket, kind, between);
        self.count(socket, kind, age_ms, is_draining);
    }

    pub(super) fn idle_ms(&self) -> u64 {
        self.idle_ms
    }

    fn is_chosen(&mut self, socket: &SocketRow) -> bool {
        let Some(only) = &self.only else {
            return true;
        };
        let Local::Inet(local) = &socket.local else {
            return false;
        };
        if !socket.is_unaccepted() {
            return only.contains(&socket.inode);
        }
        let place = &mut self.places[self.here];
        let listener = place.listener(local);
        listener.is_some_and(|at| place.members(&at).any(|inode| only.contains(&inode)))
    }

    fn follow(&mut self, name: Name, socket: &SocketRow) {
        let Some(progress) = Progress::of(socket) else {
            return;
        };
        match self.followed.len() < MOST_FOLLOWED {
            true => _ = self.followed.insert(name, progress),
            false => self.unfollowed += 1,
        }
    }

    fn count(&mut self, socket: &SocketRow, kind: LeakKind, age_ms: Option<u64>, draining: bool) {
        let (Local::Inet(local), Some(peer)) = (&socket.local, socket.peer) else {
            return;
        };
        let place = &mut self.places[self.here];
        let unread = unread(socket);
        let is_closed = kind == LeakKind::CloseWait;
        let key = Key {
            place: self.here,
            kind,
            unread: is_closed && unread > 0,
            held: socket.inode != 0,
            service: place.service(local, peer),
        };
        let is_full = self.groups.len() >= MOST_GROUPS;
        let group = match self.groups.entry(key) {
            Entry::Vacant(_) if is_full => {
                self.ungrouped += 1;
                return;
            }
            Entry::Vacant(vacant) => vacant.insert(Group::default()),
            Entry::Occupied(group) => group.into_mut(),
        };
        group.add(socket, unread, (local, peer), age_ms);
        group.end_unread += u64::from(is_closed && socket.receive_queue > 0);
        group.draining += u64::from(is_closed && draining);
        if kind == LeakKind::Unaccepted {
            let listener = place.listener(local);
            let is_new = |at: &_| !group.listeners.contains(at);
            group.listeners.extend(listener.filter(is_new));
            group.wait(age_ms, socket.cookie);
        }
        group.remember(
            age_ms,
            Sample {
                state: socket.state,
                local: *local,
                peer,
                receive_queue: socket.receive_queue,
                send_queue: socket.send_queue,
                inode: socket.inode,
                cookie: socket.cookie,
            },
        );
    }
}

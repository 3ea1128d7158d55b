//! Two readings of all sockets, of which only those are kept that may be stuck.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    ops::RangeInclusive,
    time::Duration,
};

use super::{LeakKind, Progress, age, kind};
use crate::model::{
    Address, Endpoint, ListenAddresses, Listener, Local, Netns, Protocol, Queue, SocketRow,
    SocketState, State, snapshot::ServiceEnd,
};

/// Sockets with something queued that are followed from the first reading to the second.
const MOST_FOLLOWED: usize = 100_000;
/// More groups than this are not told apart.
const MOST_GROUPS: usize = 4096;
/// The oldest sockets of a group that are remembered.
const SAMPLES: usize = 5;

/// Sockets of one service with the same problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The index of the namespace.
    pub place: usize,
    pub kind: LeakKind,
    /// In CLOSE_WAIT, with data that the process has not read.
    pub unread: bool,
    /// A process has them open.
    pub held: bool,
    pub service: ServiceEnd,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    pub count: u64,
    pub unread_bytes: u64,
    /// Those whose peer is another host.
    pub remote: u64,
    /// With their age, the oldest first.
    pub samples: Vec<(Option<u64>, Sample)>,
}

/// A socket of a group.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub state: SocketState,
    pub local: Endpoint,
    pub peer: Address,
    pub receive_queue: u32,
    pub send_queue: u32,
    /// Of the socket; of the listener for a connection that waits for accept(2).
    pub owned_inode: u32,
    pub inode: u32,
    pub cookie: u64,
}

/// A namespace, and who listens there.
#[derive(Debug, Default)]
pub struct Place {
    pub netns: Netns,
    pub interfaces: BTreeMap<u32, String>,
    ephemeral: Option<RangeInclusive<u16>>,
    listeners: Vec<Listener>,
    /// Of one of the sockets that listen at an address.
    inodes: HashMap<Endpoint, u32>,
    listening: Option<ListenAddresses>,
}

/// What the first reading left for the second.
#[derive(Debug)]
pub(super) struct Earlier {
    pub elapsed: Duration,
    pub groups: HashMap<Key, Group>,
    followed: HashMap<u64, Progress>,
}

/// Counts the sockets of a reading as they stream by.
#[derive(Debug)]
pub struct LeakTally {
    idle_ms: u64,
    pub(super) earlier: Option<Earlier>,
    pub(super) places: Vec<Place>,
    pub(super) groups: HashMap<Key, Group>,
    /// Sockets of groups beyond those that are kept.
    pub(super) ungrouped: u64,
    followed: HashMap<u64, Progress>,
    /// Sockets with something queued beyond those that are followed.
    pub(super) unfollowed: u64,
    here: usize,
}

impl LeakTally {
    /// A connection may be idle without keepalive for less than `idle`.
    pub fn new(idle: Duration) -> Self {
        LeakTally {
            idle_ms: u64::try_from(idle.as_millis()).unwrap_or(u64::MAX),
            earlier: None,
            places: Vec::new(),
            groups: HashMap::new(),
            ungrouped: 0,
            followed: HashMap::new(),
            unfollowed: 0,
            here: 0,
        }
    }

    /// The tally of a second reading, which began so long after this one ended.
    pub fn again(self, elapsed: Duration) -> Self {
        LeakTally {
            unfollowed: self.unfollowed,
            earlier: Some(Earlier {
                elapsed,
                groups: self.groups,
                followed: self.followed,
            }),
            places: self.places,
            ..Self::new(Duration::from_millis(self.idle_ms))
        }
    }

    /// Sockets that follow are in this namespace.
    pub fn enter(
        &mut self,
        netns: Netns,
        interfaces: BTreeMap<u32, String>,
        ephemeral: Option<RangeInclusive<u16>>,
    ) {
        let place = Place {
            netns,
            interfaces,
            ephemeral,
            ..Place::default()
        };
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
        if self.earlier.is_none() {
            self.follow(socket);
        }
        let earlier = self.earlier.as_ref();
        let progress = earlier.and_then(|earlier| earlier.followed.get(&socket.cookie));
        let Some(kind) = kind(socket, progress, self.idle_ms) else {
            return;
        };
        let between = earlier.map_or(0, |earlier| earlier.elapsed.as_millis() as u64);
        self.count(socket, kind, age::at_least_ms(socket, kind, between));
    }

    pub(super) fn idle_ms(&self) -> u64 {
        self.idle_ms
    }

    fn follow(&mut self, socket: &SocketRow) {
        let Some(progress) = Progress::of(socket) else {
            return;
        };
        match self.followed.len() < MOST_FOLLOWED {
            true => _ = self.followed.insert(socket.cookie, progress),
            false => self.unfollowed += 1,
        }
    }

    fn count(&mut self, socket: &SocketRow, kind: LeakKind, age_ms: Option<u64>) {
        let (Local::Inet(local), Some(peer)) = (&socket.local, socket.peer) else {
            return;
        };
        let place = &mut self.places[self.here];
        let listening = place
            .listening
            .get_or_insert_with(|| ListenAddresses::of(&place.listeners));
        let unread_bytes = match socket.state {
            // A FIN that the process has not seen counts as a byte.
            SocketState::Connection(State::CloseWait) => socket.receive_queue.saturating_sub(1),
            _ => socket.receive_queue,
        };
        let key = Key {
            place: self.here,
            kind,
            unread: kind == LeakKind::CloseWait && unread_bytes > 0,
            held: socket.inode != 0,
            service: ServiceEnd::of(local, peer, listening, place.ephemeral.as_ref()),
        };
        let owned_inode = match kind {
            LeakKind::Unaccepted => {
                let listener = listening.serving(local).map(|at| at.endpoint());
                listener.and_then(|at| place.inodes.get(&at).copied())
            }
            _ => Some(socket.inode),
        };
        let sample = Sample {
            state: socket.state,
            local: *local,
            peer,
            receive_queue: socket.receive_queue,
            send_queue: socket.send_queue,
            owned_inode: owned_inode.unwrap_or(0),
            inode: socket.inode,
            cookie: socket.cookie,
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
        group.count += 1;
        group.unread_bytes += u64::from(unread_bytes);
        group.remote += u64::from(is_remote(local, &peer));
        group.remember(age_ms, sample);
    }
}

impl Place {
    fn listen(&mut self, socket: &SocketRow) {
        if let Local::Inet(at) = socket.local {
            self.inodes.entry(at).or_insert(socket.inode);
        }
        self.listeners.push(listener(socket));
    }
}

impl Group {
    fn remember(&mut self, age_ms: Option<u64>, sample: Sample) {
        let at = self.samples.partition_point(|(age, _)| *age >= age_ms);
        if at < SAMPLES {
            self.samples.truncate(SAMPLES - 1);
            self.samples.insert(at, (age_ms, sample));
        }
    }
}

/// The kernel tells a peer on the same host of every end, so that none is lost.
fn is_remote(local: &Endpoint, peer: &Address) -> bool {
    let (local, peer) = (local.address.to_canonical(), peer.address.to_canonical());
    !peer.is_loopback() && local != peer
}

fn listener(socket: &SocketRow) -> Listener {
    Listener {
        protocol: Protocol::Tcp,
        local: socket.local.clone(),
        v6only: None,
        queue: Queue::Accept {
            length: socket.receive_queue,
            limit: socket.send_queue,
        },
        drops: None,
        uid: Some(socket.uid),
        inode: socket.inode,
        cookie: socket.cookie,
        cgroup_id: socket.cgroup_id,
    }
}

//! Sockets that hold ephemeral ports, counted by 4-tuple less the local port: memory grows with
//! tuples, not with sockets.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    ops::RangeInclusive,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::{Connection, Countdown, Endpoint, ListenAddresses, PortSet, State};

/// `TCP_TIMEWAIT_LEN` (include/net/tcp.h): how long the kernel keeps a TIME_WAIT.
const TIMEWAIT_MS: u32 = 60_000;

/// What holds the ports of `ip_local_port_range`. Connections that came in at a listener hold
/// none of their own and are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortHolders {
    /// Time since boot when they were read.
    pub at: Duration,
    /// `net.ipv4.ip_local_port_range` at that time.
    pub range: RangeInclusive<u16>,
    /// Each tuple, in the order of its key.
    pub tuples: Vec<(TupleKey, Tuple)>,
    /// Every socket that a process holds; `None` unless each was asked for.
    pub sockets: Option<Vec<HeldSocket>>,
    /// Ports of sockets that are bound and neither listen nor are connected; `None` where this
    /// kernel does not report them (before 6.8).
    pub bound_only: Option<PortSet>,
    /// The sockets of `bound_only`.
    pub binders: Oldest,
}

/// What connect(2) chooses a port for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TupleKey {
    /// Local address. IPv4 addresses are IPv4 here, whatever the socket's family is.
    pub source: IpAddr,
    pub destination: IpAddr,
    pub port: u16,
    /// Index of the interface that the sockets are bound to, 0 when to none.
    pub interface: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tuple {
    pub ports: PortSet,
    /// How many are in each state, in the order of [`State::ALL`].
    pub states: [u32; State::ALL.len()],
    /// Ports that have been in TIME_WAIT for longer than `tcp_tw_reuse_delay`.
    pub aged: PortSet,
    /// Ports of sockets with IP_BIND_ADDRESS_NO_PORT, chosen at connect(2) for certain.
    pub at_connect: PortSet,
    /// The sockets that a process holds.
    pub sockets: Oldest,
    pub left: Countdown,
}

/// A socket that a process holds, in the tuple of this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSocket {
    /// Index into [`PortHolders::tuples`].
    pub tuple: u32,
    pub inode: u32,
    pub state: State,
}

/// Sockets of which the oldest are remembered by their inodes, which are given in turn: their
/// descriptors are likely to be low, and soon found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oldest {
    inodes: [u32; 8],
    count: u32,
}

impl Oldest {
    pub fn add(&mut self, inode: u32) {
        let known = self.known();
        let place = self.inodes[..known].partition_point(|older| *older < inode);
        if place < self.inodes.len() {
            let end = (known + 1).min(self.inodes.len());
            self.inodes[place..end].rotate_right(1);
            self.inodes[place] = inode;
        }
        self.count += 1;
    }

    pub fn merge(&mut self, other: Oldest) {
        let count = self.count + other.count;
        other.inodes().iter().for_each(|inode| self.add(*inode));
        self.count = count;
    }

    fn known(&self) -> usize {
        self.inodes.len().min(self.count as usize)
    }

    /// The remembered ones, oldest first.
    pub fn inodes(&self) -> &[u32] {
        &self.inodes[..self.known()]
    }

    pub fn are_all(&self) -> bool {
        self.count as usize <= self.inodes.len()
    }
}

impl PortHolders {
    pub fn get(&self, key: &TupleKey) -> Option<&Tuple> {
        let at = self
            .tuples
            .binary_search_by_key(key, |(key, _)| *key)
            .ok()?;
        Some(&self.tuples[at].1)
    }
}

impl Tuple {
    fn add(&mut self, connection: &Connection, reuse_delay_ms: u32) -> bool {
        let port = connection.local.port;
        if !self.ports.insert(port) {
            return false;
        }
        self.states[connection.state.place()] += 1;
        if connection.port_at_connect == Some(true) {
            self.at_connect.insert(port);
        }
        if connection.inode != 0 {
            self.sockets.add(connection.inode);
        }
        if let (State::TimeWait, Some(left)) = (connection.state, connection.left_ms) {
            self.left.add(left);
            if TIMEWAIT_MS.saturating_sub(left) > reuse_delay_ms {
                self.aged.insert(port);
            }
        }
        true
    }

    fn merge(&mut self, other: Tuple) {
        self.ports.extend(other.ports.iter());
        let states = self.states.iter_mut().zip(other.states);
        states.for_each(|(mine, theirs)| *mine += theirs);
        self.aged.extend(other.aged.iter());
        self.at_connect.extend(other.at_connect.iter());
        self.sockets.merge(other.sockets);
        self.left.merge(&other.left);
    }

    pub fn used(&self) -> u64 {
        self.ports.len() as u64
    }

    pub fn in_state(&self, state: State) -> u32 {
        self.states[state.place()]
    }
}

/// Counts sockets as they stream by.
#[derive(Debug)]
pub struct PortTally<'a> {
    range: RangeInclusive<u16>,
    listening: &'a ListenAddresses,
    reuse_delay_ms: u32,
    numbers: HashMap<TupleKey, u32>,
    tuples: Vec<(TupleKey, Tuple)>,
    sockets: Option<Vec<HeldSocket>>,
    bound: PortSet,
    binders: Oldest,
}

impl<'a> PortTally<'a> {
    /// An empty one. With `each_socket` the inode of every socket is kept.
    pub fn new(
        range: RangeInclusive<u16>,
        listening: &'a ListenAddresses,
        reuse_delay_ms: u32,
        each_socket: bool,
    ) -> Self {
        PortTally {
            range,
            listening,
            reuse_delay_ms,
            numbers: HashMap::new(),
            tuples: Vec::new(),
            sockets: each_socket.then(Vec::new),
            bound: PortSet::default(),
            binders: Oldest::default(),
        }
    }

    /// Counts a connection, unless its port is outside of the range or it came in at a listener.
    pub fn add(&mut self, connection: &Connection) {
        let local = &connection.local;
        if !self.range.contains(&local.port) || self.listening.serving(local).is_some() {
            return;
        }
        let number = self.number(TupleKey {
            source: local.address.to_canonical(),
            destination: connection.peer.to_canonical(),
            port: connection.peer_port,
            interface: local.interface,
        });
        let (_, tuple) = &mut self.tuples[number as usize];
        // The dump may meet a connection twice while it moves from one state to the next.
        if tuple.add(connection, self.reuse_delay_ms)
            && connection.inode != 0
            && let Some(sockets) = &mut self.sockets
        {
            sockets.push(HeldSocket {
                tuple: number,
                inode: connection.inode,
                state: connection.state,
            });
        }
    }

    /// Counts a socket that is bound and neither listens nor is connected.
    pub fn add_bound(&mut self, local: &Endpoint, inode: u32) {
        if self.range.contains(&local.port) {
            self.bound.insert(local.port);
            self.binders.add(inode);
        }
    }

    fn number(&mut self, key: TupleKey) -> u32 {
        let next = self.tuples.len() as u32;
        match self.numbers.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.tuples.push((key, Tuple::default()));
                *new.insert(next)
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        let mut numbers = Vec::with_capacity(other.tuples.len());
        for (key, tuple) in other.tuples {
            let number = self.number(key);
            numbers.push(number);
            self.tuples[number as usize].1.merge(tuple);
        }
        if let (Some(sockets), Some(more)) = (&mut self.sockets, other.sockets) {
            sockets.extend(renumbered(more, &numbers));
        }
        self.bound.extend(other.bound.iter());
        self.binders.merge(other.binders);
    }

    /// What was counted. `reports_bound`: this kernel reports sockets that are only bound.
    pub fn finish(mut self, at: Duration, reports_bound: bool) -> PortHolders {
        let mut order: Vec<u32> = (0..self.tuples.len() as u32).collect();
        order.sort_unstable_by_key(|number| self.tuples[*number as usize].0);
        let mut places = vec![0; order.len()];
        for (place, number) in order.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        self.tuples.sort_unstable_by_key(|(key, _)| *key);
        let bound_only = (reports_bound || !self.bound.is_empty()).then_some(self.bound);
        PortHolders {
            at,
            range: self.range,
            tuples: self.tuples,
            sockets: self
                .sockets
                .map(|sockets| renumbered(sockets, &places).collect()),
            bound_only,
            binders: self.binders,
        }
    }
}

fn renumbered(sockets: Vec<HeldSocket>, numbers: &[u32]) -> impl Iterator<Item = HeldSocket> {
    sockets.into_iter().map(|socket| HeldSocket {
        tuple: numbers[socket.tuple as usize],
        ..socket
    })
}

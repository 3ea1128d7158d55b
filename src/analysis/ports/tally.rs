//! Counting connections by tuple as they stream by: memory grows with tuples, not with sockets.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
};

use super::{Capacity, capacity::is_loopback};
use crate::{
    analysis::countdown::Countdown,
    model::{Connection, PortSet, State},
};

/// What connect(2) chooses a port for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TupleKey {
    /// Local address. IPv4 addresses are IPv4 here, whatever the socket's family is.
    pub source: IpAddr,
    /// Remote address.
    pub destination: IpAddr,
    /// Remote port.
    pub port: u16,
    /// Index of the device that the sockets are bound to, 0 when to none.
    pub interface: u32,
}

/// The connections of one tuple.
#[derive(Debug, Clone, Default)]
pub struct Tuple {
    /// Different local ports.
    pub ports: PortSet,
    /// How many are in each state, in the order of [`State::ALL`].
    pub states: [u32; State::ALL.len()],
    /// Ports whose TIME_WAITs are old enough to be taken over by connect(2).
    pub reusable: PortSet,
    /// Both ends are of this host.
    pub is_loopback: bool,
    /// Those of IP_BIND_ADDRESS_NO_PORT, chosen at connect(2) for sure.
    pub at_connect: PortSet,
    /// Those that somebody holds.
    pub sockets: Oldest,
    /// When its TIME_WAITs run out.
    pub left: Countdown,
}

/// A socket that somebody holds, in the tuple of this number.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Number of the tuple.
    pub tuple: u32,
    /// The socket's inode.
    pub inode: u32,
    /// Its state.
    pub state: State,
}

/// Sockets of which the oldest are remembered by their inodes, which are given in turn: their
/// descriptors are likely to be low, and soon found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oldest {
    inodes: [u32; 8],
    count: u32,
}

impl Oldest {
    /// Counts one.
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

    /// Counts those of another.
    pub fn merge(&mut self, other: Oldest) {
        let count = self.count + other.count;
        other.inodes().iter().for_each(|inode| self.add(*inode));
        self.count = count;
    }

    fn known(&self) -> usize {
        self.inodes.len().min(self.count as usize)
    }

    /// Those that are remembered.
    pub fn inodes(&self) -> &[u32] {
        &self.inodes[..self.known()]
    }

    /// Whether those are all.
    pub fn are_all(&self) -> bool {
        self.count as usize <= self.inodes.len()
    }
}

/// Every tuple.
#[derive(Debug, Default)]
pub struct Tally {
    numbers: HashMap<TupleKey, u32>,
    tuples: Vec<(TupleKey, Tuple)>,
    held: Option<Vec<Held>>,
}

impl Tally {
    /// Nothing counted yet. With `each_socket` the inode of each is kept, to tell by process.
    pub fn new(each_socket: bool) -> Self {
        Tally {
            held: each_socket.then(Vec::new),
            ..Tally::default()
        }
    }

    /// Counts one, unless it came in at a listener.
    pub fn add(&mut self, connection: &Connection, capacity: &Capacity) {
        if capacity.came_in(connection) {
            return;
        }
        let number = self.number(TupleKey {
            source: connection.local.address.to_canonical(),
            destination: connection.peer.to_canonical(),
            port: connection.peer_port,
            interface: connection.local.interface,
        });
        let (_, tuple) = &mut self.tuples[number as usize];
        tuple.is_loopback = is_loopback(connection);
        // The walk may meet a connection twice while it moves from one state to the next.
        if tuple.add(connection, capacity.is_reusable(connection))
            && connection.inode != 0
            && let Some(held) = &mut self.held
        {
            held.push(Held {
                tuple: number,
                inode: connection.inode,
                state: connection.state,
            });
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

    /// Adds what another walk counted.
    pub fn merge(&mut self, other: Tally) {
        let mut numbers = Vec::with_capacity(other.tuples.len());
        for (key, tuple) in other.tuples {
            let number = self.number(key);
            numbers.push(number);
            self.tuples[number as usize].1.merge(tuple);
        }
        if let (Some(held), Some(more)) = (&mut self.held, other.held) {
            held.extend(more.into_iter().map(|socket| Held {
                tuple: numbers[socket.tuple as usize],
                ..socket
            }));
        }
    }

    /// Each tuple; its number is its place.
    pub fn tuples(&self) -> &[(TupleKey, Tuple)] {
        &self.tuples
    }

    /// One tuple.
    pub fn get(&self, key: &TupleKey) -> Option<&Tuple> {
        let number = self.numbers.get(key)?;
        Some(&self.tuples[*number as usize].1)
    }

    /// Every socket that somebody holds; nothing unless each was to be kept.
    pub fn held(&self) -> &[Held] {
        self.held.as_deref().unwrap_or_default()
    }
}

impl Tuple {
    fn add(&mut self, connection: &Connection, is_reusable: bool) -> bool {
        if !self.ports.insert(connection.local.port) {
            return false;
        }
        self.states[place(connection.state)] += 1;
        if is_reusable {
            self.reusable.insert(connection.local.port);
        }
        if connection.port_at_connect == Some(true) {
            self.at_connect.insert(connection.local.port);
        }
        if connection.inode != 0 {
            self.sockets.add(connection.inode);
        }
        if let (State::TimeWait, Some(left)) = (connection.state, connection.left_ms) {
            self.left.add(left);
        }
        true
    }

    fn merge(&mut self, other: Tuple) {
        self.ports.extend(other.ports.iter());
        let states = self.states.iter_mut().zip(other.states);
        states.for_each(|(mine, theirs)| *mine += theirs);
        self.reusable.extend(other.reusable.iter());
        self.is_loopback |= other.is_loopback;
        self.at_connect.extend(other.at_connect.iter());
        self.sockets.merge(other.sockets);
        self.left.merge(&other.left);
    }

    /// How many local ports it holds.
    pub fn used(&self) -> u64 {
        self.ports.len() as u64
    }

    /// How many are in this state.
    pub fn in_state(&self, state: State) -> u32 {
        self.states[place(state)]
    }
}

fn place(state: State) -> usize {
    let place = State::ALL.iter().position(|other| *other == state);
    place.expect("ALL holds every state")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn oldest(inodes: &[u32]) -> Oldest {
        let mut oldest = Oldest::default();
        inodes.iter().for_each(|inode| oldest.add(*inode));
        oldest
    }

    proptest! {
        #[test]
        fn the_smallest_inodes_are_remembered(
            inodes in prop::collection::btree_set(1u32..1000, 0..30),
            split in 0usize..30,
        ) {
            let shuffled: Vec<u32> = inodes.iter().rev().copied().collect();
            let (one, other) = shuffled.split_at(split.min(shuffled.len()));
            let mut both = oldest(one);
            both.merge(oldest(other));
            let expected: Vec<u32> = inodes.iter().copied().take(8).collect();
            prop_assert_eq!(both.inodes(), &expected[..]);
            prop_assert_eq!(both.are_all(), inodes.len() <= 8);
        }
    }
}

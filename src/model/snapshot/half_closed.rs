//! Connections that one end has closed and the other has not, counted by service.

use std::{
    cmp::Reverse,
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    ops::RangeInclusive,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::model::{Address, Connection, Endpoint, ListenAddresses, SocketState, State, StateSet};

/// A CPU takes this many inode numbers at a time (`LAST_INO_BATCH`, fs/inode.c): within one batch
/// they rise with age, and a younger socket of one CPU may have a lower number than an older one of
/// another.
const BATCH: u32 = 1024;
/// So many sockets of a batch are remembered, and of so many batches of a group.
const SAMPLES: usize = 3;
const BATCHES: usize = 8;
/// Up to this many groups are kept; sockets of further groups are counted together.
const MOST_GROUPS: usize = 4096;

/// Sockets in CLOSE_WAIT, FIN_WAIT1, FIN_WAIT2 and LAST_ACK, by state and service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfClosed {
    /// Time since boot when they were read.
    pub at: Duration,
    /// The largest group first.
    pub groups: Vec<(HalfClosedKey, HalfClosedGroup)>,
    /// Sockets of services beyond the first 4096 that were found.
    pub ungrouped: u64,
}

impl HalfClosed {
    pub const STATES: StateSet = StateSet::of(&[
        SocketState::Connection(State::CloseWait),
        SocketState::Connection(State::FinWait1),
        SocketState::Connection(State::FinWait2),
        SocketState::Connection(State::LastAck),
    ]);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HalfClosedKey {
    pub state: State,
    pub service: ServiceEnd,
}

/// The end of a connection that many others share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceEnd {
    /// A listener here or, without one, the local address and a port that is not ephemeral.
    Local(Address),
    /// A service elsewhere.
    Peer(Address),
}

/// `net.ipv4.ip_local_port_range` of a new namespace (`inet_init_net`, net/ipv4/af_inet.c).
const DEFAULT_EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

impl ServiceEnd {
    /// Of a connection. `ephemeral` is `ip_local_port_range`; the default of the kernel stands for
    /// one that is unknown.
    pub fn of(
        local: &Endpoint,
        peer: Address,
        listening: &ListenAddresses,
        ephemeral: Option<&RangeInclusive<u16>>,
    ) -> Self {
        let address = |address: IpAddr, port| Address {
            address: address.to_canonical(),
            port,
        };
        if let Some(listener) = listening.serving(local) {
            let at = listener.endpoint();
            return ServiceEnd::Local(address(at.address, at.port));
        }
        // Without a listener, a port outside the range is that of a server whose listener is closed,
        // or of a client that bound it, whose peer has no ephemeral port either.
        let range = ephemeral.unwrap_or(&DEFAULT_EPHEMERAL);
        let is_client = range.contains(&local.port) || !range.contains(&peer.port);
        match is_client {
            true => ServiceEnd::Peer(address(peer.address, peer.port)),
            false => ServiceEnd::Local(address(local.address, local.port)),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfClosedGroup {
    /// Sockets that a process holds.
    pub held: u64,
    /// Sockets that no process holds: in CLOSE_WAIT they wait in an accept queue, in the other
    /// states they were closed and the kernel ends them in time.
    pub unheld: u64,
    /// Sockets of either kind that retransmit, or whose peer's window is closed.
    #[serde(default)]
    pub held_up: u64,
    /// Some of the sockets that a process holds, in the order of their inodes: those that are the
    /// oldest of their CPU, likely.
    pub samples: Vec<HalfClosedSocket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HalfClosedSocket {
    pub inode: u32,
    /// The local end, in the socket's family.
    pub local: Endpoint,
    pub peer: Address,
    /// Time since the last ACK came. In CLOSE_WAIT and FIN_WAIT2 the socket has been in this state
    /// at least as long: an ACK came with the segment that led to it; in FIN_WAIT1 and LAST_ACK it
    /// may have been idle before. `None` where it was not read.
    pub silent_ms: Option<u32>,
}

/// Counts sockets as they stream by.
#[derive(Debug)]
pub struct HalfClosedTally<'a> {
    listening: &'a ListenAddresses,
    /// `ip_local_port_range`.
    ephemeral: Option<RangeInclusive<u16>>,
    groups: HashMap<HalfClosedKey, HalfClosedGroup>,
    ungrouped: u64,
}

impl<'a> HalfClosedTally<'a> {
    pub fn new(listening: &'a ListenAddresses, ephemeral: Option<RangeInclusive<u16>>) -> Self {
        HalfClosedTally {
            listening,
            ephemeral,
            groups: HashMap::new(),
            ungrouped: 0,
        }
    }

    pub fn add(&mut self, connection: &Connection) {
        let state = connection.state;
        if !HalfClosed::STATES.contains(SocketState::Connection(state)) {
            return;
        }
        let service = self.service(connection);
        let Some(group) = self.group(HalfClosedKey { state, service }) else {
            self.ungrouped += 1;
            return;
        };
        group.held_up += u64::from(connection.is_held_up);
        match connection.inode {
            0 => group.unheld += 1,
            inode => {
                group.held += 1;
                group.remember(HalfClosedSocket {
                    inode,
                    local: connection.local,
                    peer: Address {
                        address: connection.peer,
                        port: connection.peer_port,
                    },
                    silent_ms: None,
                });
            }
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.ungrouped += other.ungrouped;
        for (key, theirs) in other.groups {
            match self.group(key) {
                Some(mine) => mine.merge(theirs),
                None => self.ungrouped += theirs.held + theirs.unheld,
            }
        }
    }

    pub fn finish(self, at: Duration) -> HalfClosed {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_unstable_by_key(|(key, group)| (Reverse(group.held), *key));
        HalfClosed {
            at,
            groups,
            ungrouped: self.ungrouped,
        }
    }

    fn group(&mut self, key: HalfClosedKey) -> Option<&mut HalfClosedGroup> {
        let is_full = self.groups.len() >= MOST_GROUPS;
        match self.groups.entry(key) {
            Entry::Occupied(group) => Some(group.into_mut()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(place) => Some(place.insert(HalfClosedGroup::default())),
        }
    }

    fn service(&self, connection: &Connection) -> ServiceEnd {
        let peer = Address {
            address: connection.peer,
            port: connection.peer_port,
        };
        ServiceEnd::of(
            &connection.local,
            peer,
            self.listening,
            self.ephemeral.as_ref(),
        )
    }
}

impl HalfClosedGroup {
    fn remember(&mut self, socket: HalfClosedSocket) {
        let batch = |one: &HalfClosedSocket| one.inode / BATCH;
        let own = batch(&socket);
        let place = self.samples.partition_point(|one| one.inode < socket.inode);
        self.samples.insert(place, socket);
        let end = self.samples.partition_point(|one| batch(one) <= own);
        let begin = self.samples.partition_point(|one| batch(one) < own);
        if end - begin > SAMPLES {
            self.samples.remove(end - 1);
        }
        if self
            .samples
            .chunk_by(|one, next| batch(one) == batch(next))
            .count()
            > BATCHES
        {
            let last = self.samples.last().map(batch);
            self.samples.retain(|one| Some(batch(one)) != last);
        }
    }

    fn merge(&mut self, other: Self) {
        self.held += other.held;
        self.unheld += other.unheld;
        self.held_up += other.held_up;
        for socket in other.samples {
            self.remember(socket);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Family, Listener, Local, Protocol, Queue};

    fn endpoint(address: [u8; 4], port: u16) -> Endpoint {
        Endpoint {
            family: Family::V4,
            address: address.into(),
            port,
            interface: 0,
        }
    }

    fn listening() -> ListenAddresses {
        let listener = Listener {
            protocol: Protocol::Tcp,
            local: Local::Inet(endpoint([0; 4], 80)),
            v6only: None,
            queue: Queue::Accept {
                length: 0,
                limit: 9,
            },
            drops: None,
            uid: None,
            inode: 1,
            cookie: 1,
            cgroup_id: None,
        };
        ListenAddresses::of([&listener])
    }

    fn connection(state: State, local: u16, peer: u16, inode: u32) -> Connection {
        Connection {
            local: endpoint([10, 0, 0, 1], local),
            peer: [10, 0, 0, 2].into(),
            peer_port: peer,
            state,
            left_ms: None,
            inode,
            port_at_connect: None,
            is_held_up: false,
        }
    }

    fn tallied(connections: &[Connection]) -> HalfClosed {
        let listening = listening();
        let mut tallies = [(); 2].map(|()| HalfClosedTally::new(&listening, Some(40_000..=50_000)));
        for (index, connection) in connections.iter().enumerate() {
            tallies[index % 2].add(connection);
        }
        let [mut all, other] = tallies;
        all.merge(other);
        all.finish(Duration::ZERO)
    }

    fn local(address: [u8; 4], port: u16) -> ServiceEnd {
        ServiceEnd::Local(Address {
            address: address.into(),
            port,
        })
    }

    #[test]
    fn a_group_is_a_service_here_or_elsewhere() {
        let of = |local, peer| tallied(&[connection(State::CloseWait, local, peer, 7)]).groups[0].0;
        assert_eq!(of(80, 45_000).service, super::tests::local([0; 4], 80));
        let elsewhere = ServiceEnd::Peer(Address {
            address: [10, 0, 0, 2].into(),
            port: 5432,
        });
        assert_eq!(of(45_000, 5432).service, elsewhere);
        let closed = super::tests::local([10, 0, 0, 1], 81);
        assert_eq!(of(81, 45_000).service, closed, "its listener has closed");
    }

    #[test]
    fn sockets_that_no_process_holds_are_counted_apart() {
        let found = tallied(&[
            connection(State::CloseWait, 80, 1, 0),
            connection(State::CloseWait, 80, 2, 9),
            connection(State::Established, 80, 3, 8),
        ]);
        let [(_, group)] = &found.groups[..] else {
            panic!("{found:?}");
        };
        assert_eq!((group.held, group.unheld), (1, 1));
    }

    #[test]
    fn the_lowest_inodes_of_each_batch_are_remembered_and_the_largest_group_is_first() {
        let inodes = [50, 20, 40, 2000, 10, 2003, 30, 2001, 2002];
        let mut all = vec![connection(State::FinWait2, 80, 1, 7)];
        all.extend(inodes.map(|inode| connection(State::CloseWait, 80, 1, inode)));
        let found = tallied(&all);
        let [(largest, group), _] = &found.groups[..] else {
            panic!("{found:?}");
        };
        assert_eq!(largest.state, State::CloseWait);
        let remembered: Vec<u32> = group.samples.iter().map(|one| one.inode).collect();
        let lowest = vec![10, 20, 30, 2000, 2001, 2002];
        assert_eq!((group.held, remembered), (9, lowest));
    }

    #[test]
    fn the_lowest_batches_are_remembered() {
        let inodes = (0..20).rev().map(|batch| batch * BATCH + 7);
        let all: Vec<_> = inodes
            .map(|inode| connection(State::CloseWait, 80, 1, inode))
            .collect();
        let found = tallied(&all);
        let remembered = found.groups[0].1.samples.iter().map(|one| one.inode);
        let lowest = (0..BATCHES as u32).map(|batch| batch * BATCH + 7);
        assert!(remembered.eq(lowest), "{found:#?}");
    }

    #[test]
    fn more_groups_than_are_kept_are_counted_together() {
        let one = |port: u16| connection(State::CloseWait, 45_000, port, 7);
        let all: Vec<_> = (0..=MOST_GROUPS as u16 + 9).map(one).collect();
        let found = tallied(&all);
        assert_eq!(found.groups.len(), MOST_GROUPS);
        assert_eq!(found.ungrouped, 10);
    }

    #[test]
    fn the_service_is_where_somebody_listens_else_where_no_port_is_ephemeral() {
        let listening = listening();
        let ports = |port, peer| {
            let at = endpoint([10, 0, 0, 1], port);
            let peer = Address {
                address: [10, 0, 0, 2].into(),
                port: peer,
            };
            let range = 40_000..=50_000;
            match ServiceEnd::of(&at, peer, &listening, Some(&range)) {
                ServiceEnd::Local(service) => (true, service.port),
                ServiceEnd::Peer(service) => (false, service.port),
            }
        };
        assert_eq!(ports(41_000, 5432), (false, 5432));
        assert_eq!(ports(80, 2049), (true, 80), "it listens");
        assert_eq!(ports(8080, 41_000), (true, 8080), "its listener is closed");
        assert_eq!(ports(871, 2049), (false, 2049), "a client bound the port");
    }
}

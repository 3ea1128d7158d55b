//! Keeps the sockets that are wanted, of all that are read.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    ops::ControlFlow,
};

use super::{Held, HeldSocket, KEPT, Wants};
use crate::{
    collect::{Place, SocketSink},
    model::{
        Local, OtherSocket, Owner, SocketProtocol, SocketRow, SocketState, State, TimerKind,
        filter::{End, View},
    },
    source::BoundSocket,
};

/// What decides about bind(2) beside a socket, apart from its options.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    place: usize,
    protocol: SocketProtocol,
    local: Local,
    v6only: Option<bool>,
    state: SocketState,
    /// The kernel keeps it in place of a socket.
    is_time_wait: bool,
    uid: u32,
}

impl Kind {
    fn of(place: usize, socket: &SocketRow) -> Self {
        Kind {
            place,
            protocol: socket.protocol,
            local: socket.local.clone(),
            v6only: socket.v6only,
            state: socket.state,
            is_time_wait: socket.timer.map(|timer| timer.kind) == Some(TimerKind::TimeWait),
            uid: socket.uid,
        }
    }
}

pub struct Finder {
    pub wants: Wants,
    pub held: Held,
    /// Where in `held.omitted` each of them is.
    omitted: HashMap<Kind, usize>,
    /// Of the open ones, those that came.
    listed: HashSet<u32>,
}

impl Finder {
    pub fn new(wants: Wants) -> Self {
        Finder {
            wants,
            held: Held::default(),
            omitted: HashMap::new(),
            listed: HashSet::new(),
        }
    }

    /// Open sockets that did not come, each with one of its owners.
    pub fn unlisted(&self) -> impl Iterator<Item = (u32, &Owner)> {
        let open = match &self.wants {
            Wants::Port(_) => None,
            Wants::OpenIn(open) => Some(open),
        };
        let open = open.into_iter().flatten();
        let unlisted = open.filter(|(inode, _)| !self.listed.contains(inode));
        unlisted.filter_map(|(inode, owners)| Some((*inode, owners.first()?)))
    }

    fn is_wanted(&self, socket: &SocketRow) -> bool {
        // A request socket holds no port: its listener does. Both ends of a simultaneous open pass
        // the same state as full sockets, which a process has open.
        let is_syn_recv = socket.state == SocketState::Connection(State::SynRecv);
        let is_request = is_syn_recv && socket.inode == 0;
        match &self.wants {
            Wants::Port(_) => !is_request,
            Wants::OpenIn(inodes) => inodes.contains_key(&socket.inode),
        }
    }

    /// Those that sock_diag does not report.
    pub fn add_bound(&mut self, bound: Vec<BoundSocket>) {
        let known: HashSet<u64> = self
            .held
            .sockets
            .iter()
            .map(|one| one.socket.cookie)
            .collect();
        for BoundSocket { netns, socket } in bound {
            let mut places = self.held.places.iter();
            let place = places.position(|place| place.netns.inode == Some(netns));
            let is_wanted = match &self.wants {
                Wants::Port(port) => {
                    socket.address(End::Local).map(|local| local.port) == Some(*port)
                }
                Wants::OpenIn(_) => self.is_wanted(&socket),
            };
            if let Some(place) = place.filter(|_| is_wanted && !known.contains(&socket.cookie)) {
                self.listed.insert(socket.inode);
                let options = None;
                self.held.sockets.push(HeldSocket {
                    place,
                    socket,
                    options,
                });
            }
        }
    }
}

impl SocketSink for Finder {
    fn enter(&mut self, place: Place) {
        self.held.places.push(place);
    }

    fn socket(&mut self, socket: SocketRow) -> ControlFlow<()> {
        if !self.is_wanted(&socket) {
            return ControlFlow::Continue(());
        }
        self.listed.insert(socket.inode);
        let place = self.held.places.len() - 1;
        let is_one_of_many = matches!(socket.state, SocketState::Connection(_));
        let is_beyond = is_one_of_many && self.held.sockets.len() >= KEPT;
        let kind = is_beyond.then(|| Kind::of(place, &socket));
        let one = HeldSocket {
            place,
            socket,
            options: None,
        };
        let omitted = &mut self.held.omitted;
        match kind.map(|kind| self.omitted.entry(kind)) {
            None => self.held.sockets.push(one),
            Some(Entry::Occupied(at)) => omitted[*at.get()].1 += 1,
            Some(Entry::Vacant(at)) => {
                at.insert(omitted.len());
                omitted.push((one, 1));
            }
        }
        ControlFlow::Continue(())
    }

    fn other(&mut self, socket: OtherSocket) -> ControlFlow<()> {
        if let Wants::OpenIn(inodes) = &self.wants
            && inodes.contains_key(&socket.inode)
        {
            self.listed.insert(socket.inode);
            self.held.others.push((self.held.places.len() - 1, socket));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::{Endpoint, Family, SocketTimer};

    pub fn connection(inode: u32) -> SocketRow {
        SocketRow {
            inode,
            cookie: inode.into(),
            ..SocketRow::bare(
                SocketProtocol::Tcp,
                SocketState::Connection(State::Established),
                Local::Inet(Endpoint {
                    family: Family::V4,
                    address: [10, 0, 0, 1].into(),
                    port: 80,
                    interface: 0,
                }),
            )
        }
    }

    fn counts(finder: &Finder) -> Vec<u64> {
        let omitted = finder.held.omitted.iter();
        omitted.map(|(_, count)| *count).collect()
    }

    /// It holds its port; a request socket leaves that to its listener.
    #[test]
    fn a_socket_of_a_process_that_received_a_syn_is_kept() {
        let syn_recv = |inode| SocketRow {
            state: SocketState::Connection(State::SynRecv),
            ..connection(inode)
        };
        let mut finder = Finder::new(Wants::Port(80));
        finder.enter(Place::default());
        for inode in [0, 7] {
            assert!(finder.socket(syn_recv(inode)).is_continue());
        }
        let kept = finder.held.sockets.iter();
        let kept: Vec<u32> = kept.map(|one| one.socket.inode).collect();
        assert_eq!(kept, [7]);
    }

    /// What bind(2) returns beside them differs.
    #[test]
    fn connections_that_are_counted_only_are_told_apart_by_what_they_claim() {
        let mut finder = Finder::new(Wants::Port(80));
        finder.enter(Place::default());
        for inode in 1..=KEPT as u32 {
            assert!(finder.socket(connection(inode)).is_continue());
        }
        let beyond = connection(KEPT as u32 + 1);
        let on = |interface| {
            Local::Inet(Endpoint {
                family: Family::V4,
                address: [10, 0, 0, 1].into(),
                port: 80,
                interface,
            })
        };
        let fin_wait2 = SocketState::Connection(State::FinWait2);
        let others = [
            beyond.clone(),
            SocketRow {
                protocol: SocketProtocol::Udp,
                ..beyond.clone()
            },
            SocketRow {
                uid: 1000,
                ..beyond.clone()
            },
            SocketRow {
                local: on(2),
                ..beyond.clone()
            },
            SocketRow {
                state: fin_wait2,
                ..beyond.clone()
            },
            SocketRow {
                state: fin_wait2,
                timer: Some(SocketTimer {
                    kind: TimerKind::TimeWait,
                    expires_ms: 1,
                    retransmits: 0,
                    backoff: None,
                }),
                ..beyond.clone()
            },
            // The same as the first.
            SocketRow {
                inode: 0,
                receive_queue: 1,
                ..beyond
            },
        ];
        for other in others {
            assert!(finder.socket(other).is_continue());
        }
        assert_eq!(counts(&finder), [2, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn connections_that_are_counted_only_are_listed_all_the_same() {
        let all = KEPT as u32 + 2;
        let owner = Owner {
            pid: 7,
            name: "api".to_owned(),
            fd: 3,
        };
        let open = (1..=all).map(|inode| (inode, vec![owner.clone()]));
        let mut finder = Finder::new(Wants::OpenIn(open.collect()));
        finder.enter(Place::default());
        for inode in 2..=all {
            assert!(finder.socket(connection(inode)).is_continue());
        }
        assert_eq!(finder.held.sockets.len(), KEPT);
        assert_eq!(counts(&finder), [1]);
        let unlisted: Vec<u32> = finder.unlisted().map(|(inode, _)| inode).collect();
        assert_eq!(unlisted, [1]);
    }
}
